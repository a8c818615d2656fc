"""Our statistics and TFDV's: figures as `DatasetFeatureStatistics`, and back."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

from tensorflow_metadata.proto.v0 import statistics_pb2

from headrace.fold import GroupDistribution
from headrace.schema import Kind
from headrace.statistics import FeatureStatistics, Statistics
from headrace.validation.exchanging import Summary

__all__ = ["statistics_from_proto", "statistics_to_proto"]

OVERALL = "All Examples"  # what the other calls the slice of all rows, and looks for when it validates
NUM_TOP_VALUES = 20
NUM_RANKS = 1000
_TEXTS = ("text", "binary")
_NUMBERS = ("integer", "number", "boolean", "timestamp", "decimal", "duration", "time")

Texts = Callable[[str], list[tuple[str, int]]]


def statistics_to_proto(statistics: Statistics) -> Any:
    """All rows and every slice as a `DatasetFeatureStatisticsList`.

    Figures are ours: exact where they are, and where TFDV's own come from sketches of 1 % they may differ by that.
    Texts have their 1,000 most frequent values, as there.
    """
    found = statistics_pb2.DatasetFeatureStatisticsList()
    whole = found.datasets.add(name=OVERALL, num_examples=statistics.num_rows)

    def texts(name: str) -> list[tuple[str, int]]:
        distribution: GroupDistribution = statistics.distribution(name)
        return distribution.top_values(NUM_RANKS)

    for name in statistics.feature_names:
        _add(whole, name, statistics[name], texts)
    for values in statistics.slices:
        cut = statistics.slice(values)
        label = "_".join([*cut.values, *(str(value) for value in cut.values.values())])
        one = found.datasets.add(name=label, num_examples=cut.num_rows)
        for name in cut.feature_names:
            seen = cut[name]
            _add(one, name, seen, lambda _, seen=seen: list(seen.top_values))  # type: ignore[misc]
    return found


def _add(dataset: Any, name: str, seen: FeatureStatistics, texts: Texts) -> None:
    kind = (seen.value_type or "null") if seen.type == "list" else seen.type
    if kind in ("null", "other") and seen.num_present:
        return
    one = dataset.features.add()
    one.path.step.append(name)
    kinds = statistics_pb2.FeatureNameStatistics
    if kind in _NUMBERS:
        one.type = kinds.FLOAT if kind in ("number", "decimal") else kinds.INT
        _common(one.num_stats.common_stats, seen)
        _numbers(one.num_stats, seen)
    elif kind == "struct":
        one.type = kinds.STRUCT
        _common(one.struct_stats.common_stats, seen)
    else:
        one.type = kinds.STRING
        _common(one.string_stats.common_stats, seen)
        if kind == "text":
            _texts(one.string_stats, seen, texts(name))
        elif seen.mean_length is not None:
            one.string_stats.avg_length = seen.mean_length


def _common(common: Any, seen: FeatureStatistics) -> None:
    total = seen.num_values if seen.type == "list" else seen.num_present
    common.num_non_missing, common.num_missing = seen.num_present, seen.num_missing
    common.min_num_values, common.max_num_values = seen.min_values, seen.max_values
    common.avg_num_values, common.tot_num_values = seen.mean_values, int(total or 0)
    common.presence_and_valency_stats.add(
        num_non_missing=seen.num_present,
        num_missing=seen.num_missing,
        min_num_values=seen.min_values,
        max_num_values=seen.max_values,
        tot_num_values=int(total or 0),
    )


def _numbers(stats: Any, seen: FeatureStatistics) -> None:
    for ours, theirs in (("mean", "mean"), ("std_dev", "std_dev"), ("median", "median"), ("num_zeros", "num_zeros")):
        value = getattr(seen, ours)
        if value is not None:
            setattr(stats, theirs, value)
    if seen.min is not None and seen.max is not None:
        # Infinite values are counted apart here; there they are the ends of the range.
        stats.min, stats.max = float(seen.min), float(seen.max)
    if seen.num_infinite:
        stats.max = math.inf
    plain = stats.histograms.add(type=statistics_pb2.Histogram.STANDARD, num_nan=seen.num_nan or 0)
    for low, high, count in seen.histogram:
        plain.buckets.add(low_value=low, high_value=high, sample_count=count)
    if seen.num_infinite:
        plain.buckets.add(low_value=math.inf, high_value=math.inf, sample_count=seen.num_infinite)
    if seen.quantiles:
        total = sum(count for _, _, count in seen.histogram)
        tenths = stats.histograms.add(type=statistics_pb2.Histogram.QUANTILES, num_nan=seen.num_nan or 0)
        for place in range(0, 100, 10):
            low, high = seen.quantiles[place], seen.quantiles[place + 10]
            tenths.buckets.add(low_value=low, high_value=high, sample_count=total / 10)


def _texts(stats: Any, seen: FeatureStatistics, values: list[tuple[str, int]]) -> None:
    stats.unique = seen.num_distinct or 0
    stats.invalid_utf8_count = seen.num_invalid_utf8 or 0
    if seen.mean_length is not None:
        stats.avg_length = seen.mean_length
    for value, count in values[:NUM_TOP_VALUES]:
        stats.top_values.add(value=value, frequency=count)
    for rank, (value, count) in enumerate(values):
        stats.rank_histogram.buckets.add(low_rank=rank, high_rank=rank, label=value, sample_count=count)


def statistics_from_proto(proto: Any) -> list[Summary]:
    """Every data set and slice of a `DatasetFeatureStatisticsList`, with the figures that are known here."""
    return [(one.name, int(one.num_examples), dict(map(_feature, one.features))) for one in proto.datasets]


def _feature(one: Any) -> tuple[str, FeatureStatistics]:
    name = ".".join(one.path.step) or one.name
    which = one.WhichOneof("stats") or "num_stats"
    stats = getattr(one, which)
    common = stats.common_stats
    kind_name = statistics_pb2.FeatureNameStatistics.Type.Name(one.type)
    inner = {"INT": "integer", "FLOAT": "number", "STRING": "text", "BYTES": "binary", "STRUCT": "struct"}[kind_name]
    num_present = int(common.num_non_missing)
    is_list = num_present > 0 and (common.min_num_values, common.max_num_values) != (1, 1)
    figures: dict[str, Any] = {
        "name": name,
        "type": cast(Kind, "list" if is_list and inner != "struct" else inner),
        "num_rows": num_present + int(common.num_missing),
        "num_present": num_present,
        "num_missing": int(common.num_missing),
        "min_values": int(common.min_num_values),
        "mean_values": float(common.avg_num_values),
        "max_values": int(common.max_num_values),
    }
    if is_list and inner != "struct":
        figures |= {"value_type": inner, "num_values": int(common.tot_num_values)}
    if which == "num_stats" and common.tot_num_values:
        figures |= _figures(stats, is_whole=inner == "integer")
    elif which == "string_stats":
        figures |= {
            "num_distinct": int(stats.unique),
            "mean_length": float(stats.avg_length),
            "num_invalid_utf8": int(stats.invalid_utf8_count),
            "top_values": tuple((item.value, int(item.frequency)) for item in stats.top_values),
        }
    elif which == "bytes_stats":
        figures |= {"num_distinct": int(stats.unique), "mean_length": float(stats.avg_num_bytes)}
        figures |= {"min_length": int(stats.min_num_bytes), "max_length": int(stats.max_num_bytes)}
    return name, FeatureStatistics(**figures)


def _figures(stats: Any, *, is_whole: bool) -> dict[str, Any]:
    ends = [stats.min, stats.max]
    low, high = (int(end) if is_whole and math.isfinite(end) else float(end) for end in ends)
    plain = [one for one in stats.histograms if one.type == statistics_pb2.Histogram.STANDARD]
    bins: tuple[tuple[float, float, float], ...] = ()
    if plain:
        bins = tuple((one.low_value, one.high_value, one.sample_count) for one in plain[0].buckets)
    return {
        "mean": float(stats.mean),
        "std_dev": float(stats.std_dev),
        "median": float(stats.median),
        "min": low,
        "max": high,
        "num_zeros": int(stats.num_zeros),
        "num_nan": int(plain[0].num_nan) if plain else None,
        "histogram": bins,
    }
