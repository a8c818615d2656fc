"""Logs as they grow: what steps print and record, a piece at a time, until the run or the step has ended.

Steps of a fit are many: they are printed ever more seldom, and on a terminal the newest is drawn below, as a bar where
the trainer's parameters say how many there will be.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace import progress
from headrace.cli.project import is_cut_off
from headrace.cli.records import line_of

if TYPE_CHECKING:
    from headrace.store import Store

__all__ = ["follow"]

_POLL_S = 0.2
_STEP_S, _STEP_SHARE = 0.5, 0.05  # a person reads two steps a second, and not a thousand of an hour
_TOTALS = ("n_estimators", "num_steps", "max_iter", "epochs")


class _File:
    """One growing file: whole lines, and the rest once it grows no more."""

    def __init__(self, path: Path) -> None:
        self.path, self.name, self.is_records = path, path.stem, path.suffix == ".jsonl"
        self._offset, self._rest = 0, b""
        self.held: dict[str, Any] | None = None
        self.began = self.shown = time.monotonic()
        self.total: int | None = None

    def bar(self) -> str:
        """How far the fit is, of which a step is held."""
        if self.held is None:
            return ""
        done = progress.Done(
            self.name, int(self.held["step"]) + 1, self.total, "steps", max(1e-9, float(self.held.get("seconds", 0)))
        )
        return done.line(progress.columns() - 1)

    def lines(self, *, is_last: bool) -> list[str]:
        """What was added since the last call."""
        with self.path.open("rb") as file:
            file.seek(self._offset)
            data = file.read()
        self._offset += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        if is_last and self._rest:
            lines, self._rest = [*lines, self._rest], b""
        return [line.decode("utf-8", errors="replace") for line in lines]


def follow(store: Store, run_id: str, step: str | None, files: Callable[[], list[Path]], *, is_json: bool) -> None:
    """Print what is there, then what comes, until the run has ended (or been cut off), or the step has.

    Parameters
    ----------
    store : Store
        Whose records say what has ended.
    run_id, step : str
        Which run, and which of its steps; None = all.
    files : callable
        The logs and records to look at now, by name.
    is_json : bool
        One JSON document a line: records with their step, and {"step", "text"} for a printed line.
    """
    known: dict[Path, _File] = {}
    while True:
        is_ended = _is_ended(store, run_id, step)  # before reading: what was written until then is read
        for path in files():
            known.setdefault(path, _File(path))
        for file in known.values():
            prefix = "" if step is not None else f"{file.name}: "
            for line in file.lines(is_last=is_ended):
                _print(file, line, prefix, is_json=is_json)
            if is_ended:
                _show_held(file, prefix)
        sys.stdout.flush()
        progress.show([bar for file in known.values() if (bar := file.bar())])
        if is_ended:
            return
        time.sleep(_POLL_S)


def _print(file: _File, line: str, prefix: str, *, is_json: bool) -> None:
    progress.show([])
    if not file.is_records:
        text = json.dumps({"step": file.name, "text": line}) if is_json else f"{prefix}{line}"
        sys.stdout.write(f"{text}\n")
        return
    try:
        record = json.loads(line)
    except ValueError:  # torn by a kill
        return
    if is_json:
        sys.stdout.write(json.dumps({"step": file.name, "record": record}) + "\n")
        return
    now = time.monotonic()
    if record.get("kind") == "step" and now - file.shown < max(_STEP_S, (now - file.began) * _STEP_SHARE):
        file.held = record
        return
    if record.get("kind") == "step":
        file.held, file.shown = None, now
    elif record.get("kind") == "parameters":
        named = {**record, **dict(record.get("params") or {})}
        file.total = next((int(named[name]) for name in _TOTALS if isinstance(named.get(name), int)), None)
    _show_held(file, prefix)
    if told := line_of(record):
        sys.stdout.write(f"{prefix}{told}\n")


def _show_held(file: _File, prefix: str) -> None:
    """The newest step that came too soon after another."""
    if file.held is not None:
        sys.stdout.write(f"{prefix}{line_of(file.held)}\n")
        file.held = None


def _is_ended(store: Store, run_id: str, step: str | None) -> bool:
    run = store.run(run_id)
    if run.state not in ("queued", "running") or is_cut_off(store, run):
        return True
    if step is None:
        return False
    tried = store.attempts(run_id, step)
    return bool(tried) and tried[-1].state in ("succeeded", "failed", "cached", "blocked", "skipped")
