"""TFDV's half of the proof `tfdv_statistics`, in its own environment: an Arrow file in, statistics as JSON out.

Arrow columns become what TFDV reads: lists of int64, float, string or struct; null is a null list.

    .venvs/tfdv/bin/python proofs/_tfdv_peer.py TABLE.arrow WEIGHT
"""

from __future__ import annotations

import json
import sys
from typing import Any

import pyarrow as pa
import tensorflow_data_validation as tfdv
from tensorflow_data_validation.statistics import stats_impl


def as_list(column: pa.Array) -> pa.Array:
    """A column of plain values as one of lists with one value."""
    if pa.types.is_list(column.type):
        return column
    if pa.types.is_struct(column.type):
        # Fields are lists of one value too.
        fields = [as_list(column.field(index)) for index in range(column.type.num_fields)]
        names = [column.type.field(index).name for index in range(column.type.num_fields)]
        column = pa.StructArray.from_arrays(fields, names, mask=column.is_null())
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int64())
    present = column.is_valid().to_pylist()
    offsets, at = [0], 0
    for is_there in present:
        at += is_there
        offsets.append(at)
    return pa.ListArray.from_arrays(
        pa.array(
            [None if not here else start for here, start in zip(present, offsets[:-1], strict=True)] + [at], pa.int32()
        ),
        column.drop_null() if hasattr(column, "drop_null") else column.filter(column.is_valid()),
    )


def number(value: float) -> Any:
    """NaN and infinities as texts."""
    return value if value - value == 0 else str(value)


def plain(feature: Any) -> dict[str, Any]:
    """One feature's statistics."""
    kind = feature.WhichOneof("stats")
    stats = getattr(feature, kind)
    common = stats.common_stats
    found: dict[str, Any] = {
        "kind": kind,
        "num_present": common.num_non_missing,
        "num_missing": common.num_missing,
        "min_values": common.min_num_values,
        "max_values": common.max_num_values,
        "mean_values": common.avg_num_values,
        "num_values": common.tot_num_values,
        "weighted_present": common.weighted_common_stats.num_non_missing,
        "weighted_missing": common.weighted_common_stats.num_missing,
    }
    if kind == "num_stats":
        for name in ("mean", "std_dev", "num_zeros", "min", "median", "max"):
            found[name] = number(getattr(stats, name))
        for name in ("mean", "std_dev", "median"):
            found[f"weighted_{name}"] = number(getattr(stats.weighted_numeric_stats, name))
        for histogram in stats.histograms:
            name = "histogram" if histogram.type == histogram.STANDARD else "quantiles"
            found["num_nan"] = histogram.num_nan
            found[name] = [
                [number(bucket.low_value), number(bucket.high_value), bucket.sample_count]
                for bucket in histogram.buckets
            ]
    if kind == "string_stats":
        found |= {
            "num_distinct": stats.unique,
            "mean_length": stats.avg_length,
            "num_invalid_utf8": stats.invalid_utf8_count,
            "top_values": [[item.value, item.frequency] for item in stats.top_values],
            "weighted_top_values": [[item.value, item.frequency] for item in stats.weighted_string_stats.top_values],
        }
    if kind == "bytes_stats":
        found |= {
            "num_distinct": stats.unique,
            "mean_length": stats.avg_num_bytes,
            "min_length": stats.min_num_bytes,
            "max_length": stats.max_num_bytes,
        }
    return found


def main() -> None:
    """Read, analyse, print."""
    path, weight = sys.argv[1], sys.argv[2] or None
    with pa.ipc.open_file(path) as file:
        table = file.read_all()
    table = table.combine_chunks()
    arrays = [
        as_list(column.combine_chunks() if column.num_chunks > 1 else column.chunk(0)) for column in table.columns
    ]
    batch = pa.RecordBatch.from_arrays(arrays, names=table.column_names)
    options = tfdv.StatsOptions(weight_feature=weight, num_top_values=20)
    found = stats_impl.generate_statistics_in_memory(batch, options)
    dataset = found.datasets[0]
    features = {".".join(feature.path.step) or feature.name: plain(feature) for feature in dataset.features}
    answer = {"version": tfdv.__version__, "num_rows": dataset.num_examples, "features": features}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
