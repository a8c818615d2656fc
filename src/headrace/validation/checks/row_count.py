"""A data set with too few or too many rows."""

from __future__ import annotations

from collections.abc import Iterator

from headrace.validation._contract import Check, Context, Item

__all__ = ["RowCount"]


class RowCount(Check):
    """The data set must have `min_rows` to `max_rows` rows: an error.

    Rows set aside do not count. `value` is the number of rows, `threshold` the end it lies beyond. Cost: none.
    """

    code = "row_count"

    def check(self, context: Context) -> Iterator[Item]:
        """Yield one item for a number outside."""
        limits, number = context.schema.dataset, context.dataset.num_rows
        low, high = limits.min_rows, limits.max_rows
        if low is not None and number < low:
            message = f"the data set has {number:,} rows; the schema asks for at least {low:,}"
            yield Item(self.code, None, None, "error", number, low, message)
        elif high is not None and number > high:
            message = f"the data set has {number:,} rows; the schema asks for at most {high:,}"
            yield Item(self.code, None, None, "error", number, high, message)
