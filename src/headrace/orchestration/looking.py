"""Looking: what the pipelines of a file mean now, asked in a process of its own.

`python -m headrace.orchestration.looking FILE HOME` imports the file as it is at this moment, plans its pipelines
without running anything, and writes one JSON document. Whoever watches asks a new process each time, because Python
imports a file once.

    {"pipelines": [{"name", "form", "parameters", "identity", "plan", "resolved", "schedule", "streams", "latest"}
                   or {"name", "form", "error", "schedule", and "streams" and "latest" where they can be known, with
                   "awaits" where another has not given it yet}],
     "error": what keeps the file from being imported, or null, "watch": [patterns, as glob has them],
     "seen": the `signature` of all that, from before it was read, "after": the newest event that was there,
     "headrace": the version that looked}

`latest` is what a pipeline takes from others: [[pipeline, output, the digest found or null]]; `streams` are those that
its ingest steps read, {id: label}. `form` is what a pipeline may be asked with: [{"name", "type", "default",
"is_required"}]. A third argument, JSON of {"pipeline", "parameters": {name: text}, "waivers", "limits"}, asks for one
pipeline with these parameters, and in a process that the limits hold (`contained`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace.contained import Limits, limit_this_process, run_contained
from headrace.errors import HeadraceError, StoreError, UnknownName
from headrace.orchestration.latest import given_now, wanted_by
from headrace.orchestration.packages import headrace_version
from headrace.orchestration.sensing import signature
from headrace.orchestration.spans import is_stream, source_of
from headrace.orchestration.steps import Step
from headrace.orchestration.streams import streams_in

if TYPE_CHECKING:
    from headrace.orchestration.pipelines import Pipeline
    from headrace.orchestration.tracing import Graph
    from headrace.store import Store

__all__ = ["look", "look_apart", "look_contained", "main"]

_TIMEOUT_S = 3600.0


def look_apart(file: Path, home: Path) -> dict[str, Any]:
    """`look`, in a process of its own; what the file prints goes to standard error.

    Raises StoreError when that process fails for a reason that is not the file's.
    """
    done = subprocess.run(
        [sys.executable, "-m", "headrace.orchestration.looking", str(file), str(home)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for who asked
        check=False,
        timeout=_TIMEOUT_S,
    )
    if done.returncode:
        raise StoreError(f"the process that looks at {file.name} ended with {done.returncode}", where=str(file))
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def look_contained(
    file: Path,
    home: Path,
    limits: Limits,
    *,
    pipeline: str | None = None,
    parameters: Mapping[str, str] | None = None,
    waivers: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """`look` at a file that may loop, crash or look around: whatever it does, an answer comes, with its "error".

    Parameters
    ----------
    file, home : Path
        As for `look`.
    limits : Limits
        What its process may use.
    pipeline : str, optional
        The one that is wanted; all by default.
    parameters : mapping of str to str, optional
        Its parameters, as text.
    waivers : sequence of mapping
        What a person lets pass: {"name", "by", "because"} each.
    """
    asked = {
        "pipeline": pipeline,
        "parameters": dict(parameters or {}),
        "waivers": [dict(item) for item in waivers],
        "limits": asdict(limits),
    }
    ended = run_contained(
        "headrace.orchestration.looking", [str(file), str(home), json.dumps(asked)], limits, folder=file.parent
    )
    nothing: dict[str, Any] = {"pipelines": [], "watch": [], "seen": [], "after": 0, "headrace": headrace_version()}
    if ended.status or ended.stopped:
        last = ended.told.strip().splitlines()[-1:]
        said = ended.stopped or f"its process ended with status {ended.status}"
        return {**nothing, "error": f"{file.name} could not be looked at: {said}", "told": last[0] if last else ""}
    try:
        found = json.loads(ended.output)
    except ValueError:
        found = None
    if not _is_answer(found):  # code that was imported may have written it
        return {**nothing, "error": f"{file.name} could not be looked at: its process gave no answer", "told": ""}
    return {**nothing, **found, "told": ""}


def _is_answer(found: Any) -> bool:
    """Whether it has the form of an answer."""
    if not isinstance(found, dict) or not isinstance(found.get("error"), str | None):
        return False
    parts = {"name": str, "form": list}
    planned = {"plan": dict, "resolved": dict, "identity": str}
    pipelines = found.get("pipelines")
    return isinstance(pipelines, list) and all(
        isinstance(item, dict)
        and all(isinstance(item.get(key), kind) for key, kind in parts.items())
        and (
            isinstance(item.get("error"), str) or all(isinstance(item.get(key), kind) for key, kind in planned.items())
        )
        for item in pipelines
    )


def look(
    file: Path,
    home: Path,
    *,
    pipeline: str | None = None,
    parameters: Mapping[str, str] | None = None,
    waivers: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """What the pipelines of a file mean now; an error is part of the answer.

    Parameters
    ----------
    file : Path
        The pipeline's file; imported in this process.
    home : Path
        The store to resolve against; it is only read, and need not exist.
    pipeline, parameters, waivers
        As for `look_contained`.

    Returns plain data, as the module says.
    """
    from headrace.orchestration.pipelines import Pipeline, load_file
    from headrace.store import Home, Store

    watched = _Watched()
    watched.add({f"{escape(str(file.parent))}/*.py"})
    store = Store.open(home, read_only=True) if Home(home).is_begun else None
    after = 0 if store is None else store.newest_event_id()
    pipelines: list[dict[str, Any]] = []
    error = None
    try:
        module = load_file(file)
        for name, value in list(vars(module).items()):
            if isinstance(value, Pipeline) and value.file == file and pipeline in (None, name):
                pipelines.append(_look_at(name, value, store, watched, home, parameters or {}, waivers))
        if pipeline is not None and not pipelines:
            raise UnknownName("pipeline", pipeline, [], where=file.name)
    except StoreError:
        raise
    except Exception as caught:  # the boundary around the user's code
        error = _said(caught)
    watched.add(_imported(file.parent))
    return {
        "pipelines": pipelines,
        "error": error,
        "watch": sorted(watched.patterns),
        "seen": sorted(watched.seen),
        "after": after,
        "headrace": headrace_version(),
    }


class _Watched:
    """Patterns, and what they named when each was added: before what is there is read."""

    def __init__(self) -> None:
        self.patterns: set[str] = set()
        self.seen: set[tuple[str, int, int, int]] = set()

    def add(self, patterns: set[str]) -> None:
        known = {entry[0] for entry in self.seen}
        self.seen |= {entry for entry in signature(patterns - self.patterns) if entry[0] not in known}
        self.patterns |= patterns


def _look_at(
    name: str,
    pipeline: Pipeline,
    store: Store | None,
    watched: _Watched,
    home: Path,
    parameters: Mapping[str, str],
    waivers: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    from headrace.orchestration.planning import make_plan

    schedule = pipeline.schedule
    found: dict[str, Any] = {
        "name": name,
        "form": pipeline.form(),
        "schedule": None if schedule is None else [schedule.expression, schedule.time_zone],
    }
    try:
        values = {key: pipeline.parse(key, text) for key, text in parameters.items()}
        graph = pipeline.trace(**values)
        found["streams"] = {stream.stream_id: stream.label for stream in streams_in(graph, pipeline.folder)}
        watched.add(_files_of(graph, pipeline.folder, home))
        found["latest"] = [[other, output, given_now(store, other, output)] for _, other, output in wanted_by(graph)]
        plan = make_plan(pipeline, values, store, waivers=waivers)
    except StoreError:
        raise
    except Exception as error:
        awaited = [f"{other} to give {output}" for other, output, digest in found.get("latest", ()) if digest is None]
        waits = {"awaits": ", ".join(awaited)} if awaited and isinstance(error, HeadraceError) else {}
        return {**found, "error": _said(error), **waits}
    return {
        **found,
        "parameters": plan.graph.parameters,
        "identity": plan.identity,
        "plan": plan.to_plain(),
        "resolved": plan.resolved,
    }


def _files_of(graph: Graph, folder: Path, home: Path) -> set[str]:
    """Patterns of the files that a plan looks at."""
    found = set()
    for node in graph.nodes:
        if node.call == "ingest":
            source = source_of(node.arguments, folder)
            if is_stream(source):  # written anew each time a span of it is closed
                found.add(escape(str(home / "streams" / f"{source.stream_id}.closed")))
                continue
            found.add(_pattern(Path(source.base), source.pattern.replace("{span}", "*")))
        elif node.call == "load_schema":
            found.add(escape(str(folder / node.arguments["path"])))
    for step in graph.steps.values():
        if not isinstance(step, Step):
            continue
        home = Path(step.function.__code__.co_filename).resolve().parent
        found |= {_pattern(home, pattern) for pattern in step.files}
    return found


def _pattern(folder: Path, pattern: str) -> str:
    return pattern if Path(pattern).is_absolute() else f"{escape(str(folder))}/{pattern}"


def _imported(folder: Path) -> set[str]:
    """The files of modules that were imported from the project around a folder."""
    from headrace.settings import find_project

    project = find_project(folder)
    files = {
        Path(file).resolve() for module in list(sys.modules.values()) if (file := getattr(module, "__file__", None))
    }
    own = {file for file in files if file.is_relative_to(project) and "site-packages" not in file.parts}
    return {escape(str(file)) for file in own if not file.is_relative_to(Path(__file__).resolve().parents[1])}


def _said(error: Exception) -> str:
    from headrace.orchestration.handles import last_line

    if isinstance(error, HeadraceError):
        return str(error)
    place = last_line(error)
    return f"{type(error).__name__}: {error}" + (f" ({place})" if place else "")


def main() -> None:
    """The process: one answer on standard output, and nothing else on it."""
    answer = os.dup(1)
    os.dup2(2, 1)  # what the file prints, from whatever language
    asked = json.loads(sys.argv[3]) if len(sys.argv) > 3 else {}
    if "limits" in asked:
        limit_this_process(Limits(**asked.pop("limits")))
    try:
        found = look(Path(sys.argv[1]).resolve(), Path(sys.argv[2]), **asked)
    except HeadraceError as error:
        sys.stderr.write(f"headrace: {error}\n")
        raise SystemExit(4) from None
    with os.fdopen(answer, "w", encoding="utf-8") as file:
        json.dump(found, file)


if __name__ == "__main__":
    main()
