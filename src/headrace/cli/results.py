"""How a run ended, printed and as an exit code: shared by `run` and `resume`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from headrace.cli.output import write_json, write_table

if TYPE_CHECKING:
    from headrace.orchestration.results import RunResult

__all__ = ["note_of", "write_result"]


def note_of(result: Mapping[str, Any]) -> str:
    """What a table says of a step's plain result, in a few words: the findings themselves are told below it."""
    from headrace.orchestration.headlines import summary_of

    if result.get("ok") is False:
        number = result.get("num_items", len(result.get("items", ())))
        return f"{number} finding{'s' if number != 1 else ''}"
    return str(result.get("summary", "")) or summary_of(result)


def write_result(result: RunResult, output: str) -> int:
    """Print how each step ended; returns the exit code."""
    if output == "json":
        write_json(result.to_plain())
    else:
        write_table(
            [
                {
                    "step": item.name,
                    "state": "no" if item.says_no else item.state,
                    "seconds": f"{item.seconds:.2f}" if item.seconds else "",
                    "note": item.reason or note_of(item.result),
                }
                for item in result.steps.values()
            ],
            ["step", "state", "seconds", "note"],
            wraps=["note"],
        )
    if result.state == "cancelled":
        return 130 if result.stopped_by != 15 else 143
    if result.state == "waiting":
        return 3
    return 0 if result.ok else 1
