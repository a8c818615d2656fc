"""What the runner tells while it runs: one line a change of state, on standard error."""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping
from pathlib import Path

from headrace.orchestration.children import Ended
from headrace.orchestration.headlines import headlines
from headrace.orchestration.results import RunResult, StepResult
from headrace.progress import columns, say

__all__ = ["failure", "log_name", "tell_failure", "tell_run", "tell_step"]

_LOG_LINES = 20


def log_name(step: str) -> str:
    """The file in `logs/<run>/` that a step's output goes to.

    >>> log_name("ingest[2013-07]")
    'ingest_2013-07_.log'
    """
    return f"{re.sub(r'[^A-Za-z0-9_.=-]', '_', step)}.log"


def tell_step(result: StepResult) -> None:
    """How a step ended; what a "no" is about."""
    line = f"{result.name}: {result.state}"
    if result.says_no:
        number = result.result.get("num_items", len(result.result.get("items", ())))
        line = f"{result.name}: no, {number} finding{'s' if number != 1 else ''}"
        line += " (cached)" if result.state == "cached" else ""
    if result.reason:
        line += f": {result.reason}"
    if result.state == "succeeded":
        line += f" in {result.seconds:.2f} s"
        line += f" ({told})" if (told := _rows(result)) else ""
    say(line)
    for told in headlines(result.name, result.result):
        say(f"    {told}")


def _rows(result: StepResult | RunResult) -> str:
    """How many rows were read, and how many were not because what was known of them was kept."""
    said = [f"{result.rows_read:,} rows read"] if result.rows_read or result.rows_reused else []
    return ", ".join([*said, *([f"{result.rows_reused:,} not read again"] if result.rows_reused else [])])


def tell_run(result: RunResult) -> None:
    """How the run ended: findings, what serves, and what to type next."""
    from headrace.orchestration.ending import ending
    from headrace.store import Store

    say(
        f"run {result.run_id} {result.state}: {result.num_steps} step{'s' if result.num_steps != 1 else ''}, "
        f"{result.num_cached} cached, {result.seconds:.1f} s" + (f", {told}" if (told := _rows(result)) else "")
    )
    with Store.open(result.home, read_only=True) as store:
        for told in ending(store, store.run(result.run_id), width=columns()):
            say(told)


def tell_failure(log: Path, error: Mapping[str, str]) -> None:
    """Where it failed: the traceback of the user's code, or, when its process died, the end of its log."""
    text = ""
    if error:
        text = "" if error.get("is_ours") else error["traceback"]
    elif log.is_file():
        text = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES:])
    for line in text.splitlines():
        say(f"    {line}")
    say(f"    log: {log}")


def failure(ended: Ended, late_s: float | None) -> str:
    """Why a call gave no result, in one line; `late_s` is the time-out it was stopped at, if it was."""
    if late_s is not None:
        return f"stopped after {late_s:g} s (timeout_s)"
    error = (ended.answer or {}).get("error")
    if error:
        return str(error["message"]) if error.get("is_ours") else f"{error['class']}: {error['message']}"
    if ended.signal:
        advice = "; the machine may be out of memory" if ended.signal == signal.SIGKILL else ""
        return f"its process was killed by {signal.Signals(ended.signal).name}{advice}"
    return f"its process ended with status {ended.status} before it was done"
