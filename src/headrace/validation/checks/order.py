"""Values that should rise or fall from row to row, and do not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headrace.dataset.rows import to_bools
from headrace.schema import Feature
from headrace.validation._contract import Context, Example, Item, TableCheck
from headrace.validation._rows import NUM_EXAMPLES, Piece, read_together

__all__ = ["Order"]


class Order(TableCheck):
    """Within a file each value must lie as `order` says to the last one before it: an error.

    "increasing" lets equals follow each other, "strictly_increasing" does not; likewise downward. Nulls and NaN are
    passed over. It is about the order in which rows were delivered: rows that were set aside do not count. `value` is
    the number of rows that lie wrong to the one before, `threshold` the number tolerated. Cost: one pass over the
    column, in order.
    """

    code = "order"

    def check(self, context: Context) -> Iterator[Item]:
        """Yield one item for each column that is out of order."""
        for feature in context.schema.features:
            if feature.order is None:
                continue
            num_rows, num_wrong, examples = 0, 0, list[Example]()
            last: tuple[tuple[str, int], int | float | None] = (("", -1), None)
            for piece in read_together(context, [feature.name]):
                before = last[1] if piece.place == last[0] else None
                places, before = _wrong(feature, piece, before)
                last = (piece.place, before)
                num_rows, num_wrong = num_rows + piece.num_rows, num_wrong + len(places)
                for place in places[: NUM_EXAMPLES - len(examples)].tolist():
                    examples.append(piece.example(place, context.sensitive))
            most = feature.tolerated(self.code) * num_rows
            if num_wrong > most:
                met = [f" ({row.file}, row {row.row_index})" for row in examples[:1]]
                message = (
                    f"column {feature.name!r} is not {feature.order.replace('_', ' ')}: {num_wrong:,} of {num_rows:,} "
                    f"rows lie wrong to the one before{''.join(met)}"
                )
                yield Item(self.code, feature.name, None, "error", num_wrong, int(most), message, tuple(examples))


def _wrong(
    feature: Feature, piece: Piece, before: int | float | None
) -> tuple[npt.NDArray[np.int64], int | float | None]:
    """The places that lie wrong to the value before them, and the last value."""
    column = piece.columns[feature.name]
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    is_there = to_bools(pc.invert(pc.is_null(column, nan_is_null=True)))
    places = np.flatnonzero(is_there)
    values = column.filter(pa.array(is_there)).to_numpy(zero_copy_only=False)
    if not len(values):
        return places, before
    if before is not None:
        values = np.concatenate([np.array([before], values.dtype), values])
    earlier, later = values[:-1], values[1:]
    order = str(feature.order)
    if order.endswith("decreasing"):
        earlier, later = later, earlier
    wrong = earlier >= later if order.startswith("strictly") else earlier > later
    return places[len(places) - len(wrong) :][wrong], values[-1].item()
