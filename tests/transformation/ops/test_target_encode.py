"""ops.target_encode: the label's mean by category, never a row's own."""

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import TargetEncoder

import headrace as hr
from headrace.dataset import Dataset
from headrace.errors import InvalidInput
from headrace.fold import part_of
from headrace.training import train
from headrace.training._materialise import materialise
from headrace.transformation import ops, transform
from headrace.transformation._contract import NUM_PARTS, ValueType
from headrace.transformation.ops.target_encode import TargetEncode

ROWS = st.lists(
    st.tuples(st.none() | st.sampled_from(["a", "b", "", "é"]), st.none() | st.sampled_from([0.0, 1.0, -2.5])),
    max_size=20,
)


def table_of(rows):
    """Categories, labels and a key."""
    keys, labels = zip(*rows, strict=True) if rows else ((), ())
    return pa.table(
        {
            "c": pa.array(keys, pa.string()),
            "y": pa.array(labels, pa.float64()),
            "id": pa.array(range(len(rows)), pa.int64()),
        }
    )


def fit(table, **parameters):
    """One feature."""
    return transform(
        lambda x: {"c": ops.target_encode(x.c, **parameters)}, Dataset.from_arrow(table, label="y", key="id")
    )


def define(keys, rows, smoothing=20.0, least=1):
    """In plain Python."""
    known = [(key, label) for key, label in rows if label is not None]
    mean = math.fsum(label for _, label in known) / len(known) if known else math.nan
    found = []
    for key in keys:
        labels = [label for own, label in known if own == key]
        value = (math.fsum(labels) + smoothing * mean) / (len(labels) + smoothing) if len(labels) >= least else mean
        found.append(math.nan if key is None else value)
    return np.array(found, np.float64).astype(np.float32)


@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(ROWS, st.sampled_from([(20.0, 1), (0.0, 1), (2.5, 2)]))
def test_it_means_what_the_definition_says(rows, parameters):
    """Served, known and unknown categories have the mean of all the rows; the order of rows cannot be seen."""
    smoothing, least = parameters
    graph = fit(table_of(rows), smoothing=smoothing, min_count=least)
    asked = ["a", "b", "", "é", "never", None]
    got = graph.apply(pa.table({"c": pa.array(asked, pa.string())}))["c"].to_numpy()
    np.testing.assert_array_equal(got, define(asked, rows, smoothing, max(1, least)))
    backwards = table_of(rows).take(pa.array(range(len(rows))[::-1], pa.int64()))
    assert fit(backwards, smoothing=smoothing, min_count=least).digest == graph.digest


@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(ROWS)
def test_in_training_a_part_does_not_see_itself(rows):
    """Each row's value is that of the rows of the other parts."""
    labelled = [row for row in rows if row[1] is not None]
    if not labelled:
        return
    table = table_of(rows)
    dataset = Dataset.from_arrow(table, label="y", key="id")
    graph = fit(table)
    features = materialise(graph, dataset, None).features
    (part,) = dataset.parts()
    row_ids = np.concatenate([each.row_id for each in dataset.read(part, ["c"], row_id=True)])
    homes = part_of(row_ids, NUM_PARTS)
    expected = []
    for place, (key, label) in enumerate(rows):
        if label is not None:
            others = [row for row, home in zip(rows, homes, strict=True) if home != homes[place]]
            expected.append(define([key], others)[0])
    np.testing.assert_array_equal(features.matrix[:, 0], np.array(expected, np.float32))


def test_noise_does_not_become_a_signal():
    """With a category for each row, the training feature says nothing of the label; encoded naively it says all."""
    random = np.random.default_rng(5)
    table = pa.table({"c": [f"row {i}" for i in range(2000)], "y": random.integers(0, 2, 2000), "id": range(2000)})
    graph, dataset = fit(table, smoothing=0.0), Dataset.from_arrow(table, label="y", key="id")
    seen = materialise(graph, dataset, None).features
    naive = graph.apply(table)["c"].to_numpy()
    assert abs(np.corrcoef(naive, seen.label)[0, 1]) > 0.99
    assert abs(np.corrcoef(seen.matrix[:, 0], seen.label)[0, 1]) < 0.1


def test_scikit_learn_agrees():
    """TargetEncoder's values where it is fitted on all rows."""
    random = np.random.default_rng(6)
    keys, labels = random.choice(list("abcd"), 500), random.integers(0, 2, 500)
    table = pa.table({"c": keys, "y": labels, "id": range(500)})
    encoder = TargetEncoder(smooth=20.0, target_type="binary").fit(keys.reshape(-1, 1), labels)
    got = fit(table).apply(table)["c"].to_numpy()
    np.testing.assert_allclose(got, encoder.transform(keys.reshape(-1, 1))[:, 0], rtol=1e-6)


def test_batches_and_bytes():
    """Materialised at once, or row by row: the same bytes."""
    table = table_of([("a", 1.0), ("b", 0.0), (None, 1.0), ("a", 0.0)] * 30)
    graph = fit(table)
    whole = graph.apply(table)["c"].to_numpy().tobytes()
    for size in (1, 2, 3, 7, 31, 100):
        pieces = [graph.apply(table.slice(first, size))["c"].to_numpy().tobytes() for first in range(0, 120, size)]
        assert b"".join(pieces) == whole


def test_a_model_is_served_with_the_whole_table():
    """What the model answers with is the graph's served feature; a positive value of text counts as 1."""
    random = np.random.default_rng(7)
    keys = random.choice(["a", "b", "c"], 300)
    late = np.where(random.random(300) < np.where(keys == "a", 0.9, 0.2), "yes", "no")
    dataset = Dataset.from_arrow(
        pa.table({"c": keys, "y": late, "id": range(300)}), label="y", positive="yes", key="id"
    )
    graph = transform(lambda x: {"c": ops.target_encode(x.c)}, dataset)
    model = train(hr.XGBoost(n_estimators=3), graph, dataset)
    features = model.predict_lanes(model.codec.from_rows([{"c": "a"}]), ["features"])["features"]
    assert features[0, 0] == graph.apply(pa.table({"c": ["a"]}))["c"][0].as_py() > 0.7


def test_bad_input():
    """No label, no category, parameters out of range."""
    with pytest.raises(InvalidInput, match="has no label"):
        transform(lambda x: {"c": ops.target_encode(x.c)}, Dataset.from_arrow(pa.table({"c": ["a"]})))
    with pytest.raises(InvalidInput, match="no categories"):
        TargetEncode().infer([ValueType("number")])
    for parameters in ({"smoothing": -1}, {"smoothing": math.nan}, {"smoothing": True}, {"min_count": 0}):
        with pytest.raises(InvalidInput, match=next(iter(parameters))):
            TargetEncode(**parameters)
