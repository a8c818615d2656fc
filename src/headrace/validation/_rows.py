"""The second read, made only where something is wrong: which rows are at fault, and what they hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headrace.dataset import Dataset, Part, Roles, Span
from headrace.dataset.rows import to_bools
from headrace.schema import Feature, format_moment, kind_of
from headrace.validation._contract import Context, Example, RowCheck
from headrace.validation._faults import canonical_values, reads_as

__all__ = [
    "NUM_EXAMPLES",
    "find_examples",
    "plain_value",
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
        kinds = {item.name: kind_of(item.type) for item in span.arrow_schema}
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
                    hidden = feature.name in context.dataset.roles.sensitive
                    for place in places[: NUM_EXAMPLES - len(rows)]:
                        value = None if hidden else plain_value(values[place])
                        rows.append(Example(span.name, file, row_index(dataset, part, start + place), value))
                if not any(map(is_open, wanted)):
                    break
    return {key: tuple(rows) for key, rows in found.items()}


def row_index(dataset: Dataset, part: Part, place: int) -> int:
    """The place in the file of the place-th row read, which differ where rows were set aside before."""
    kept = dataset.selection.mask(part.span, part.fragment_index)
    return place if kept is None else int(np.flatnonzero(kept)[place])


def plain_value(value: Any) -> bool | int | float | str | None:
    """An Arrow scalar as plain data."""
    if pa.types.is_timestamp(value.type) and value.is_valid:
        micros: int = value.cast(pa.int64()).as_py()
        return format_moment(micros) or micros
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
