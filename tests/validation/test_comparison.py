"""Statistics beside statistics: the same measures and messages as `validate`, without rows."""

import numpy as np
import pyarrow as pa
import pytest

from headrace.dataset import Dataset
from headrace.statistics import Statistics, analyze
from headrace.validation import compare_statistics


def statistics(seed, num_rows=3000, *, change=None, span="all"):
    """Of rows of one make, or of a changed one."""
    random = np.random.default_rng(seed)
    table = {
        "delay": pa.array(random.normal(10, 30, num_rows).tolist()),
        "carrier": pa.array(random.choice(["AA", "UA", "DL"], num_rows, p=[0.5, 0.3, 0.2]).tolist()),
        "seats": pa.array([None if gone else 100 for gone in random.random(num_rows) < 0.1], pa.int64()),
    }
    return analyze(Dataset.from_arrow(pa.table({**table, **(change or {})}), span=span))


def several(seeds):
    """As if they were months."""
    return Statistics.merge([statistics(seed, span=f"2026-{seed:02d}") for seed in seeds])


def found(before, after):
    """feature -> codes of what is not mere information."""
    names = ["delay", "carrier", "seats"]
    return {
        one.feature: [item.code for item in one.items if item.severity != "info"]
        for one in compare_statistics(before, after, names, name="today")
    }


def test_like_rows_differ_in_nothing():
    """Rows of the same make are within noise, whatever their number."""
    before = several(range(1, 5))
    for num_rows in (100, 3000):
        assert found(before, statistics(9, num_rows)) == {"delay": [], "carrier": [], "seats": []}


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("delay", pa.array((np.random.default_rng(9).normal(10, 30, 3000) + 60).tolist())),
        ("carrier", pa.array(["ZZ"] * 3000)),
        ("seats", pa.nulls(3000, pa.int64())),
    ],
)
def test_a_changed_column_is_named_alone(name, column):
    """What moved is named, the rest is not."""
    codes = found(several(range(1, 5)), statistics(9, change={name: column}))
    assert codes.pop(name)
    assert set(map(tuple, codes.values())) == {()}


def test_a_column_of_another_kind_or_gone_is_named():
    """What cannot be compared is told, never passed over."""
    before = several(range(1, 3))
    assert found(before, statistics(9, change={"carrier": pa.array([1] * 3000)}))["carrier"] == ["drift_kind"]
    (gone,) = compare_statistics(before, statistics(9), ["nowhere"], name="today")
    assert (gone.worst, gone.items[0].code) == (None, "drift_kind")


def test_no_rows_are_no_drift():
    """A day on which nobody asked is no alarm."""
    empty = statistics(1, 0, change={"delay": pa.array([], pa.float64()), "carrier": pa.array([], pa.string())})
    assert found(several(range(1, 3)), empty) == {"delay": [], "carrier": [], "seats": []}
