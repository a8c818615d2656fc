"""Reading the request log: Parquet of the hours that are over, segments of the one that runs, as one data set."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from headrace.dataset import Dataset, Fragment, Roles, Span
from headrace.dataset.reading import ParquetReader
from headrace.dataset.types import logical_schema
from headrace.serving._segments import FILE_NAME, read_segment

__all__ = ["read_requests"]

_HOUR = re.compile(r"\d{4}-\d\d-\d\dT\d\d")
_PARQUET = re.compile(r"v(\d+)-([0-9a-f]+)\.parquet")


def read_requests(
    requests: Path, endpoint: str, *, version: int | None = None, since: str = "", until: str = "~"
) -> Dataset | None:
    """What an endpoint was asked and what it answered, up to the last half second; None where nothing is written.

    Parameters
    ----------
    requests : Path
        The home's `requests` folder; nothing in it is changed.
    endpoint : str
        Whose.
    version : int, optional
        Only what that version answered. Versions whose columns differ make spans that differ in shape.
    since, until : str
        The first and last hour, such as "2026-11-02T10"; all by default.

    Returns
    -------
    Dataset
        A span an hour, a row for each row asked; key `request_id`, `request_row`, time `event_time_us`. The columns
        are those `headrace.serving.shape` lists. Cost: footers, and the rows of the hour that runs.
    """
    folder = requests / endpoint
    tables: list[Any] = []
    schemas: dict[str, Any] = {}
    fragments: dict[str, list[Fragment]] = {}
    readers: dict[tuple[str, int], Any] = {}
    known: set[str] = set()

    def add(span: str, fragment: Fragment, schema: Any) -> int:
        schemas.setdefault(span, schema)
        fragments.setdefault(span, []).append(fragment)
        return len(fragments[span]) - 1

    # Segments first: one that becomes Parquet meanwhile is found there, and is not counted twice.
    for path in sorted(folder.glob("open/*.arrows")):
        match = FILE_NAME.fullmatch(path.name)
        if match is None or not since <= match[1] <= until or version not in (None, int(match[2])):
            continue
        try:
            table = read_segment(path)
        except FileNotFoundError:
            continue
        if table is not None:
            known.add(match[3])
            schema = logical_schema(table.schema, path.name)
            span = match[1] if schemas.get(match[1], schema).equals(schema) else f"{match[1]}.v{match[2]}"
            add(span, Fragment("arrow", str(len(tables)), table.num_rows), schema)
            tables.append(table)
    for path in sorted(folder.glob("*/v*.parquet")):
        match = _PARQUET.fullmatch(path.name)
        hour = path.parent.name[:13]
        if match is None or match[2] in known or not _HOUR.fullmatch(hour) or not since <= hour <= until:
            continue
        if version not in (None, int(match[1])):
            continue
        reader = ParquetReader(path.absolute())
        schema = reader.arrow_schema
        span = path.parent.name
        if not schemas.get(span, schema).equals(schema):
            span = f"{hour}.v{match[1]}"
        place = add(span, Fragment("parquet", reader.name, sum(reader.piece_rows)), schema)
        readers[span, place] = reader
    if not fragments:
        return None
    spans: Sequence[Span] = [Span(name, 1, schemas[name], tuple(fragments[name])) for name in sorted(fragments)]
    roles = Roles(key=("request_id", "request_row"), time="event_time_us")
    return Dataset(tuple(spans), roles, _tables=tuple(tables), _readers=readers)
