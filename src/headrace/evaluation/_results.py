"""Results: metrics by slice, found by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from headrace.errors import UnknownName
from headrace.rules import Slice, Value, slice_text
from headrace.schema import format_moment

__all__ = ["Plain", "Results", "SliceResults", "value_text"]

Plain = bool | int | float | str | None

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def value_text(value: Any) -> str | None:
    """A slice's value as the text that rules write: true, 5, 2.5, AA, 2013-01-01T05:00:00Z; None for null.

    >>> value_text(True), value_text(5), value_text(None)
    ('true', '5', None)
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        since = moment - _EPOCH
        return format_moment((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)
    return repr(value)


@dataclass(frozen=True)
class SliceResults:
    """The metrics of one slice.

    Parameters
    ----------
    slice : dict of str to plain value
        Its columns and their values; {} is all rows.
    values : mapping of str to Value
        By the metric's name.
    """

    slice: dict[str, Plain]
    values: Mapping[str, Value]

    def __getitem__(self, metric: str) -> Value:
        """The metric of that name, or UnknownName."""
        if metric not in self.values:
            raise UnknownName("metric", metric, self.values, where="the evaluation")
        return self.values[metric]

    @property
    def num_rows(self) -> int:
        """Rows with a label."""
        return next(iter(self.values.values())).num_rows


@dataclass(frozen=True)
class Results:
    """Metrics of all rows and of every slice.

    Parameters
    ----------
    cells : tuple of SliceResults
        All rows first, then slice after slice in the order they were asked for, sorted by value, nulls last.

    `results["roc_auc"]` is the value over all rows, `results.slice({"carrier": "AA"})["roc_auc"]` that of a slice.
    """

    cells: tuple[SliceResults, ...]

    def __getitem__(self, metric: str) -> Value:
        """The metric of that name over all rows, or UnknownName."""
        return self.cells[0][metric]

    def slice(self, values: Mapping[str, Any]) -> SliceResults:
        """The results where these columns have these values (None = null); UnknownName when no row did."""
        asked = frozenset((column, value_text(value)) for column, value in values.items())
        for pairs, cell in self._by_slice.items():
            if frozenset(pairs) == asked:
                return cell
        known = [slice_text(pairs) for pairs in self._by_slice if pairs]
        name = slice_text(tuple((column, value_text(value)) for column, value in values.items()))
        raise UnknownName("slice", name, known, where="the evaluation")

    @property
    def slices(self) -> list[dict[str, Plain]]:
        """The slices that have rows, as `slice` takes them; all rows are not one of them."""
        return [dict(cell.slice) for cell in self.cells[1:]]

    @property
    def num_slices(self) -> int:
        """Slices with rows; all rows are not counted."""
        return len(self.cells) - 1

    @property
    def metric_names(self) -> Sequence[str]:
        """The metrics, in the order they were asked for."""
        return tuple(self.cells[0].values)

    @property
    def table(self) -> dict[Slice, Mapping[str, Value]]:
        """As rules read it: values by slice, the slices' values as text."""
        return {pairs: cell.values for pairs, cell in self._by_slice.items()}

    @property
    def _by_slice(self) -> dict[Slice, SliceResults]:
        return {tuple((column, value_text(value)) for column, value in cell.slice.items()): cell for cell in self.cells}
