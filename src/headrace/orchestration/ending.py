"""How a run ended, for people: what was said no to and why, what serves all the same, and what to type next."""

from __future__ import annotations

import os
import shlex
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace.orchestration.approvals import Waiting, waiting_of

if TYPE_CHECKING:
    from headrace.store import AttemptRow, RunRow, Store

__all__ = ["ending", "waiting_lines"]

_MOST = 20
_MOST_WARNINGS = 5
_MOST_NAMED = 3
_DIGITS = 12
_INDENT = "  "


def ending(store: Store, run: RunRow, *, width: int = 0) -> list[str]:
    """Lines about a run that has ended; [] while it goes on.

    Parameters
    ----------
    store : Store
        Where it is recorded; only read.
    run : RunRow
        The run.
    width : int
        Characters a line may have; 0 = any number.

    What was waived and warned of is told too, after what was refused. Endpoints are told as they were when the run
    ended, and what they serve now where that is another version.
    """
    if run.state == "running":
        return []
    last: dict[str, AttemptRow] = {row.step: row for row in store.attempts(run.run_id)}
    waiting = waiting_of(store, run)
    lines = [
        *waiting_lines(waiting),
        *_refused(last),
        *_failed(run, last),
        *_beside(last, "waived", "let pass", _MOST),
        *_beside(last, "warnings", "warns of", _MOST_WARNINGS),
        *_rivals(run),
        *_endpoints(store, run, last),
        *_next(store, run, last, waiting),
    ]
    return [part for line in lines for part in _wrapped(line, width)]


def waiting_lines(waiting: Iterable[Waiting]) -> Iterator[str]:
    """What waits for a person: the question, what to look at, and what to type."""
    from headrace.report.figures import moment

    for item in waiting:
        until = "" if item.until_us is None else f", until {moment(item.until_us // 1_000_000 * 1_000_000)} UTC"
        yield f"run {item.run_id} waits at {item.step}{until}" + (f": {item.question}" if item.question else "")
        for name, found in item.about.items():
            yield f"{_INDENT}{name}, {item.made_by[name]}: headrace show {found[:_DIGITS]}"
        named = f"{item.run_id} {shlex.quote(item.step)}"
        yield f"{_INDENT}headrace approve {named} --by PERSON"
        yield f"{_INDENT}headrace reject {named} --by PERSON --because REASON"


def _wrapped(line: str, width: int) -> list[str]:
    if not width or len(line) <= width:
        return [line]
    indent = line[: len(line) - len(line.lstrip())] + _INDENT
    # Commands and names must stay whole, to be copied.
    return textwrap.wrap(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False) or [""]


def _says_no(row: AttemptRow) -> bool:
    return row.result is not None and row.result.get("ok") is False


def _refused(last: dict[str, AttemptRow]) -> Iterator[str]:
    for step, row in last.items():
        if row.result is None or not _says_no(row):
            continue
        items = list(row.result.get("items", ()))
        names = list(row.result.get("names", ()))
        number = row.result.get("num_items", len(items))
        yield f"{step} says no: {number} finding{'s' if number != 1 else ''}"
        for index, item in enumerate(items[:_MOST]):
            name = f"{names[index]}: " if index < len(names) else ""
            yield f"{_INDENT}{name}{item}"
        if number > len(items[:_MOST]):
            yield f"{_INDENT}and {number - len(items[:_MOST])} more"
        for note in row.result.get("notes", ()):
            yield f"{_INDENT}{note}"


def _failed(run: RunRow, last: dict[str, AttemptRow]) -> Iterator[str]:
    for step, row in last.items():
        if row.state in ("failed", "lost"):
            yield f"{step} {row.state}: {row.reason} (headrace logs {run.run_id} {shlex.quote(step)})"


def _beside(last: dict[str, AttemptRow], key: str, words: str, most: int) -> Iterator[str]:
    for step, row in last.items():
        found = (row.result or {}).get(key, ())
        if found:
            yield f"{step} {words}:"
            yield from (f"{_INDENT}{_said(item)}" for item in found[:most])
            if len(found) > most:
                yield f"{_INDENT}and {len(found) - most} more"


def _said(item: Any) -> str:
    return item if isinstance(item, str) else f"{item['name']}, by {item['by']}: {item['because']}"


def _rivals(run: RunRow) -> Iterator[str]:
    from headrace.orchestration.rivals import rivals

    for line in rivals((step["call"], step["arguments"]) for step in run.plan["steps"]):
        yield f"warning: {line}"


def _endpoints(store: Store, run: RunRow, last: dict[str, AttemptRow]) -> Iterator[str]:
    from headrace.orchestration.values import load_value

    for planned in run.plan["steps"]:
        if planned["call"] != "push":
            continue
        name, row = planned["arguments"]["endpoint"], last.get(planned["name"])
        served, live = _served_at(store, name, run.ended_us), store.endpoint(name)
        serves = "nothing yet" if served is None else f"version {served}"
        is_past = live is not None and live.version != served
        version = load_value(store, row.outputs["version"].digest) if row and "version" in row.outputs else None
        if live is not None and is_past:
            line = f"endpoint {name}: served {serves} when this run ended, and serves version {live.version} now"
        else:
            is_new = row is not None and row.state == "succeeded" and version == served
            word = "now " if is_new else "still " if version is None and served is not None else ""
            line = f"endpoint {name}: {word}serves {serves}"
        entered = any(move.action == "enter" and move.concerns == version for move in store.moves(name))
        if version not in (None, served):
            line += f"; this run's model is version {version}"
        if entered and live is not None and version != live.version:
            line += f", which takes part in its traffic: `headrace endpoints show {name}`"
        elif version is not None and live is not None and version != live.version and (version != served or is_past):
            line += f": `headrace endpoints rollback {name} --to {version}` serves it again"
        yield line


def _served_at(store: Store, name: str, time_us: int | None) -> int | None:
    """The version that an endpoint served at a moment, by its log; None before the first."""
    moves = [move.version for move in store.moves(name) if time_us is None or move.time_us <= time_us]
    return moves[-1] if moves else None


def _next(store: Store, run: RunRow, last: dict[str, AttemptRow], waiting: list[Waiting]) -> Iterator[str]:
    from headrace.orchestration.waivers import can_waive
    from headrace.validation.amending import AMENDABLE

    calls = {step["name"]: step["call"] for step in run.plan["steps"]}
    again = f"headrace run {_file(run)}"
    if run.state == "waiting" and waiting:
        who = "a worker goes on" if store.announced("worker") else f"headrace resume {run.run_id} goes on"
        yield f"next: approve or reject it; then {who}"
        return
    failed = [row for row in last.values() if row.state in ("failed", "lost")]
    refused = [row for row in last.values() if _says_no(row)]
    unread = [row for row in failed if calls.get(row.step) in ("ingest_span", "load_schema")]
    moved = [row for row in failed if (row.reason or "").startswith("champion moved")]
    if moved:
        yield f"next: {again}: it evaluates against what is served now"
    elif unread:
        yield f"next: put the file right, then: {again}"
    elif any(row.state == "failed" and not _died(row) for row in failed):
        # Resumed as it is, it would say the same again.
        yield f"next: put right what failed, then: {again}"
        yield f"  or: headrace resume {run.run_id}: it goes on with the data it was planned on"
    elif run.state in ("failed", "cancelled") and not (refused and not failed):
        yield f"next: headrace resume {run.run_id}: it goes on from here, with the data it was planned on"
        yield f"  or: {again}: it starts anew and sees what has changed"
    for row in refused:
        names = list((row.result or {}).get("names", ()))
        if calls.get(row.step) == "approval":
            is_expired = not (row.result or {})["approval"]["by"]
            yield f"next: {'it asks anew' if is_expired else 'change what was asked about, then'}: {again}"
            wrong = "yes after all" if is_expired else "the no was wrong"
            yield f"  or: {wrong}: headrace approve {run.run_id} {row.step} --overrule --by PERSON"
        elif names:
            yield f"next: put the data right, then: {again}"
            about = [name for name in names if name.partition(":")[0] in AMENDABLE]
            path = _schema_file(run)
            if about and path is not None:
                allow = " ".join(f"--allow {shlex.quote(name)}" for name in about[:_MOST_NAMED])
                change = f"change {path.name}, or: " if path.exists() else ""
                accept = f"headrace schemas accept {run.run_id} {allow}"
                yield f"  or: the schema is what is wrong: {change}{accept}"
            if all(map(can_waive, names)):
                waive = " ".join(f"--waive {shlex.quote(name)}" for name in names[:_MOST_NAMED])
                them = "the finding" if len(names) == 1 else "findings"
                yield f"  or: let {them} pass, for these data only: {again} {waive} --by NAME --because REASON"
        else:
            yield f"next: change the model, the features or the rules, then: {again}"
        break


def _died(row: AttemptRow) -> bool:
    """Whether a step failed by what happened to its process, rather than by what it was asked to do."""
    return (row.reason or "").startswith(("its process", "stopped after", "the runner stopped"))


def _schema_file(run: RunRow) -> Path | None:
    """The file that the pipeline's schema is loaded from, there or not."""
    for step in run.plan["steps"]:
        if step["call"] == "load_schema" and run.plan["file"] is not None:
            folder: Path = (Path(run.plan["project"]) / run.plan["file"]).parent
            return folder / str(step["arguments"]["path"])
    return None


def _file(run: RunRow) -> str:
    """The pipeline's file as it would be typed here."""
    named = run.plan["file"]
    if named is None:
        return "FILE"
    file = Path(run.plan["project"]) / named
    beside = os.path.relpath(file)
    return shlex.quote(beside if len(beside) < len(str(file)) else str(file))
