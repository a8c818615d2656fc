"""ops.pin: the constants of an earlier transform, kept."""

import numpy as np
import pyarrow as pa
import pytest

from headrace.dataset import Dataset
from headrace.engine import LocalEngine
from headrace.errors import InvalidInput
from headrace.transformation import Expressions, TransformGraph, ops, trace, transform

BEFORE = pa.table({"a": [1.0, 2.0, 3.0], "c": ["x", "x", "y"]})
NOW = pa.table({"a": [10.0, 20.0, None], "c": ["y", "z", "y"]})


def features(x):
    """What is fitted first; one of it upon another."""
    return {"a": ops.z_score(x.a * 2), "c": ops.vocabulary(x.c), "deep": ops.bucketize(ops.z_score(x.a), num_buckets=2)}


EARLIER = transform(features, Dataset.from_arrow(BEFORE))


def pinned(x):
    """All of it kept."""
    return {name: ops.pin(each, graph=EARLIER) for name, each in features(x).items()}


def test_values_stay_what_they_were(tmp_path):
    """Fitted to other rows, the features are those of the earlier transform; through a folder and as plain data too."""
    graph = transform(pinned, Dataset.from_arrow(NOW))
    for name in graph.feature_names:
        assert graph.apply(NOW)[name].to_numpy().tobytes() == EARLIER.apply(NOW)[name].to_numpy().tobytes()
    traced = trace(pinned)
    assert Expressions.from_plain(traced.to_plain()).key == traced.key
    graph.save(tmp_path)
    assert TransformGraph.load(tmp_path).digest == graph.digest


def test_no_row_is_read_for_what_is_pinned():
    """There is nothing to fold; what stands beside it, unpinned, is fitted, though it is the same expression."""

    class Unreadable(LocalEngine):
        """Refuses."""

        def fold(self, *_, **__):
            raise AssertionError("read")

    transform(pinned, Dataset.from_arrow(NOW), engine=Unreadable())
    both = transform(lambda x: {"old": pinned(x)["c"], "new": ops.vocabulary(x.c)}, Dataset.from_arrow(NOW))
    assert both.apply(NOW).to_pylist()[0] == {"old": 1.0, "new": 0.0}
    assert both.explain({"c": "y"})["vocabulary(x.c, pinned)"] == 1.0


def test_pinned_again():
    """A transform that was pinned pins the next one as the first did."""
    second = transform(pinned, Dataset.from_arrow(NOW))
    third = transform(lambda x: {"c": ops.pin(ops.vocabulary(x.c), graph=second)}, Dataset.from_arrow(NOW))
    assert third.apply(NOW)["c"].to_numpy().tobytes() == EARLIER.apply(NOW)["c"].to_numpy().tobytes()


def test_what_the_earlier_graph_has_not_is_fitted():
    """Another parameter is another expression."""
    graph = transform(
        lambda x: {"a": ops.pin(ops.z_score(x.a * 2) + ops.min_max(x.a), graph=EARLIER)}, Dataset.from_arrow(NOW)
    )
    assert np.isfinite(graph.apply(NOW)["a"].to_numpy()[:2]).all()
    with pytest.raises(InvalidInput, match="nothing that is fitted") as caught:
        trace(lambda x: {"c": ops.pin(ops.vocabulary(x.c, top_k=1), graph=EARLIER)})
    assert "test_pin.py" in str(caught.value)


def test_no_graph():
    """Anything else is refused."""
    for graph in (None, {}, "model"):
        with pytest.raises(InvalidInput, match="graph is"):
            trace(lambda x, graph=graph: {"c": ops.pin(ops.vocabulary(x.c), graph=graph)})
