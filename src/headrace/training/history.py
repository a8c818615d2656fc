"""History: what a trainer told its journal, round by round, kept beside the model it made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from headrace.canonical import from_canonical, to_canonical
from headrace.errors import InvalidInput
from headrace.training._contract import Journal

__all__ = ["HISTORY", "History"]

HISTORY = "history.json"
"""The file's name among the model's native files; it describes the model and is no part of its digest."""

_FORMAT = 1


@dataclass
class History(Journal):
    """A journal that keeps what is reported.

    Parameters
    ----------
    rounds : list of (step, {name: value})
        In the order reported; the values of a round may be few, or none.

    >>> history = History()
    >>> history.report(0, {"train": 0.6}), history.report(1, {"train": 0.5, "validation": 0.7})
    (True, True)
    >>> history.curves
    {'train': [(0, 0.6), (1, 0.5)], 'validation': [(1, 0.7)]}
    """

    rounds: list[tuple[int, dict[str, float]]] = field(default_factory=list)

    def report(self, step: int, values: Mapping[str, float]) -> bool:
        """Keep the values; never stops the trainer."""
        # Nine digits: more than anybody reads, and fewer than the order of a sum can change.
        self.rounds.append((int(step), {name: float(f"{value:.9g}") for name, value in values.items()}))
        return True

    @property
    def curves(self) -> dict[str, list[tuple[int, float]]]:
        """Name -> (step, value), for all that was reported."""
        found: dict[str, list[tuple[int, float]]] = {}
        for step, values in self.rounds:
            for name, value in values.items():
                found.setdefault(name, []).append((step, value))
        return found

    def to_bytes(self) -> bytes:
        """Canonical JSON: equal histories, equal bytes; no time is in it."""
        rounds = [[step, values] for step, values in self.rounds if values]
        return to_canonical({"format": _FORMAT, "rounds": rounds})

    @classmethod
    def from_bytes(cls, data: bytes) -> History:
        """Read what `to_bytes` gave; InvalidInput for anything else, or a later format."""
        try:
            plain = from_canonical(data)
            if plain["format"] != _FORMAT:
                raise InvalidInput(f"a history of format {plain['format']!r}", expected=f"format {_FORMAT}")
            return cls([(int(step), {str(k): float(v) for k, v in values.items()}) for step, values in plain["rounds"]])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            if isinstance(error, InvalidInput):
                raise
            raise InvalidInput(f"not a trainer's history: {error}", where=HISTORY) from error
