"""The second read, made only where something is wrong: which rows are at fault, and what they hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headrace.dataset import Dataset, Part, Roles, Span
from headrace.dataset.nested import with_fields
from headrace.dataset.rows import to_bools
from headrace.kinds import PLAIN_KINDS
from headrace.schema import Feature, Kind, arrow_type, canonical_array, format_moment, kind_of
from headrace.validation._contract import Context, Example, Masks, RowCheck
from headrace.validation._faults import canonical_values, reads_as

__all__ = [
    "NUM_EXAMPLES",
    "Piece",
    "find_examples",
    "gathered",
    "plain_value",
    "read_together",
    "row_index",
    "rows_without_fault",
    "without_roles",
]

NUM_EXAMPLES = 10

Judged = Sequence[tuple[RowCheck, Feature]]


def _spans(context: Context, judged: Judged) -> Iterator[tuple[Dataset, Span, Judged]]:
    """Each span with something to judge, as a data set of its own, so that no other span's shape gets in the way."""
    bare = without_roles(context.dataset)
    for span in bare.spans:
        shape = with_fields(span.arrow_schema, [feature.name for _, feature in judged])
        kinds = {item.name: kind_of(item.type) for item in shape}
        here = [(check, feature) for check, feature in judged if reads_as(kinds.get(feature.name), feature.kind)]
        if here:
            yield bare.select_spans([span.name]), span, here


def without_roles(dataset: Dataset) -> Dataset:
    """The same rows, read without their weight: a weight of the wrong type is a finding, not a failure to read.

    Splits stay what they are where every span has the key that they are drawn by; else there are none.
    """
    key = dataset.roles.key
    if set(key) <= set(dataset.shared_schema.names):
        return replace(dataset, roles=Roles(key=key))
    return replace(dataset, roles=Roles(), split=None, _summary=None)


def _values(dataset: Dataset, part: Part, judged: Judged) -> Iterator[tuple[int, int, dict[str, pa.Array]]]:
    """For each batch: how many rows came before it, its number of rows, and its columns as checks take them."""
    kinds = {feature.name: feature.kind for _, feature in judged}
    names = list(kinds)
    start = 0
    for rows in dataset.read(part, names):
        yield (
            start,
            rows.num_rows,
            {name: canonical_values(rows.batch.column(name), kinds[name], name) for name in names},
        )
        start += rows.num_rows


def find_examples(context: Context, judged: Judged) -> dict[tuple[str, str], tuple[Example, ...]]:
    """The first rows at fault, in source order, for each (check, feature).

    Cost: reads the columns judged until each has ten rows at fault.
    """
    found: dict[tuple[str, str], list[Example]] = {(check.code, feature.name): [] for check, feature in judged}

    def is_open(pair: tuple[RowCheck, Feature]) -> bool:
        return len(found[pair[0].code, pair[1].name]) < NUM_EXAMPLES

    for dataset, span, here in _spans(context, judged):
        for part in dataset.parts():
            wanted = [pair for pair in here if is_open(pair)]
            file = PurePath(span.fragments[part.fragment_index].locator).name
            for start, _, columns in _values(dataset, part, wanted) if wanted else ():
                for check, feature in filter(is_open, wanted):
                    rows, values = found[check.code, feature.name], columns[feature.name]
                    places = pc.indices_nonzero(check.at_fault(feature, values)).to_pylist()
                    hidden = feature.name in context.sensitive
                    for place in places[: NUM_EXAMPLES - len(rows)]:
                        value = None if hidden else plain_value(values[place])
                        rows.append(Example(span.name, file, row_index(dataset, part, start + place), value))
                if not any(map(is_open, wanted)):
                    break
    return {key: tuple(rows) for key, rows in found.items()}


def read_together(context: Context, names: Sequence[str]) -> Iterator[Piece]:
    """Batches of several columns, in their canonical types, of the spans that have them all in kinds as the schema
    says.

    Nothing of a span that lacks one, or has it in another kind: other checks say so. A column of a kind without a
    canonical type, such as a list, is read as it is.
    """
    bare = without_roles(context.dataset)
    kinds = {name: context.schema[name].kind for name in names}
    for span in bare.spans:
        there = {item.name: kind_of(item.type) for item in with_fields(span.arrow_schema, names)}
        if not all(reads_as(there.get(name), kind) for name, kind in kinds.items()):
            continue
        alone = bare.select_spans([span.name])
        for part in alone.parts():
            file = PurePath(span.fragments[part.fragment_index].locator).name
            start = 0
            for rows in alone.read(part, list(names)):
                columns = {name: _canonical(rows.batch.column(name), kind, name) for name, kind in kinds.items()}
                yield Piece(alone, part, file, start, rows.num_rows, columns)
                start += rows.num_rows


def _canonical(array: Any, kind: Kind, name: str) -> pa.Array:
    values = canonical_array(array, name=name)
    return values if kind not in PLAIN_KINDS or kind_of(values.type) == kind else values.cast(arrow_type(kind))


@dataclass(frozen=True, eq=False)
class Piece:
    """A batch of some columns of one part.

    Parameters
    ----------
    dataset : Dataset
        Its span alone, without roles.
    part : Part
        Of that data set.
    file : str
        The file's name without its folder.
    start, num_rows : int
        Rows of the part that came before it, and its own.
    columns : dict of str to pyarrow.Array
        In canonical types, dictionaries decoded.
    """

    dataset: Dataset
    part: Part
    file: str
    start: int
    num_rows: int
    columns: dict[str, pa.Array]

    @property
    def place(self) -> tuple[str, int]:
        """Which part this is a piece of, for `gathered`."""
        return self.part.span, self.part.fragment_index

    def example(self, index: int, hidden: Iterable[str]) -> Example:
        """The row at that place of the batch; of several columns the value is "a=1, b=null"."""
        values = {name: plain_value(column[index]) for name, column in self.columns.items()}
        value: Any = None
        if not set(values) & set(hidden):
            shown = [f"{name}={'null' if item is None else item}" for name, item in values.items()]
            value = next(iter(values.values())) if len(values) == 1 else ", ".join(shown)
        span = self.dataset.spans[0].name
        return Example(span, self.file, row_index(self.dataset, self.part, self.start + index), value)


def gathered(context: Context, found: Iterable[tuple[Piece, npt.NDArray[np.bool_]]]) -> Masks:
    """What was found of pieces as one mask for each part of the data set; rows of parts not read are at no fault."""
    masks: dict[tuple[str, int], list[npt.NDArray[np.bool_]]] = {}
    for piece, mask in found:
        masks.setdefault(piece.place, []).append(mask)
    whole = context.dataset
    return [
        np.concatenate(masks[part.span, part.fragment_index])
        if (part.span, part.fragment_index) in masks
        else np.zeros(whole.expected_rows(part) or 0, dtype=np.bool_)
        for part in whole.parts()
    ]


def row_index(dataset: Dataset, part: Part, place: int) -> int:
    """The place in the file of the place-th row read, which differ where rows were set aside before."""
    kept = dataset.selection.mask(part.span, part.fragment_index)
    return place if kept is None else int(np.flatnonzero(kept)[place])


def plain_value(value: Any) -> bool | int | float | str | None:
    """An Arrow scalar as plain data."""
    if pa.types.is_dictionary(value.type):
        value = value.value
    if pa.types.is_timestamp(value.type) and value.is_valid:
        micros: int = value.cast(pa.int64()).as_py()
        return format_moment(micros) or micros
    if pa.types.is_nested(value.type) or pa.types.is_binary(value.type):
        return str(value.as_py())[:200] if value.is_valid else None
    try:
        plain: bool | int | float | str | None = value.as_py()
    except UnicodeDecodeError:
        return str(value.as_buffer().to_pybytes(), "utf-8", "backslashreplace")
    return "NaN" if plain != plain else plain  # NaN equals nothing, not even itself read back


def rows_without_fault(context: Context, judged: Judged) -> list[npt.NDArray[np.bool_]]:
    """For each part of the data set, in order, which of its rows are at no fault by any of the checks: bool[num_rows].

    Cost: reads the columns judged; one byte a row.
    """
    clean: dict[tuple[str, int], npt.NDArray[np.bool_]] = {}
    for dataset, span, here in _spans(context, judged):
        for part in dataset.parts():
            masks = [np.zeros(0, dtype=np.bool_)]
            for _, num_rows, columns in _values(dataset, part, here):
                mask = np.ones(num_rows, dtype=np.bool_)
                for check, feature in here:
                    mask &= ~to_bools(check.at_fault(feature, columns[feature.name]))
                masks.append(mask)
            clean[span.name, part.fragment_index] = np.concatenate(masks)
    whole = context.dataset
    return [
        clean[part.span, part.fragment_index]
        if (part.span, part.fragment_index) in clean
        else np.ones(whole.expected_rows(part) or 0, dtype=np.bool_)
        for part in whole.parts()
    ]
