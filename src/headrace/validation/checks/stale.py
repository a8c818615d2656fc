"""New spans that bring nothing new."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from headrace.dataset import Dataset
from headrace.schema import canonical_array, format_moment, kind_of
from headrace.validation._contract import Check, Context, Item
from headrace.validation._rows import without_roles
from headrace.validation.drift import new_spans

__all__ = ["Stale"]


class Stale(Check):
    """The newest moment of the new spans must be after the newest of the previous data set: an error.

    Judged where the schema says `must_advance` and a column has the role time, in the data set or in the schema.
    Without a previous data set, or new spans, nothing is said. `value` and `threshold` are the two moments, RFC 3339.
    Cost: one pass over that column in both.
    """

    code = "stale"

    def check(self, context: Context) -> Iterator[Item]:
        """Yield one item where time did not go on."""
        dataset, previous = context.dataset, context.previous
        said = [feature.name for feature in context.schema.features if feature.role == "time"]
        column = dataset.roles.time or (said[0] if said else None)
        if not context.schema.dataset.must_advance or previous is None or column is None:
            return
        new = new_spans(dataset, previous)
        now, before = _newest(dataset, column, new), _newest(previous, column, [span.name for span in previous.spans])
        if new and now is not None and before is not None and now <= before:
            moments = [format_moment(item) or str(item) for item in (now, before)]
            message = (
                f"column {column!r} is {moments[0]} at the newest in new spans, not after the {moments[1]} that was "
                "there before: was an old file delivered again?"
            )
            yield Item(self.code, column, None, "error", moments[0], moments[1], message)


def _newest(dataset: Dataset, column: str, spans: Sequence[str]) -> int | None:
    bare = without_roles(dataset)
    newest: int | None = None
    for span in bare.spans:
        names = span.arrow_schema.names
        if (
            span.name not in spans
            or column not in names
            or kind_of(span.arrow_schema.field(column).type) != "timestamp"
        ):
            continue
        alone = bare.select_spans([span.name])
        for part in alone.parts():
            for rows in alone.read(part, [column]):
                most = pc.max(canonical_array(rows.batch.column(0), name=column).cast(pa.int64())).as_py()
                newest = most if newest is None or (most is not None and most > newest) else newest
    return newest
