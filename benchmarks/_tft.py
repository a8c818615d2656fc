"""The demo's 12 features by TensorFlow Transform, in its own environment: seconds to analyse and transform, as JSON.

Record batches in memory, as the Parquet file has them, by Beam's runner of one process; imports are not counted.

    .venvs/tft/bin/python benchmarks/_tft.py flights.parquet
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.public import tfxio

COLUMNS = ["dep_delay", "distance", "carrier", "origin", "dest", "hour", "temp", "wind_speed", "visib", "precip"]
COLUMNS += ["seats", "plane_year", "tailnum"]


def as_lists(table: pa.Table) -> list[pa.RecordBatch]:
    """Each value as a list of one, null as a list of none: how it takes what may be missing."""
    found = []
    for batch in table.select(COLUMNS).to_batches():
        arrays = []
        for array in batch.columns:
            valid = np.array(array.is_valid().to_pylist())
            offsets = np.concatenate([[0], np.cumsum(valid)]).astype(np.int32)
            arrays.append(pa.ListArray.from_arrays(pa.array(offsets), array.drop_null()))
        found.append(pa.RecordBatch.from_arrays(arrays, names=COLUMNS))
    return found


def preprocess(inputs: dict[str, Any]) -> dict[str, Any]:
    """The features."""

    def dense(value: Any, default: Any) -> Any:
        one = tf.SparseTensor(value.indices, value.values, [value.dense_shape[0], 1])
        return tf.squeeze(tf.sparse.to_dense(one, default), 1)

    def number(name: str) -> Any:
        return tf.cast(dense(inputs[name], inputs[name].dtype.as_numpy_dtype()), tf.float32)

    route = tf.strings.join([dense(inputs["origin"], ""), dense(inputs["dest"], "")], separator="\x1f")
    temperature = tf.cast(dense(inputs["temp"], np.float64(55.0)), tf.float32)
    return {
        "dep_delay": tft.scale_to_z_score(tf.sparse.map_values(tf.cast, inputs["dep_delay"], dtype=tf.float32)),
        "distance": tft.bucketize(number("distance"), num_buckets=10),
        "carrier": tft.compute_and_apply_vocabulary(inputs["carrier"], top_k=50),
        "route": tft.compute_and_apply_vocabulary(route, num_oov_buckets=16),
        "hour": number("hour"),
        "temp": tft.scale_to_z_score(temperature),
        "windy": tf.cast(number("wind_speed") > 20.0, tf.float32),
        "visib": number("visib"),
        "precip": number("precip"),
        "seats": number("seats"),
        "plane_age": 2013.0 - number("plane_year"),
        "tailnum_missing": tf.cast(dense(inputs["tailnum"], "") == "", tf.float32),
    }


def main() -> None:
    """Run it once."""
    batches = as_lists(pq.read_table(sys.argv[1]))
    sparse = schema_pb2.TensorRepresentation
    read = {name: sparse(varlen_sparse_tensor=sparse.VarLenSparseTensor(column_name=name)) for name in COLUMNS}
    config = tfxio.TensorAdapterConfig(batches[0].schema, read)
    start, before = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as folder, tft_beam.Context(temp_dir=folder):
        (found, _), _ = (batches, config) | tft_beam.AnalyzeAndTransformDataset(preprocess, output_record_batches=True)
    rows = sum((one[0] if isinstance(one, tuple) else one).num_rows for one in found)
    took = {"seconds": time.perf_counter() - start, "processor_s": time.process_time() - before}
    print(json.dumps({**took, "rows": rows}))


if __name__ == "__main__":
    main()
