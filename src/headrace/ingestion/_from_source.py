"""A data set of what a source has: the way in for a source that `ingest` does not know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from headrace.dataset import Dataset, Fragment, Roles, Span
from headrace.dataset.types import one_schema
from headrace.errors import InvalidInput
from headrace.ingestion._contract import Source

__all__ = ["from_source"]


def from_source(
    source: Source,
    *,
    cursor: str | None = None,
    label: str | None = None,
    key: Sequence[str] = (),
    weight: str | None = None,
    time: str | None = None,
    sensitive: Sequence[str] = (),
    split: Mapping[str, int] | None = None,
) -> Dataset:
    """Read what a source has after a cursor into memory, as a data set with a span for each of its spans.

    In a pipeline call it in a step, which writes the rows down with its result.

    Parameters
    ----------
    source : Source
        Yours, or one found by `headrace.lookup`.
    cursor : str, optional
        What `source.plan` gave as `next_cursor` before; None = everything.
    label, key, weight, time, sensitive, split
        The roles of columns and the weights of splits, as `headrace.ingestion.ingest` takes them.

    Raises InvalidInput when there is nothing (new), or what there is cannot be read; InvalidSchema when the fragments
    of one span differ in shape. Cost: every row is read. Memory: all of them.

    >>> from headrace.ingestion.sources.parquet import Parquet
    >>> from_source(Parquet("nowhere/{span}.parquet"))
    Traceback (most recent call last):
    headrace.errors.InvalidInput: no file found (...nowhere/{span}.parquet); expected at least one Parquet file
    """
    plan = source.plan(cursor)
    if not plan.fragments:
        raise InvalidInput("nothing is new", where=f"{type(source).__name__}, cursor {cursor!r}")
    tables: list[pa.Table] = []
    shapes: dict[str, list[tuple[str, pa.Schema]]] = {}
    fragments: dict[str, list[Fragment]] = {}
    for planned in plan.fragments:
        read = source.read(planned.fragment)
        table = pa.Table.from_batches([batch.cast(read.schema) for batch in read.batches], schema=read.schema)
        shapes.setdefault(planned.span, []).append((planned.fragment.locator, read.schema))
        fragments.setdefault(planned.span, []).append(Fragment("arrow", str(len(tables)), table.num_rows))
        tables.append(table)
    spans = tuple(Span(name, 1, one_schema(shapes[name]), tuple(fragments[name])) for name in fragments)
    roles = Roles(label, _names(key), weight, time, _names(sensitive))
    return Dataset(spans, roles, None if split is None else dict(split), _tables=tuple(tables))


def _names(value: Sequence[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
