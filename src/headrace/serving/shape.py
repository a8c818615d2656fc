"""What a row of the request log looks like, and how answered requests become Arrow batches of such rows.

| column | |
|---|---|
| `request_id`, `request_row` | the key: which request, and which of its rows |
| `event_time_us` | when the request came, UTC |
| `request_endpoint`, `request_version`, `request_model_digest` | what answered |
| the model's raw columns, under their names | what was asked, in the types of the model's signature |
| `prediction` | what was answered; null where the request was refused; of several classes a list of one number each |
| `predicted_class` | of a model of several classes alone: the likeliest |
| `request_latency_us`, `request_status` | how long it took, and the HTTP status |
| `request_arm` | the table and its segment, `TABLE/SEGMENT`, that chose the version; null where nothing was chosen |
| `request_propensity` | how probable that choice was; 0.0 for a shadow, whose answer nobody got |
| `request_unit` | what stays with one version; null where each request is by itself |
| `request_is_sampled` | whether inputs were written: false where `log_sample` left them out, and where refused |
| `request_masked` | sensitive columns and lists, comma between: their values are null here, whatever they were |
| `request_num_dropped` | rows lost between the row before and this one: the queue was full, or the disk was |

A raw column that has one of these names is written as `input_NAME`.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.canonical import from_canonical, to_canonical
from headrace.dataset.hashing import keyed_uniform, row_ids
from headrace.model.answers import column_type, likeliest, to_column
from headrace.model.columns import NULL_TEXT, InputColumn, layout_of

__all__ = ["Chosen", "Entry", "ReadLanes", "Shape", "to_batch", "with_constants"]

_TIME = pa.timestamp("us", tz="UTC")
_TEXTS = (pa.string(), pa.large_string())
_BEFORE = [("request_id", pa.string()), ("request_row", pa.int64()), ("event_time_us", _TIME)]
_CONSTANT = [
    ("request_endpoint", pa.string()),
    ("request_version", pa.int64()),
    ("request_model_digest", pa.string()),
    ("request_masked", pa.string()),
]
_AFTER = [
    ("request_latency_us", pa.int64()),
    ("request_status", pa.int64()),
    ("request_arm", pa.string()),
    ("request_propensity", pa.float64()),
    ("request_unit", pa.string()),
    ("request_is_sampled", pa.bool_()),
    ("request_num_dropped", pa.int64()),
]
OWN_NAMES = frozenset(name for name, _ in (*_BEFORE, *_CONSTANT, *_AFTER)) | {"prediction", "predicted_class"}
_FORMAT = 1

# What chose the version: (arm, propensity, unit), each None where it has none.
Chosen = tuple[str | None, float | None, str | None]

# One answered request, as the request path leaves it, nothing converted and lanes by reference: (shape, request_id,
# started_ns, latency_ns, status, lanes or None, prediction or None, chosen or None, num_rows). A plain tuple is made in
# a tenth of the time of anything with names.
Entry = tuple[
    "Shape",
    str,
    int,
    int,
    int,
    dict[str, npt.NDArray[Any]] | None,
    npt.NDArray[np.float32] | None,
    Chosen | None,
    int,
]


@dataclass(frozen=True)
class Shape:
    """The rows of one version of an endpoint.

    Parameters
    ----------
    endpoint, version, digest
        What answered.
    columns : tuple of InputColumn
        The model's raw columns.
    sensitive : tuple of str
        Columns whose values are never written.
    classes : tuple of str or of int
        Of a model of several classes: what its predictions are of.
    """

    endpoint: str
    version: int
    digest: str
    columns: tuple[InputColumn, ...]
    sensitive: tuple[str, ...] = ()
    classes: tuple[str | int, ...] = ()

    @staticmethod
    def name_of(column: str) -> str:
        """What a raw column is called in the log.

        >>> Shape.name_of("distance"), Shape.name_of("prediction")
        ('distance', 'input_prediction')
        """
        return f"input_{column}" if column in OWN_NAMES else column

    @functools.cached_property
    def schema(self) -> pa.Schema:
        """Of the batches in a segment; what is the same in all rows is in its metadata."""
        inputs = [(self.name_of(column.name), column.arrow_type) for column in self.columns]
        masked = [column.name for column in self.columns if column.name in self.sensitive or not column.has_lane]
        plain = {
            "format": _FORMAT,
            "request_endpoint": self.endpoint,
            "request_version": self.version,
            "request_model_digest": self.digest,
            "request_masked": ",".join(masked) or None,
        }
        answers = [("prediction", column_type(max(1, len(self.classes))))]
        if self.classes:
            answers.append(("predicted_class", pa.string() if isinstance(self.classes[0], str) else pa.int64()))
        fields = [pa.field(name, kind) for name, kind in (*_BEFORE, *inputs, *answers, *_AFTER)]
        return pa.schema(fields, metadata={b"headrace": to_canonical(plain)})

    @functools.cached_property
    def layout(self) -> Any:
        """Which columns each lane holds."""
        return layout_of(self.columns)


def with_constants(table: pa.Table) -> pa.Table:
    """The rows of a segment as they are in Parquet: what its metadata says of all rows becomes columns."""
    plain = from_canonical(table.schema.metadata[b"headrace"])
    table = table.replace_schema_metadata(None)
    if plain.get("kind") == "reward":
        return table
    for place, (name, kind) in enumerate(_CONSTANT):
        column = pa.repeat(pa.scalar(plain[name], kind), table.num_rows)
        table = table.add_column(len(_BEFORE) + place, pa.field(name, kind), column)
    return table


def _bits(values: npt.NDArray[np.bool_]) -> pa.Buffer:
    return pa.py_buffer(np.packbits(values, bitorder="little"))


def _array(values: npt.NDArray[Any], kind: pa.DataType, valid: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    """A primitive array by its buffers (`pa.array` of an ndarray would import pandas)."""
    missing = 0 if valid is None else len(values) - int(np.count_nonzero(valid))
    data = _bits(values) if pa.types.is_boolean(kind) else pa.py_buffer(np.ascontiguousarray(values))
    return pa.Array.from_buffers(kind, len(values), [_bits(valid) if missing and valid is not None else None, data])


class ReadLanes(dict[str, Any]):
    """Lanes, and the columns of texts that they were made of, which need not be made of them again."""

    texts: dict[str, pa.Array]

    @classmethod
    def of(cls, lanes: dict[str, Any], batch: Any) -> ReadLanes:
        """The lanes that a codec made of a RecordBatch or Table, with its columns of texts, if they are in one piece.

        Cost: 0.3 us a column.
        """
        found = cls(lanes)
        found.texts = {}
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            if column.type in _TEXTS:
                if isinstance(column, pa.ChunkedArray):
                    if column.num_chunks != 1:
                        continue
                    column = column.chunk(0)
                found.texts[name] = column
        return found


def _texts(lanes: Sequence[Any], column: InputColumn, place: int, whole: Any) -> pa.Array:
    """A column of texts of all requests; `whole` is their lane of texts, None where all came with their columns."""
    if whole is None and all(column.name in one.texts for one in lanes):
        arrays = [one.texts[column.name].cast(column.arrow_type) for one in lanes]
        return arrays[0] if len(arrays) == 1 else pa.concat_arrays(arrays)
    values = np.concatenate([one["text"][:, place] for one in lanes]) if whole is None else whole[:, place]
    texts = values.tolist()
    if NULL_TEXT in texts:
        texts = [None if text == NULL_TEXT else text for text in texts]
    return pa.array(texts, column.arrow_type)


def _inputs(shape: Shape, lanes: Sequence[dict[str, npt.NDArray[Any]]]) -> list[pa.Array]:
    """The raw columns of rows whose lanes are there, in the shape's order."""
    layout = shape.layout
    are_read = all(isinstance(one, ReadLanes) for one in lanes)
    whole = {
        name: lanes[0][name] if len(lanes) == 1 else np.concatenate([one[name] for one in lanes])
        for name in layout.lanes
        if name != "text" or not are_read
    }
    places = dict.fromkeys(("number", "integer", "text", "present"), 0)
    num_rows = sum(len(next(iter(one.values()))) for one in lanes)
    found = []
    for column in shape.columns:
        kind = column.arrow_type
        if not column.has_lane:  # a list or binary: what was derived of it is all that is left
            found.append(pa.nulls(num_rows, kind))
            continue
        place = places[column.lane]
        places[column.lane] += 1
        if column.kind == "text" and column.name not in shape.sensitive:
            found.append(_texts(lanes, column, place, whole.get("text")))
            continue
        if column.name in shape.sensitive:
            places["present"] += column.has_present_bit
            found.append(pa.nulls(num_rows, kind))
            continue
        values = whole[column.lane][:, place]
        valid = None
        if column.has_present_bit:
            valid = whole["present"][:, places["present"]]
            places["present"] += 1
        if column.kind == "number":
            found.append(_array(values, kind, values == values))  # NaN is how a lane holds null
        elif column.kind == "boolean":
            found.append(_array(values != 0, kind, valid))
        else:
            found.append(_array(values, kind, valid))
    return found


def _sampled(identifiers: Sequence[str], sample: float) -> npt.NDArray[np.bool_]:
    """Which requests are in the sample: drawn from their ids, so that anybody can tell later."""
    if sample >= 1.0:
        return np.ones(len(identifiers), np.bool_)
    draws = keyed_uniform(row_ids(pa.record_batch({"id": pa.array(list(identifiers), pa.string())}), ["id"]), "log")
    chosen: npt.NDArray[np.bool_] = draws < np.uint64(sample * float(1 << 63) * 2 - 0.5)
    return chosen if sample > 0.0 else np.zeros(len(identifiers), np.bool_)


def _answers(shape: Shape, outputs: npt.NDArray[np.float32]) -> list[pa.Array]:
    """The prediction of each row, null where there is none, and the likeliest class."""
    if not shape.classes:
        return [_array(outputs, pa.float32(), outputs == outputs)]
    lacks = np.asarray(np.isnan(outputs).all(axis=1), np.bool_)
    lists = to_column(outputs)
    if lacks.any():
        lists = pa.Array.from_buffers(
            lists.type, len(lists), [_bits(np.logical_not(lacks))], null_count=int(lacks.sum()), children=[lists.values]
        )
    return [lists, likeliest(outputs, shape.classes)]


def _chosen(choices: Sequence[Chosen | None], counts: npt.NDArray[np.int64], total: int) -> list[pa.Array]:
    """Arm, propensity and unit of each row."""
    kinds = (pa.string(), pa.float64(), pa.string())
    if not any(choices):
        return [pa.nulls(total, kind) for kind in kinds]
    rows = [
        one or (None, None, None) for one, count in zip(choices, counts.tolist(), strict=True) for _ in range(count)
    ]
    return [pa.array(list(values), kind) for values, kind in zip(zip(*rows, strict=True), kinds, strict=True)]


def to_batch(entries: Sequence[Entry], *, offset_ns: int, sample: float = 1.0, num_dropped: int = 0) -> pa.RecordBatch:
    """The rows of answered requests of one shape.

    Parameters
    ----------
    entries : sequence of Entry
        At least one.
    offset_ns : int
        What turns the clock of `started_ns` into nanoseconds since 1970.
    sample : float
        The share of requests whose inputs are written.
    num_dropped : int
        Rows lost before the first of these.

    Returns
    -------
    pyarrow.RecordBatch [sum of the requests' rows]
        Of `shape.schema`. Cost: about 2 us a row of 12 columns, one row a request.
    """
    shapes, identifiers, starts_ns, latencies_ns, statuses, lanes, predictions, choices, num_rows = zip(
        *entries, strict=True
    )
    shape = shapes[0]
    counts = np.array(num_rows)
    total = int(counts.sum())
    has_many = total != len(entries)

    def spread(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.repeat(values, counts) if has_many else values

    chosen = _sampled(identifiers, sample)
    if None in lanes:
        chosen &= np.array([one is not None for one in lanes])
    is_sampled = spread(chosen)
    if chosen.all():
        inputs = _inputs(shape, lanes)
    elif chosen.any():
        picked = [one for one, is_chosen in zip(lanes, chosen.tolist(), strict=True) if is_chosen]
        index = _array(np.cumsum(is_sampled) - 1, pa.int64(), is_sampled)
        inputs = [column.take(index) for column in _inputs(shape, picked)]
    else:
        inputs = [pa.nulls(total, column.arrow_type) for column in shape.columns]
    names = pa.array(identifiers, pa.string())
    rows = np.zeros(total, np.int64)
    if has_many:
        names = names.take(_array(np.repeat(np.arange(len(counts)), counts), pa.int64()))
        rows = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
    width = (len(shape.classes),) if shape.classes else ()
    outputs = np.concatenate(
        [
            np.full((count, *width), np.nan, np.float32) if one is None else one
            for one, count in zip(predictions, num_rows, strict=True)
        ]
    )
    times = np.array(starts_ns, np.int64) + offset_ns
    dropped = np.zeros(total, np.int64)
    dropped[0] = num_dropped
    columns = [
        names,
        _array(rows, pa.int64()),
        _array(spread(times // 1000), _TIME),
        *inputs,
        *_answers(shape, outputs),
        _array(spread(np.array(latencies_ns, np.int64) // 1000), pa.int64()),
        _array(spread(np.array(statuses, np.int64)), pa.int64()),
        *_chosen(choices, counts, total),
        _array(is_sampled, pa.bool_()),
        _array(dropped, pa.int64()),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=shape.schema)
