"""The Observation noun: what was seen at one look, and what of it is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from headrace.store import Store
from headrace.validation import Comparison, Item

__all__ = ["Observation", "alert"]


@dataclass(frozen=True)
class Observation:
    """One endpoint, looked at once.

    Parameters
    ----------
    endpoint, version, model_digest
        What was looked at: the version served now, and only what it answered.
    hours : tuple of str
        The hours of the log that were read.
    num_rows, num_sampled : int
        Rows asked, and those of them whose inputs are written.
    num_refused, num_failed, num_dropped : int
        Requests answered with status 4xx and 5xx, and rows that could not be written.
    latency_us : dict of str to float
        "p50" and "p99" over the rows asked, in microseconds; empty where there was none.
    comparisons : tuple of Comparison
        The model's raw columns and its prediction, beside what it was fitted on.
    items : tuple of Item
        Everything found, the worst first.
    """

    endpoint: str
    version: int
    model_digest: str
    hours: tuple[str, ...]
    num_rows: int
    num_sampled: int
    num_refused: int
    num_failed: int
    num_dropped: int
    latency_us: dict[str, float]
    comparisons: tuple[Comparison, ...]
    items: tuple[Item, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is over its threshold."""
        return all(item.severity == "info" for item in self.items)

    def to_plain(self) -> dict[str, Any]:
        """As plain data, for JSON."""
        return {
            "format": 1,
            "endpoint": self.endpoint,
            "version": self.version,
            "model": self.model_digest,
            "ok": self.ok,
            "hours": list(self.hours),
            "rows": self.num_rows,
            "sampled": self.num_sampled,
            "refused": self.num_refused,
            "failed": self.num_failed,
            "dropped": self.num_dropped,
            "latency_us": self.latency_us,
            "features": [_row(one) for one in self.comparisons],
            "items": [
                {
                    "code": item.code,
                    "feature": item.feature,
                    "severity": item.severity,
                    "value": item.value,
                    "threshold": item.threshold,
                    "message": item.message,
                }
                for item in self.items
            ],
        }

    def to_rows(self) -> list[dict[str, Any]]:
        """The comparisons as rows of a table, the farthest first."""
        rows = [_row(one) for one in self.comparisons]
        return sorted(rows, key=lambda row: -(row["value"] or 0.0) / max(row["threshold"] or 1.0, row["noise"] or 0.0))


def _row(comparison: Comparison) -> dict[str, Any]:
    worst = comparison.worst
    serious = [item for item in comparison.items if item.severity != "info"]
    state = "ok"
    if serious:
        state = serious[0].code
    elif worst is None:
        state = "not compared"
    elif any(one.is_unknown for one in comparison.distances):
        state = "too few rows"
    return {
        "feature": comparison.feature,
        "measure": None if worst is None else worst.measure,
        "value": None if worst is None else round(worst.value, 4),
        "threshold": None if worst is None else worst.threshold,
        "noise": None if worst is None else round(worst.noise, 4),
        "state": state,
    }


def alert(store: Store, observation: Observation) -> None:
    """Write an event for what is over its threshold; nothing where all is well."""
    if observation.ok:
        return
    body = {
        "endpoint": observation.endpoint,
        "version": observation.version,
        "items": [item.message for item in observation.items if item.severity != "info"],
    }
    store.append_event("alert", body)
