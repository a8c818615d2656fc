"""Rows for which a free check of the schema is false."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from headrace.dataset.rows import to_bools
from headrace.schema import FreeCheck
from headrace.validation._contract import Context, Example, Item, Masks, TableCheck
from headrace.validation._rows import NUM_EXAMPLES, Piece, gathered, read_together

__all__ = ["Expression"]


class Expression(TableCheck):
    """Every row must meet the schema's `checks`, conditions in SQL's words over its columns.

    The finding is called `expression:NAME`, and is as grave as the check says. A row for which the condition is
    unknown, because a column is null, is right. `value` is the share of rows at fault, `threshold` `max_share`.
    Quarantine takes the rows at fault of an error where none are allowed. Cost: for each check one pass over its
    columns.

    Raises InvalidInput where a condition cannot be computed from what the columns hold.
    """

    code = "expression"

    def check(self, context: Context) -> Iterator[Item]:
        """Yield one item for each check with too many rows at fault."""
        for one in context.schema.checks:
            num_rows, num_wrong, examples = 0, 0, list[Example]()
            for piece, mask in _judged(context, one):
                num_rows, num_wrong = num_rows + piece.num_rows, num_wrong + int(mask.sum())
                for place in np.flatnonzero(mask)[: NUM_EXAMPLES - len(examples)].tolist():
                    examples.append(piece.example(place, context.sensitive))
            if num_wrong > one.max_share * num_rows:
                met = [str(row.value)[:80] for row in examples[:3] if row.value is not None]
                message = f"check {one.name!r} is false for {num_wrong:,} of {num_rows:,} rows: {one.expression}" + (
                    f"; as in {'; '.join(met)}" if met else ""
                )
                severity: Any = one.severity
                share = num_wrong / num_rows
                yield Item(self.code, one.name, None, severity, share, one.max_share, message, tuple(examples))

    def at_fault(self, context: Context) -> Masks | None:
        """The rows at fault by an error that allows none."""
        found: Masks | None = None
        for one in context.schema.checks:
            if one.severity == "error" and not one.max_share:
                masks = gathered(context, _judged(context, one))
                found = masks if found is None else [left | right for left, right in zip(found, masks, strict=True)]
        return found


def _judged(context: Context, one: FreeCheck) -> Iterator[tuple[Piece, npt.NDArray[np.bool_]]]:
    condition = one.condition
    for piece in read_together(context, condition.columns):
        yield piece, to_bools(pc.fill_null(pc.invert(condition(piece.columns)), False))
