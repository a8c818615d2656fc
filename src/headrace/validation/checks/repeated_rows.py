"""Rows that repeat another, on both sides of a split that their places decide."""

from __future__ import annotations

from collections.abc import Iterator

from headrace.validation._contract import Check, Context, Item

__all__ = ["RepeatedRows"]

MIN_ROWS = 20
MAX_SHARE = 0.01


class RepeatedRows(Check):
    """Copies of rows fall into train and eval alike, and make a model look better than it is: a warning.

    Judged where there is a split and no key, since equal keys fall on one side: rows equal to another in **every**
    column, when more than one in a hundred would go if one of each were kept. Rows of a few columns may be equal
    without being copies: a person has to tell. Fewer than 20 rows may be alike by chance. `value` is the share of rows
    (exact up to 16,384 distinct rows, else within the bound that the message tells, with probability 0.95),
    `threshold` 0.01. Cost: one pass over all columns; states are kept.
    """

    code = "repeated_rows"

    def check(self, context: Context) -> Iterator[Item]:
        """Yield one item where too many rows repeat another."""
        found = context.copies
        if found is None or found.num_rows[0] < MIN_ROWS or found.share[0] <= MAX_SHARE:
            return
        share, bound, num_rows = float(found.share[0]), float(found.error_bound[0]), int(found.num_rows[0])
        exact = f"{round(share * num_rows):,} of {num_rows:,} rows"
        many = f"{100 * share:.1f} % of {num_rows:,} rows, within {100 * bound:.1g} %," if bound else exact
        message = (
            f"{many} repeat another in every column: copies are learnt from in train and met again in eval, so that "
            "figures flatter the model; deliver each row once, or name the columns that tell rows apart: key="
        )
        yield Item(self.code, None, None, "warning", share, MAX_SHARE, message)
