"""What the runner tells while it runs: one line a change of state, on standard error."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from pathlib import Path

from headrace.orchestration.children import Ended
from headrace.orchestration.results import RunResult, StepResult
from headrace.progress import say

__all__ = ["failure", "tell_failure", "tell_run", "tell_step"]

_LOG_LINES = 20
_MOST_ITEMS = 10


def tell_step(result: StepResult) -> None:
    """How a step ended; what a "no" is about."""
    line = f"{result.name}: {result.state}"
    if result.says_no:
        line = f"{result.name}: no" + (" (cached)" if result.state == "cached" else "")
    if result.reason:
        line += f": {result.reason}"
    if result.state == "succeeded":
        line += f" in {result.seconds:.2f} s"
        if result.rows_read or result.rows_reused:
            line += f" ({result.rows_read:,} rows read, {result.rows_reused:,} reused)"
    say(line)
    if result.says_no:
        for item in result.result.get("items", ())[:_MOST_ITEMS]:
            say(f"    {item}")


def tell_run(result: RunResult) -> None:
    """How the run ended."""
    say(
        f"run {result.run_id} {result.state}: {result.num_steps} steps, {result.num_cached} cached, "
        f"{result.seconds:.1f} s, {result.rows_read:,} rows read, {result.rows_reused:,} reused"
    )
    if result.state in ("failed", "cancelled"):
        say(f"headrace resume {result.run_id} goes on from here")


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
