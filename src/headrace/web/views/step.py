"""A step of a run: how it is, why it ran, what went in and came out, and what it printed, as it prints it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from headrace.access import mask
from headrace.errors import UnknownName
from headrace.orchestration.explaining import explain
from headrace.orchestration.pages.model import training_curves
from headrace.orchestration.reporting import log_name
from headrace.orchestration.run_record import step_record
from headrace.report import Column, Content, Html, table, tag
from headrace.store import AttemptRow, RunRow
from headrace.training.recording import read_records
from headrace.web.asking import Ask, Page, Text
from headrace.web.grants import datasets_of, masked_step, sensitive_columns
from headrace.web.views._rows import run_href, state_of
from headrace.web.views.run import context_of

__all__ = ["log", "show"]

_PIECE = 64 * 1024
_MOST_POINTS = 400


def show(ask: Ask) -> Page:
    """`/runs/RUN/steps/STEP`."""
    run, planned = _asked(ask)
    name, store = planned["name"], ask.store
    hidden = sensitive_columns(run)
    record = masked_step(step_record(store, run, name), hidden)
    tried = store.attempts(run.run_id, name)
    said = explain(store, run, name).to_plain()
    made_by = _printed_by(ask, run, tried)
    text, start, end = _tail(ask, made_by, name)
    is_going_on = state_of(store, run) in ("queued", "running", "cut off") and record.state in ("running", "not run")
    data: dict[str, Any] = {
        "run": run.run_id,
        "pipeline": run.pipeline,
        "step": name,
        "call": planned["call"],
        "line": planned.get("line"),
        "state": record.state,
        "why": record.why,
        "changes": [mask(change["text"], hidden) for change in said["changes"] if "text" in change],
        "says": list(record.says),
        "seconds": record.seconds or None,
        "rows_read": record.rows_read,
        "rows_reused": record.rows_reused,
        "needs": list(record.needs),
        "inputs": _inputs(tried),
        "outputs": {key: {"kind": kind, "digest": digest} for key, (kind, digest) in record.outputs.items()},
        "attempts": [_attempt(row, hidden) for row in tried],
        "made_by": made_by,
        "progress": _progress(ask, run, name) if record.state == "running" else None,
        "log": {"text": text, "start": start, "end": end},
    }
    context = context_of(ask)
    training = _training(_file(ask, made_by, name).with_suffix(".jsonl"))
    data["training"] = training
    shown = {
        "curves": training_curves(training) if training else [],
        "inputs_table": _artifacts("What went in", data["inputs"], context),
        "outputs_table": _artifacts("What it made", data["outputs"], context),
        "back": run_href(run.run_id),
    }
    return Page("step", f"{name} of run {run.run_id}", data, shown, live_s=1.0 if is_going_on else 0.0)


def log(ask: Ask) -> Text:
    """`/runs/RUN/steps/STEP/log?after=BYTES`: a piece of what it printed, from there; a header says how far."""
    run, planned = _asked(ask)
    name = planned["name"]
    after = ask.number("after", 0, most=1 << 50)
    source = _printed_by(ask, run, ask.store.attempts(run.run_id, name))
    is_over = ask.store.run(source).state not in ("queued", "running")
    text, end, size = _piece(_file(ask, source, name), after, is_over=is_over)
    text = mask(text, sensitive_columns(run))
    data = {"format": 1, "run": source, "step": name, "text": text, "after": after, "next": end, "size_bytes": size}
    return Text(text, data, {"x-next": str(end), "x-size": str(size)})


def _asked(ask: Ask) -> tuple[RunRow, dict[str, Any]]:
    run = ask.store.run(ask.path["run"])
    steps = {planned["name"]: planned for planned in run.plan["steps"]}
    name = ask.path["step"]
    if name not in steps:
        raise UnknownName("step", name, steps, where=f"run {run.run_id}")
    ask.require_read(run.pipeline, datasets_of(run, name), f"step {name}")
    return run, steps[name]


def _printed_by(ask: Ask, run: RunRow, tried: list[AttemptRow]) -> str:
    """The run in which a step did its work: this one, or, where it is cached, the one that filled the cache."""
    if not tried or tried[-1].state != "cached":
        return run.run_id
    made = ask.store.cached(tried[-1].key)
    return run.run_id if made is None or made.step != tried[-1].step else made.run_id


def _file(ask: Ask, run_id: str, step: str) -> Path:
    return ask.store.home.logs / run_id / log_name(step)


def _piece(file: Path, after: int, *, is_over: bool) -> tuple[str, int, int]:
    """Lines from a place on, at most 64 KiB: (text, where it ends, how large the file is).

    Whole lines while more may come: half a line may hold half of what is to be masked.
    """
    try:
        with file.open("rb") as stream:
            size = stream.seek(0, 2)
            start = stream.seek(min(after, size))
            data = stream.read(_PIECE)
    except OSError:
        return "", after, 0
    if start + len(data) < size or not is_over:
        whole = data.rfind(b"\n") + 1
        data = data[: whole or (0 if len(data) < _PIECE else _PIECE)]
    return data.decode("utf-8", "replace"), start + len(data), size


def _tail(ask: Ask, run_id: str, step: str) -> tuple[str, int, int]:
    """The end of a log: (text, where it begins, where it ends)."""
    file = _file(ask, run_id, step)
    try:
        size = file.stat().st_size
    except OSError:
        return "", 0, 0
    run = ask.store.run(run_id)
    start = max(0, size - _PIECE)
    text, end, _ = _piece(file, start, is_over=run.state not in ("queued", "running"))
    if start:
        first = text.find("\n") + 1
        text, start = text[first:], start + len(text[:first].encode())
    return mask(text, sensitive_columns(run)), start, end


def _progress(ask: Ask, run: RunRow, step: str) -> dict[str, Any] | None:
    file = _file(ask, run.run_id, step).with_suffix(".progress")
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _training(file: Path) -> dict[str, list[tuple[int, float]]]:
    """What a trainer reports while it fits: name -> (step, value), of the newest attempt, thinned to be drawn."""
    found: dict[str, list[tuple[int, float]]] = {}
    for record in read_records(file):
        if record.get("kind") == "begin":
            found = {}
        elif record.get("kind") == "step":
            for name, value in record["values"].items():
                if isinstance(value, (int, float)):
                    found.setdefault(name, []).append((int(record["step"]), float(value)))
    return {
        name: [*points[:: len(points) // _MOST_POINTS + 1], *points[-1:]] for name, points in list(found.items())[:4]
    }


def _inputs(tried: list[AttemptRow]) -> dict[str, dict[str, str]]:
    if not tried:
        return {}
    found: dict[str, dict[str, str]] = {}
    for key, value in tried[-1].inputs.items():
        if isinstance(value, str) and len(value) == 64:
            found[key] = {"kind": "", "digest": value}
    return found


def _attempt(row: AttemptRow, hidden: frozenset[str]) -> dict[str, Any]:
    return {
        "number": row.number,
        "state": "no" if row.result is not None and row.result.get("ok") is False else row.state,
        "reason": None if row.reason is None else mask(row.reason, hidden),
        "started_us": row.started_us,
        "seconds": None if row.ended_us is None else (row.ended_us - row.started_us) / 1e6,
        "key": row.key,
    }


def _artifacts(caption: str, found: dict[str, dict[str, str]], context: Any) -> Html | str:
    if not found:
        return ""
    rows: list[list[Content]] = [[key, item["kind"], context.artifact(item["digest"])] for key, item in found.items()]
    return tag("div", table(caption, [Column("Name"), Column("Kind"), Column("Artifact")], rows))
