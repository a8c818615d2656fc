"""What was asked: rows of the request log by time or by id, and asking a model again."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headrace.dataset import Dataset
from headrace.model import Model
from headrace.serving.reading import read_requests
from headrace.serving.shape import OWN_NAMES, Shape

__all__ = ["find_request", "newest_rows", "replay"]


def newest_rows(
    requests: Path, endpoints: Sequence[str], *, number: int, status: int | None = None
) -> list[dict[str, Any]]:
    """The rows that were asked last, newest first, at most `number`; times as RFC 3339.

    Parameters
    ----------
    requests : Path
        The home's `requests` folder; only read.
    endpoints : sequence of str
        Whose.
    status : int, optional
        Only those answered with this HTTP status.

    Cost: reads hours from the newest back until there are enough. Memory: a batch, and the rows given back.
    """
    found: list[dict[str, Any]] = []
    for endpoint in endpoints:
        dataset = read_requests(requests, endpoint)
        mine: list[dict[str, Any]] = []
        for span in reversed(dataset.spans) if dataset is not None else ():
            assert dataset is not None
            if len(mine) >= number:
                break
            one = dataset.select_spans([span.name])
            columns = [name for name in one.column_names if name in OWN_NAMES]
            best: list[tuple[int, int, dict[str, Any]]] = []
            for batch in _batches(one, columns):
                if status is not None:
                    batch = batch.filter(pc.equal(batch.column("request_status"), status))
                newest = batch.take(pc.array_sort_indices(batch.column("event_time_us"), "descending")[:number])
                times = newest.column("event_time_us").cast(pa.int64()).to_pylist()
                rows = zip(times, newest.to_pylist(), strict=True)
                best = heapq.nlargest(number, [*best, *((time, id(row), row) for time, row in rows)])
            mine += [row for _, _, row in best]
        found += mine
    found.sort(key=lambda row: (row["event_time_us"], row["request_id"], -row["request_row"]), reverse=True)
    return [_plain(row) for row in found[:number]]


def find_request(requests: Path, endpoints: Sequence[str], prefix: str) -> list[dict[str, Any]]:
    """All rows of the requests whose id begins so, with all that is written of them.

    Cost: one pass over the ids of the log. Memory: a batch, and the rows given back.
    """
    found: list[dict[str, Any]] = []
    for endpoint in endpoints:
        dataset = read_requests(requests, endpoint)
        for span in dataset.spans if dataset is not None else ():
            assert dataset is not None
            one = dataset.select_spans([span.name])
            for batch in _batches(one, one.column_names):
                names = batch.column("request_id").cast(pa.string())  # it may come as a dictionary
                found += batch.filter(pc.starts_with(names, prefix)).to_pylist()
    found.sort(key=lambda row: (row["event_time_us"], row["request_id"], row["request_row"]))
    return [_plain(row) for row in found]


def _batches(dataset: Dataset, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    for part in dataset.parts():
        for rows in dataset.read(part, columns):
            yield rows.batch


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in row.items()}


def replay(model: Model, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a model says of the rows of one request, as `find_request` gives them.

    Returns, for each row, its `values` by raw column, its `features` by name and its `prediction`.
    """
    asked = [{column.name: row[Shape.name_of(column.name)] for column in model.columns} for row in rows]
    lanes = model.codec.from_rows(asked)
    answers = model.predict_lanes(lanes, ("features", "prediction"))
    return [
        {
            "values": values,
            "features": dict(zip(model.feature_names, answers["features"][place].tolist(), strict=True)),
            "prediction": answers["prediction"][place].tolist(),
        }
        for place, values in enumerate(asked)
    ]
