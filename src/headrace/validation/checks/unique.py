"""Values that come twice and must not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from headrace.validation import _repeats
from headrace.validation._contract import Context, Item, Masks, TableCheck

__all__ = ["Unique"]


class Unique(TableCheck):
    """No two rows may share a value where `is_unique` says so, nor all values of a set in `dataset: unique`: an error.

    Over all spans together. A row with a null in one of the columns is not compared, as in SQL. `value` is the number
    of rows whose values another row has too, `threshold` the number tolerated. Quarantine takes all of these rows:
    which of them is right, nobody can tell. Exact. Cost: one pass over the columns for each 16 million rows, 256 MiB
    at most, and another where something repeats; none where statistics show that all values are distinct.
    """

    code = "unique"

    def check(self, context: Context) -> Iterator[Item]:
        """Yield one item for each column, or set of columns, with rows that repeat another."""
        for names in self._asked(context):
            found = _repeats.find_repeats(context, names, at_once=_repeats.HASHES_AT_ONCE)
            most = self._tolerated(context, names) * found.num_rows
            if found.num_repeated > most:
                met = dict.fromkeys(repr(row.value)[:80] for row in found.examples if row.value is not None)
                said = f"column {names[0]!r}" if len(names) == 1 else f"columns {', '.join(map(repr, names))} together"
                message = (
                    f"{said} must be unique, and {found.num_repeated:,} of {found.num_rows:,} rows share their "
                    f"value{'' if len(names) == 1 else 's'} with another"
                    + (f": {', '.join(list(met)[:5])}" if met else "")
                )
                feature = ",".join(names)
                yield Item(self.code, feature, None, "error", found.num_repeated, int(most), message, found.examples)

    def at_fault(self, context: Context) -> Masks | None:
        """Every row that shares its values with another, where none may."""
        found: Masks | None = None
        for names in self._asked(context):
            if not self._tolerated(context, names):
                masks = _repeats.repeated_masks(context, names, at_once=_repeats.HASHES_AT_ONCE)
                found = masks if found is None else [left | right for left, right in zip(found, masks, strict=True)]
        return found

    def _tolerated(self, context: Context, names: Sequence[str]) -> float:
        return context.schema[names[0]].tolerated(self.code) if len(names) == 1 else 0.0

    def _asked(self, context: Context) -> Iterator[Sequence[str]]:
        for feature in context.schema.features:
            if feature.is_unique and not self._is_clean(context, feature.name):
                yield (feature.name,)
        yield from context.schema.dataset.unique

    def _is_clean(self, context: Context, name: str) -> bool:
        """Whether the statistics show that all values are distinct."""
        if context.statistics is None or name not in context.statistics:
            return False
        seen = context.statistics[name]
        bad = (seen.num_nan or 0) + (seen.num_infinite or 0)
        return "num_distinct" not in seen.error_bounds and not bad and seen.num_distinct == seen.num_present
