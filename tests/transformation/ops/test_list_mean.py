"""ops.list_mean: exact, and rounded once."""

import numpy as np
import pyarrow as pa

from headrace.dataset import Dataset
from headrace.transformation import ops, transform


def test_by_hand_and_numpy():
    """As NumPy's nanmean of small lists; null of none, and no overflow."""
    random = np.random.default_rng(1)
    lists = [random.integers(-9, 9, number).tolist() for number in (1, 2, 4, 8)]
    table = pa.table({"p": pa.array([*lists, [], None, [None, 3, None]], pa.list_(pa.int64()))})
    graph = transform(lambda x: {"p": ops.list_mean(x.p)}, Dataset.from_arrow(table))
    found = graph.apply(table)["p"].to_numpy()
    np.testing.assert_array_equal(found[:4], [np.float32(np.mean(values)) for values in lists])
    assert np.isnan(found[4:6]).all()
    assert found[6] == 3.0
    big = pa.table({"p": [[1.7e308, 1.7e308]]})
    graph = transform(lambda x: {"p": x.p.list.mean() / 1e300}, Dataset.from_arrow(big))
    assert graph.apply(big)["p"].to_pylist() == [np.float32(1.7e8)]
