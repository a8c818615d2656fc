"""Faults as items, and their rows: a few as examples, all of them for quarantine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headrace.dataset import Dataset, Part
from headrace.dataset.rows import to_bools
from headrace.schema import canonical_array
from headrace.slicing import slice_name
from headrace.validation._contract import Example, Item, Severity
from headrace.validation._rows import NUM_EXAMPLES, plain_value, row_index, without_roles
from headrace.validation._search import Fault, Key

__all__ = ["Located", "examples_of", "item_of", "rows_touched"]

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Located:
    """A fault, and where it is: the column (None = the rows as such), the span, and since which fragment of it."""

    feature: str | None
    span: str
    fault: Fault
    since: str | None = None

    @property
    def slice(self) -> str | None:
        """The slice's name; None = all rows."""
        key = self.fault.key
        return slice_name([column for column, _ in key], [value for _, value in key]) if key else None

    @property
    def name(self) -> str:
        """The name of its item."""
        return ":".join(part for part in (f"drift_{self.fault.code}", self.feature, self.slice) if part)

    @property
    def severity(self) -> Severity:
        """A structural fault is an error, where enough earlier spans say that it is not their way."""
        if self.fault.code == "mixture":
            return "warning"
        return "error" if self.fault.is_sure else "warning"


def item_of(several: Sequence[Located], rows: Sequence[Example], *, is_hidden: bool) -> Item:
    """The item of one fault, in one span or in several; a hidden column's values are not told."""
    first = several[0]
    sign, num_rows = first.fault.sign, sum(one.fault.num_touched for one in several)
    pairs = [slice_name([column], [value]).replace("=", " = ", 1) for column, value in first.fault.key]
    where = f" where {' and '.join(pairs)}" if pairs else ""
    spans = ", ".join(one.span for one in several)
    words, detail = (f"a fault of the kind {first.fault.code!r}", "") if is_hidden else (sign.words, sign.detail)
    rows_words = f"{num_rows:,} rows of {spans}" if sign.touches != "none" or num_rows else spans
    inside = "; ".join(part for part in (detail, rows_words) if part)
    since = next((one.since for one in several if one.since), None)
    told = f"; since {since}" if since else ""
    message = f"{first.feature or 'rows'}: {words}{where} ({inside}{told})" + (f": {sign.hint}" if sign.hint else "")
    if first.severity == "warning" and not first.fault.is_sure and first.fault.code != "mixture":
        message += "; one earlier span does not tell how far spans differ by nature"
    value, before, after = (None, None, None) if is_hidden else (sign.value, sign.before, sign.after)
    return Item(
        f"drift_{first.fault.code}",
        first.feature,
        first.slice,
        first.severity,
        value,
        None,
        message,
        tuple(rows),
        before=before,
        after=after,
        num_rows=num_rows,
        since=since,
    )


def examples_of(dataset: Dataset, several: Sequence[Located]) -> tuple[Example, ...]:
    """The first rows touched, in source order. Cost: reads two columns until there are ten."""
    found: list[Example] = []
    hidden = several[0].feature in dataset.roles.sensitive
    bare = without_roles(dataset)
    if several[0].fault.sign.touches == "none":
        return ()
    for located in several:
        for part in bare.parts(spans=[located.span]):
            file = PurePath(bare.find_span(located.span).fragments[part.fragment_index].locator).name
            for start, mask, values in _masks(bare, part, [located]):
                for place in np.flatnonzero(mask)[: NUM_EXAMPLES - len(found)].tolist():
                    value = None if hidden else plain_value(values[place])
                    found.append(Example(part.span, file, row_index(bare, part, start + place), value))
                if len(found) == NUM_EXAMPLES:
                    return tuple(found)
    return tuple(found)


def rows_touched(dataset: Dataset, located: Sequence[Located]) -> list[Mask]:
    """For each part of the data set, in order, which of its rows one of the faults touches: bool[num_rows]."""
    bare = without_roles(dataset)
    answer = []
    for part in bare.parts():
        here = [one for one in located if one.span == part.span and one.feature is not None]
        touched = np.zeros(bare.expected_rows(part) or 0, np.bool_)
        for start, mask, _ in _masks(bare, part, here) if here else ():
            touched[start : start + len(mask)] |= mask
        answer.append(touched)
    return answer


def _masks(dataset: Dataset, part: Part, located: Sequence[Located]) -> Iterator[tuple[int, Mask, pa.Array]]:
    """For each batch: rows before it, which of its rows are touched, and the last fault's column."""
    keys = [column for one in located for column, _ in one.fault.key]
    features = [one.feature for one in located if one.feature is not None]
    names = list(dict.fromkeys([*features, *keys]))
    start = 0
    for rows in dataset.read(part, names):
        columns = {name: canonical_array(rows.batch.column(name), name=name) for name in names}
        touched = np.zeros(rows.num_rows, np.bool_)
        for one in located:
            touched |= _touched(columns[str(one.feature)], one.fault) & _inside(columns, one.fault.key, rows.num_rows)
        yield start, touched, columns[str(located[-1].feature)]
        start += rows.num_rows


def _inside(columns: dict[str, pa.Array], key: Key, num_rows: int) -> Mask:
    mask = np.ones(num_rows, np.bool_)
    for name, value in key:
        column = columns[name]
        same = pc.is_null(column) if value is None else pc.equal(column, pa.scalar(value, column.type))
        mask &= to_bools(pc.fill_null(same, False))
    return mask


def _touched(column: pa.Array, fault: Fault) -> Mask:
    sign = fault.sign
    if sign.touches == "none":
        return np.zeros(len(column), np.bool_)
    if sign.touches == "listed" and sign.listed is not None:
        if pa.types.is_boolean(column.type):
            column = column.cast(pa.int64())
        return to_bools(pc.is_in(column, value_set=pa.array(sign.listed.tolist(), column.type), skip_nulls=True))
    is_missing = pc.is_null(column, nan_is_null=True)
    return to_bools(is_missing if sign.touches == "nulls" else pc.invert(is_missing))
