"""ops.list_max: the largest value."""

import datetime

import numpy as np
import pyarrow as pa
import pytest

from headrace.dataset import Dataset
from headrace.errors import InvalidInput
from headrace.transformation import ops, transform


def test_by_hand():
    """Of numbers, of whole numbers beyond 2^53, and of moments; of none there is none."""
    days = [datetime.datetime(2013, 5, 6), None, datetime.datetime(2013, 7, 1)]
    table = pa.table(
        {
            "p": pa.array([[2.0, None, -0.0, float("nan"), 0.5], [], None]),
            "i": pa.array([[2**53, 2**53 + 1], [None], [-1]]),
            "w": pa.array([days, [], None], pa.list_(pa.timestamp("us"))),
        }
    )
    graph = transform(
        lambda x: {"p": x.p.list.max(), "i": ops.list_max(x.i) == 2**53 + 1, "w": x.w.list.max().dt.month},
        Dataset.from_arrow(table),
    )
    found = graph.apply(table).to_pydict()
    assert found["p"][0] == max(2.0, 0.0, 0.5)
    assert np.isnan(found["p"][1:]).all()
    assert (found["i"][0], found["w"][0]) == (1.0, float(max(5, 7)))
    with pytest.raises(InvalidInput, match="a list of text"):
        transform(lambda x: {"t": x.t.list.max()}, Dataset.from_arrow(pa.table({"t": [["a"]]})))
