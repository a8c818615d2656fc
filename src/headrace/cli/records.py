"""Records of a step's fit as lines for people: what was fitted, on what, how it goes, what came out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["line_of", "newest", "thinned"]

_MOST_STEPS, _MOST_PARTS = 20, 3
_HIDDEN = ("time_us", "kind", "trainer")


def newest(records: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Those of the newest attempt: what an earlier one was cut off in is not its story."""
    begins = [index for index, record in enumerate(records) if record.get("kind") == "begin"]
    return records[begins[-1] :] if begins else records


def thinned(records: Sequence[Mapping[str, Any]], *, most: int = _MOST_STEPS) -> list[Mapping[str, Any]]:
    """All records but steps, and of those at most so many, evenly spaced, the last among them.

    >>> [record["step"] for record in thinned([{"kind": "step", "step": n} for n in range(100)], most=4)]
    [24, 49, 74, 99]
    """
    steps = [index for index, record in enumerate(records) if record.get("kind") == "step"]
    most = min(most, len(steps))
    kept = {steps[(place + 1) * len(steps) // most - 1] for place in range(most)}
    return [record for index, record in enumerate(records) if record.get("kind") != "step" or index in kept]


def line_of(record: Mapping[str, Any]) -> str:
    """One record; "" for those that say nothing to a person.

    >>> line_of({"kind": "step", "step": 4, "values": {"train": 0.25}, "steps_per_s": 12.0, "rss_mb": 210.4})
    'step 4      train 0.25  12/s  210 MB'
    """
    match record.get("kind"):
        case "parameters":
            told = [f"{name} {value}" for name, value in record.items() if name not in _HIDDEN and value is not None]
            return f"parameters  {record.get('trainer', '')}: {', '.join(told)}"
        case "data":
            parts = [f"{name} {str(value)[:12]}" for name, value in dict(record.get("parts", {})).items()]
            more = f" and {len(parts) - _MOST_PARTS} more" if len(parts) > _MOST_PARTS else ""
            rows, validation, dropped = (
                f"{record.get(name, 0):,}" for name in ("num_rows", "num_validation_rows", "num_dropped")
            )
            described = f"{rows} rows of {record.get('num_features', 0)} features, {validation} to validate"
            return f"data        {described}, {dropped} without a label ({', '.join(parts[:_MOST_PARTS])}{more})"
        case "step":
            values = [f"{name} {_short(value)}" for name, value in dict(record.get("values", {})).items()]
            speed = f"{_short(record.get('steps_per_s', 0.0))}/s"
            return "  ".join(
                [f"step {record.get('step')}".ljust(10), *values, speed, f"{float(record.get('rss_mb', 0)):.0f} MB"]
            )
        case "model":
            return (
                f"model       {str(record.get('digest'))[:12]} after {record.get('num_steps')} steps in "
                f"{_short(record.get('seconds', 0.0))} s, at most {float(record.get('peak_rss_mb', 0)):.0f} MB"
            )
    return ""


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, (int, float)) else str(value)
