"""Pipelines: those of the project, with their graph and a form for their parameters; uploads; new runs."""

from __future__ import annotations

import hashlib
import importlib.util
import re
from typing import Any
from urllib.parse import quote

from headrace import disk
from headrace.errors import InvalidInput, UnknownName
from headrace.orchestration.up import UPLOADED
from headrace.report import Box, Html, diagram
from headrace.store import RunRow
from headrace.web.asking import Ask, Done, Page
from headrace.web.views._queueing import queue
from headrace.web.views._rows import run_href, run_rows

__all__ = ["listing", "run", "show", "upload"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}\.py")
_LARGEST = 1 << 20


def listing(ask: Ask) -> Page:
    """`/pipelines`: the project's files with a pipeline, the pipelines that were run, and the form for another file."""
    store = ask.store
    files = [
        {"file": name, "is_watched": is_watched(ask, name), "size_bytes": path.stat().st_size}
        for name, path in ask.site.files().items()
        if path.is_file()
    ]
    kept = [
        {"pipeline": row.pipeline, "num_runs": row.num_runs, "newest_us": row.newest_us} for row in store.pipelines()
    ]
    data = {
        "files": files,
        "pipelines": kept,
        "may_upload": ask.person.may("operator") and ask.site.settings.web_uploads,
    }
    return Page("pipelines", "Pipelines", data)


def is_watched(ask: Ask, file: str) -> bool:
    """Whether `headrace up` runs it by itself: an upload only where its owner said so."""
    event = ask.store.newest_event(UPLOADED, file=file)
    return event is None or bool(event.body.get("is_watched"))


def upload(ask: Ask) -> Done:
    """`POST /pipelines`: a Python file goes into the project's folder, and is looked at in a contained process.

    It is not run, and `headrace up` does not watch it, unless that was asked for.
    """
    if not ask.site.settings.web_uploads:
        raise InvalidInput("uploads are switched off", expected="the setting web_uploads = true")
    given = ask.upload
    if given is None or not given.content.strip():
        raise InvalidInput("no file was chosen", expected="a Python file with a function under @hr.pipeline")
    name = given.name.replace("\\", "/").rpartition("/")[2]
    if _NAME.fullmatch(name) is None:
        raise InvalidInput(f"{name[:80]!r} is not a file's name here", expected="letters, digits and _, then .py")
    if len(given.content) > _LARGEST:
        raise InvalidInput(f"{name} has {len(given.content):,} bytes", expected=f"at most {_LARGEST:,}")
    target = ask.site.project / name
    is_known = name in ask.site.files()
    if not is_known and (target.exists() or _is_module(name.removesuffix(".py"))):
        raise InvalidInput(f"{name} would hide a module, or replace another file, of that name", fix="rename it")
    if is_known and ask.form.get("replace") != "yes":
        raise InvalidInput(f"there is a pipeline {name}", expected="a tick at 'replace', or another name")
    try:
        given.content.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidInput(f"{name} is not text", expected="Python in UTF-8") from None
    digest = hashlib.sha256(given.content).hexdigest()
    kept = disk.make_folder(ask.store.home.path / "uploads", mode=0o700)
    replaced = None
    if is_known:  # what it was stays to be had
        before = target.read_bytes()
        replaced = hashlib.sha256(before).hexdigest()
        disk.write_file(kept / f"{replaced}.py", before)
    disk.write_file(kept / f"{digest}.py", given.content)
    watched = ask.form.get("watch") == "yes"
    facts = {"file": name, "sha256": digest, "replaced": replaced, "is_watched": watched}
    # Said before the file is there: `headrace up` must not find one that it knows nothing of.
    ask.store.append_event(UPLOADED, {**facts, "who": ask.person.name})
    disk.write_file(target, given.content)
    ask.audit("upload", **facts)
    ask.site.forget_files()
    if name not in ask.site.files():
        said = f"{name} is here; it holds no function under @hr.pipeline, so that there is nothing to run."
        return Done("/pipelines", said, facts)
    ask.site.look(target)
    return Done(_href(name), f"{name} is here, and is being looked at.", facts)


def _is_module(stem: str) -> bool:
    """Whether Python would find a module of that name: a file in front of it would be found instead."""
    try:
        return importlib.util.find_spec(stem) is not None
    except (ImportError, ValueError):
        return True


def show(ask: Ask) -> Page:
    """`/pipelines/FILE`: its pipelines as graphs, with their forms; while it is looked at, that."""
    name = ask.path["file"]
    path = _path(ask, name)
    look = ask.site.look(path)
    is_looking = look.is_looking  # asked once, and before what it found: a look that ends in between is shown again
    found = look.found or {"pipelines": [], "error": None}
    again = _run_of(ask)
    pipelines: list[dict[str, Any]] = []
    graphs: dict[str, Html] = {}
    for item in found["pipelines"]:
        plan = item.get("plan")
        steps = [{"name": step["name"], "call": step["call"]} for step in plan["steps"]] if plan else []
        runs = run_rows(ask.store, ask.store.runs(pipeline=item["name"], limit=5))
        form = [_field(field, again) for field in item["form"]]
        entry = {"name": item["name"], "form": form, "error": item.get("error"), "steps": steps, "runs": runs}
        pipelines.append({**entry, "schedule": item.get("schedule")})
        if plan:
            graphs[item["name"]] = graph_of(item["name"], plan)
    is_ready = look.found is not None
    data = {
        "file": name,
        "is_looking": is_looking,
        "error": found["error"],
        "told": found.get("told", ""),
        "seconds": round(look.seconds, 2) if is_ready else None,
        "pipelines": pipelines,
        "is_watched": is_watched(ask, name),
        "may_run": ask.person.may("operator"),
    }
    return Page("pipeline", name, data, {"graphs": graphs, "href": _href(name)}, live_s=1.0 if is_looking else 0.0)


def run(ask: Ask) -> Done:
    """`POST /pipelines/FILE`, with `pipeline` and its parameters as `p.NAME`: planned apart, and put into the queue."""
    name = ask.path["file"]
    path = _path(ask, name)
    pipeline = ask.form.get("pipeline", "")
    parameters = {key[2:]: value for key, value in ask.form.items() if key.startswith("p.")}
    run_id = queue(ask, path, pipeline, parameters, why="asked for in the browser")
    ask.audit("run", run=run_id, file=name, pipeline=pipeline, parameters=parameters)
    there = len(ask.store.announced("worker"))
    said = "The run is queued" + ("." if there else ": `headrace worker` or `headrace up` takes it.")
    return Done(run_href(run_id), said, {"run": run_id, "state": "queued"})


def graph_of(name: str, plan: dict[str, Any]) -> Html:
    """A plan's steps, each after what it needs."""
    from headrace.web.grants import needs_of

    boxes = {}
    spans: dict[str, int] = {}
    for step in plan["steps"]:
        stem, bracket, _ = step["name"].partition("[")
        if bracket:  # the spans of one ingest are one box
            spans[stem] = spans.get(stem, 0) + 1
    for stem, number in spans.items():
        boxes[f"{stem}[]"] = Box((f"{stem}: {number} span{'s' if number > 1 else ''}",), (), "box-accent")
    for step in plan["steps"]:
        if "[" in step["name"]:
            continue
        needs = dict.fromkeys(
            need.partition("[")[0] + "[]" if "[" in need else need for need in needs_of(step["arguments"])
        )
        if f"{step['name']}[]" in boxes:
            needs[f"{step['name']}[]"] = None
        lines = (step["name"],) if step["call"] == step["name"] else (step["name"], step["call"].rpartition(":")[2])
        boxes[step["name"]] = Box(lines, tuple(needs), "box-accent", str(step.get("line") or ""))
    return diagram(f"The steps of {name}", boxes)


def _path(ask: Ask, name: str) -> Any:
    files = ask.site.files()
    if name not in files:
        raise UnknownName("pipeline file", name, files)
    return files[name]


def _href(name: str) -> str:
    return f"/pipelines/{quote(name)}"


def _run_of(ask: Ask) -> RunRow | None:
    """The run whose parameters the form begins with, where one is named."""
    wanted = ask.query.get("as")
    if not wanted:
        return None
    found = ask.store.runs(prefix=wanted, limit=1)
    return found[0] if found else None


def _field(field: dict[str, Any], again: RunRow | None) -> dict[str, Any]:
    import json

    value = field["default"]
    if again is not None and field["name"] in again.plan.get("parameters", {}):
        value = again.plan["parameters"][field["name"]]
    text = "" if field["is_required"] and value is None else value if isinstance(value, str) else json.dumps(value)
    return {**field, "value": text}
