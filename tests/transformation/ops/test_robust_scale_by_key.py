"""ops.robust_scale_by_key: by the median and the quartiles of the rows of a key."""

import numpy as np
import pyarrow as pa
import pytest
from sklearn.preprocessing import RobustScaler

from headrace.dataset import Dataset
from headrace.errors import InvalidInput
from headrace.transformation import ops, transform


def test_as_scikit_learn_group_by_group():
    """Each key as a RobustScaler of its own rows; a rare key, an unknown one and null as one of all rows."""
    random = np.random.default_rng(4)
    keys = random.choice(["a", "b", "c"], 200, p=[0.6, 0.39, 0.01])
    values = random.normal(size=200) * np.where(keys == "a", 1.0, 50.0)
    table = pa.table({"k": keys, "v": values})
    graph = transform(lambda x: {"v": ops.robust_scale_by_key(x.v, x.k, min_count=20)}, Dataset.from_arrow(table))
    found = graph.apply(table)["v"].to_numpy()
    whole = RobustScaler().fit(values[:, None])
    for key in "abc":
        own = values[keys == key][:, None]
        scaler = RobustScaler().fit(own) if key != "c" else whole
        np.testing.assert_allclose(found[keys == key], scaler.transform(own)[:, 0], rtol=1e-6, atol=1e-6)
    asked = pa.table({"k": ["z", None], "v": [1.0, 2.0]})
    expected = whole.transform([[1.0], [2.0]])[:, 0]
    np.testing.assert_allclose(graph.apply(asked)["v"].to_numpy(), expected, rtol=1e-6)


def test_nothing_varied_and_bad_input():
    """A constant key gives 0; text has no median, and a count is a whole number."""
    table = pa.table({"k": [1, 1, 2], "v": [3.0, 3.0, None]})
    graph = transform(lambda x: {"v": ops.robust_scale_by_key(x.v, x.k)}, Dataset.from_arrow(table))
    assert graph.apply(table)["v"].to_pylist()[:2] == [0.0, 0.0]
    texts = Dataset.from_arrow(pa.table({"t": ["a"], "k": [1]}))
    with pytest.raises(InvalidInput, match="text has no median"):
        transform(lambda x: {"v": ops.robust_scale_by_key(x.t, x.k)}, texts)
    with pytest.raises(InvalidInput, match="min_count"):
        transform(lambda x: {"v": ops.robust_scale_by_key(x.v, x.k, min_count=True)}, Dataset.from_arrow(table))
