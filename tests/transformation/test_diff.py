"""graph.diff: what was fitted otherwise, and what moves in the features."""

import numpy as np
import pyarrow as pa

from headrace.dataset import Dataset
from headrace.transformation import ops, transform


def features(x):
    """One of each kind of constant."""
    return {
        "z": ops.z_score(x.a),
        "bucket": ops.bucketize(x.a, num_buckets=4),
        "code": ops.vocabulary(x.c),
        "hot": ops.one_hot(x.c),
        "by": ops.z_score_by_key(x.a, x.c),
        "plain": x.a,
    }


def fit(values, codes, function=features):
    """A transform of these rows."""
    return transform(function, Dataset.from_arrow(pa.table({"a": values, "c": codes})))


BEFORE = fit([1.0, 2.0, 3.0, 4.0], ["a", "a", "b", None])
NOW = fit([2.0, 4.0, 6.0, 8.0], ["b", "b", "a", "c"])


def test_equal_graphs():
    """Nothing differs; rows or none."""
    assert BEFORE.diff(BEFORE).is_empty
    assert str(BEFORE.diff(BEFORE, pa.table({"a": [1.0], "c": ["a"]}))) == "the transforms are equal"


def test_fitted_values():
    """The mean by its size, boundaries by their distance, a vocabulary by its words, each once."""
    diff = BEFORE.diff(NOW)
    words = {(change.expression, change.what): change.words for change in diff.fitted}
    assert words["z_score(x.a)", "mean"] == "2.5 -> 5"
    assert words["bucketize(x.a, num_buckets=4)", "boundaries"] == "3 numbers, moved by at most 3.25"
    assert words["vocabulary(x.c)", "values"] == "1 came, 0 went, 2 of 3 have another place"
    assert [change.share for change in diff.fitted] == sorted((c.share for c in diff.fitted), reverse=True)
    assert (diff.came, diff.went, diff.rewritten, diff.num_rows) == ((), (), (), None)


def test_what_moves():
    """Against both matrices, column by column; a feature that nothing was fitted to does not move."""
    table = pa.table({"a": [1.0, 5.0, None, 3.0], "c": ["a", "b", None, "never"]})
    diff = BEFORE.diff(NOW, table)
    moved = {item.feature: item for item in diff.movements}
    assert "plain" not in moved and diff.num_rows == 4
    old, new = (graph.apply(table)["z"].to_numpy() for graph in (BEFORE, NOW))
    assert moved["z"].share == 0.75
    assert moved["z"].mean_before == np.nanmean(old.astype(float))
    assert moved["z"].mean_move == np.nanmean(abs(new.astype(float) - old.astype(float)))
    assert moved["code"].share == 0.5
    assert {"hot[0]", "hot[1]"} <= moved.keys()
    assert "█" in str(diff) and "moved in 4 rows" in str(diff)


def test_features_that_came_went_and_changed():
    """By name; what is computed otherwise shows both expressions."""
    other = fit([1.0], ["a"], lambda x: {"z": ops.min_max(x.a), "new": x.a + 1, "plain": x.a})
    diff = BEFORE.diff(other)
    assert diff.came == ("new",)
    assert diff.went == ("bucket", "code", "hot", "by")
    assert diff.rewritten == (("z", "z_score(x.a)", "min_max(x.a)"),)
    assert "+ new" in str(diff) and "- bucket" in str(diff) and "z_score(x.a) -> min_max(x.a)" in str(diff)
