"""Golden rows: rows and their outputs, kept with the model and replayed on every machine that wants to serve it."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.errors import HostDiffers, InvalidInput
from headrace.model._rows import Lanes
from headrace.model.codec import Codec
from headrace.model.columns import InputColumn
from headrace.schema import canonical_array

__all__ = ["MAX_GOLDEN_ROWS", "golden_inputs", "golden_outputs", "real_rows", "replay"]

MAX_GOLDEN_ROWS = 300
_MAX_EDGE_ROWS = 120

# Outputs lie beside the columns under names that no source column has.
_PREFIX = "@output."

# A host whose kernels differ by batch size shows itself in one of these; the rest comes as one batch.
_BATCHES = (1, 2, 3, 7, 31, 100)

_INT64 = np.iinfo(np.int64)
# A picture of two pixels, black and white.
_PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAAAAADRSSBWAAAAC0lEQVR4nGNg+A8AAQIBAEK+vGgAAAAASUVORK5CYII="
)
_MOST_SAMPLED = 16 << 20  # bytes of real rows: pictures may be large
_EDGES: dict[str, tuple[Any, ...]] = {
    "number": (None, 0.0, -0.0, 1.0, -1.0, 5e-324, 3.5e38, -1.7e308, float("inf"), float("-inf")),
    "integer": (None, 0, 1, -1, (1 << 53) + 1, int(_INT64.min), int(_INT64.max)),
    "boolean": (None, True, False),
    "text": (None, "", " ", "never seen", "\U0001f6eb é", "null"),
    # around 1970, a leap day, the first and last moments RFC 3339 can write
    "binary": (None, _PICTURE),
    "timestamp": (None, 0, -1, 951_782_400_000_000, -62_135_596_800_000_000, 253_402_300_799_999_999),
}
_ORDINARY: dict[str, Any] = {
    "binary": _PICTURE,
    "number": 1.0,
    "integer": 1,
    "boolean": False,
    "text": "a",
    "timestamp": 0,
}


class Runs(Protocol):
    """Anything that answers lanes with named outputs: a session behind `Model.predict_lanes`."""

    def __call__(self, lanes: Lanes) -> dict[str, npt.NDArray[Any]]:
        """Outputs by name, first axis = row."""


def _edges(column: InputColumn) -> list[Any]:
    if column.values_kind is not None:
        known = list(_EDGES[column.values_kind][1:])
        return ([None] if column.is_nullable else []) + [[], [None], [*known, None], *([value] for value in known)]
    values = [
        value
        for value in (*_EDGES[column.kind], column.min, column.max)
        if value is not None
        and (column.min is None or value >= column.min)
        and (column.max is None or value <= column.max)
    ]
    return ([None] if column.is_nullable else []) + values


def golden_inputs(columns: Sequence[InputColumn], sample: pa.Table | None = None) -> pa.Table:
    """At most 300 rows: edge values of every column, then rows of the sample, evenly spaced.

    Parameters
    ----------
    columns : sequence of InputColumn
        What the model reads; only these columns are kept.
    sample : pyarrow.Table, optional
        Real rows in a canonical order; the first is what edge values are put into, one at a time.

    Returns
    -------
    pyarrow.Table
        The columns in canonical Arrow types. Deterministic.
    """
    has_sample = sample is not None and sample.num_rows > 0
    real = {}
    for column in columns:
        if sample is not None and has_sample:
            real[column.name] = canonical_array(sample.column(column.name), name=column.name).cast(column.arrow_type)
        else:
            real[column.name] = pa.array([], column.arrow_type)
    num_real = MAX_GOLDEN_ROWS
    if sample is not None and has_sample:
        num_real = max(1, min(num_real, _MOST_SAMPLED * sample.num_rows // max(1, sample.nbytes)))
    rows: list[dict[str, Any]] = []
    edges = {column.name: _edges(column) for column in columns}
    ordinary: dict[str, Any] = {}
    for column in columns:
        known = edges[column.name]
        usual = [_ORDINARY[column.values_kind]] if column.values_kind else _ORDINARY[column.kind]
        ordinary[column.name] = real[column.name][0] if has_sample else usual
        if not has_sample and known and usual not in known:
            ordinary[column.name] = known[-1]
    rows.append(ordinary)
    rows.append({name: None if values[:1] == [None] else ordinary[name] for name, values in edges.items()})
    # One edge of each column in turn, so that a cut at the limit leaves no column out.
    for turn in range(max((len(values) for values in edges.values()), default=0)):
        rows += [{**ordinary, name: values[turn]} for name, values in edges.items() if turn < len(values)]
    rows = rows[:_MAX_EDGE_ROWS]
    arrays = []
    for column in columns:
        kind, plain = column.arrow_type, column.arrow_type
        if "timestamp" in (column.kind, column.values_kind):
            plain = pa.list_(pa.int64()) if column.is_list else pa.int64()
        values = [
            item.cast(plain).as_py() if isinstance(item, pa.Scalar) else item
            for item in (row[column.name] for row in rows)
        ]
        edge = pa.array(values, plain).cast(kind)
        wanted = min(len(real[column.name]), MAX_GOLDEN_ROWS - len(rows), num_real)
        index = [place * len(real[column.name]) // wanted for place in range(wanted)]
        arrays.append(pa.concat_arrays([edge, real[column.name].take(pa.array(index, pa.int64()))]))
    return pa.table(arrays, [column.name for column in columns])


def real_rows(columns: Sequence[InputColumn], golden: pa.Table) -> pa.Table:
    """The golden rows that are rows of data, without those made of edge values; only these columns."""
    num_edges = 2 + sum(len(_edges(column)) for column in columns)
    return golden.select([column.name for column in columns]).slice(min(num_edges, _MAX_EDGE_ROWS))


def _batches(num_rows: int) -> Iterator[tuple[int, int]]:
    first = 0
    for size in (*_BATCHES, num_rows):
        last = min(first + size, num_rows)
        if first < last:
            yield first, last
        first = last


def _run(codec: Codec, run: Runs, inputs: pa.Table) -> dict[str, npt.NDArray[Any]]:
    found: dict[str, list[npt.NDArray[Any]]] = {}
    for first, last in _batches(inputs.num_rows):
        for name, values in run(codec.from_batch(inputs.slice(first, last - first))).items():
            if values.dtype.kind == "f":
                values = np.where(np.isnan(values), values.dtype.type(np.nan), values)  # processors differ in its sign
            found.setdefault(name, []).append(values.reshape(len(values), -1))
    return {name: np.concatenate(values) for name, values in found.items()}


def golden_outputs(codec: Codec, run: Runs, inputs: pa.Table) -> pa.Table:
    """The golden rows with what the model answers to them beside: the table that golden.parquet holds."""
    table = inputs
    for name, values in _run(codec, run, inputs).items():
        flat = np.ascontiguousarray(values, np.float32)
        items = pa.Array.from_buffers(pa.float32(), flat.size, [None, pa.py_buffer(flat)])
        # Parquet calls a list's items "element"; under another name a table would come back changed.
        wide = pa.list_(pa.field("element", pa.float32()), flat.shape[1])
        column = items if flat.shape[1] == 1 else pa.FixedSizeListArray.from_arrays(items, type=wide)
        table = table.append_column(_PREFIX + name, column)
    return table


def _stored(table: pa.Table) -> dict[str, npt.NDArray[np.float32]]:
    found = {}
    for name in table.column_names:
        if name.startswith(_PREFIX):
            column = table.column(name).combine_chunks()
            if isinstance(column, pa.ChunkedArray):
                column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
            width = column.type.list_size if pa.types.is_fixed_size_list(column.type) else 1
            items = column.flatten() if width > 1 else column
            values = np.frombuffer(items.buffers()[1] or b"", np.float32, count=items.offset + len(items))
            found[name.removeprefix(_PREFIX)] = values[items.offset :].reshape(table.num_rows, width)
    return found


def replay(
    codec: Codec,
    run: Runs,
    golden: pa.Table,
    *,
    names: Mapping[str, Sequence[str]],
    tolerance: float | None = None,
    where: str = "golden rows",
) -> None:
    """Answer the golden rows again and compare, byte for byte, in batches of 1, 2, 3, 7, 31, 100 and the rest.

    Parameters
    ----------
    codec, run
        The model's.
    golden : pyarrow.Table
        What `golden_outputs` gave.
    names : mapping of str to names
        What the columns of a wide output are called.
    tolerance : float, optional
        The largest absolute difference allowed; None = not one bit.

    Raises HostDiffers naming row, output and column, InvalidInput when the table does not fit the model.
    Cost: about 2 ms for 300 rows of 200 trees.
    """
    stored = _stored(golden)
    # Features first: where they differ, margins do only as a consequence.
    for name, values in sorted(_run(codec, run, golden).items(), key=lambda item: item[0] != "features"):
        before = stored.get(name)
        if before is None or before.shape != values.shape or values.dtype != np.float32:
            raise InvalidInput(f"golden rows do not fit output {name!r}", where=where, fix="save the model again")
        if tolerance is None:
            differs = before.view(np.uint32) != values.view(np.uint32)
        else:
            with np.errstate(invalid="ignore"):  # inf - inf; equal infinities are caught by ==
                near = (before == values) | (np.isnan(before) & np.isnan(values)) | (abs(before - values) <= tolerance)
            differs = ~near
        if differs.any():
            row, column = (int(index) for index in np.argwhere(differs)[0])
            known = names.get(name, ())
            label = f"{name}, column {known[column]!r}" if column < len(known) else name
            raise HostDiffers(
                f"golden row {row} gives {values[row, column].item()!r} here, {before[row, column].item()!r} before",
                where=f"{where}: {label}; {int(differs.any(axis=1).sum())} of {len(values)} rows differ",
                expected="the same bytes",
                fix="serve it on a machine like the one that made it, or load it with a tolerance",
            )
