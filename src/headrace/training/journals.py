"""Journals put together: what a trainer tells goes to each, and values that are no numbers end the fit."""

from __future__ import annotations

from collections.abc import Mapping

from headrace.errors import InvalidInput
from headrace.training._contract import Journal

__all__ = ["Journals"]

_LARGEST = 3.4028234663852886e38  # of float32, which predictions are


class Journals(Journal):
    """Several journals as one.

    Parameters
    ----------
    *journals : Journal
        Each is told everything, in this order; one that answers False stops the trainer. The newest checkpoint is that
        of the first that has one.

    `report` raises InvalidInput for a value that is NaN, or infinite in float32, after all were told: the fit diverges,
    and would go on to make a model that answers nothing.

    >>> class Impatient(Journal):
    ...     def report(self, step, values):
    ...         return step < 2
    >>> both = Journals(Journal(), Impatient())
    >>> both.report(1, {"train": 0.5}), both.report(2, {})
    (True, False)
    """

    def __init__(self, *journals: Journal) -> None:
        self._journals = journals

    def report(self, step: int, values: Mapping[str, float]) -> bool:
        """Tell each; False where any says so."""
        answers = [journal.report(step, values) for journal in self._journals]  # a False keeps it from no other
        for name, value in values.items():
            if not abs(value) <= _LARGEST:
                raise InvalidInput(
                    f"{name!r} is {value:g} after step {step}: the fit diverges",
                    expected="finite values (in float32)",
                    fix="learn more slowly (a smaller learning rate), or bring features to one scale (ops.z_score)",
                )
        return all(answers)

    def save(self, state: bytes) -> None:
        """Have each keep it."""
        for journal in self._journals:
            journal.save(state)

    def resume(self) -> bytes | None:
        """The checkpoint of the first that has one."""
        return next((state for journal in self._journals if (state := journal.resume()) is not None), None)
