"""Shapley values of trees: additive, equal to the sum over all subsets, and to XGBoost's where they must agree."""

import itertools
import math

import numpy as np
import pyarrow as pa
import pytest
import xgboost

import headrace as hr
from headrace.model import GraphBuilder, InputColumn
from headrace.model.shapley import TreeShap
from headrace.model.trees import Tree, add_tree_ensemble
from tests.model.test_trees import random_tree, walk


def graph_of(trees, num_features, rule):
    """A graph with the outputs that a trained model has."""
    builder = GraphBuilder([InputColumn(f"x{index}", "number") for index in range(num_features)])
    pieces = [builder.column(f"x{index}").name for index in range(num_features)]
    features = builder.cast(builder.node("Concat", pieces, axis=1) if num_features > 1 else pieces[0], np.float32)
    margin = add_tree_ensemble(builder, features, trees, rule=rule, num_features=num_features)
    return builder.finish({"margin": (margin, np.float32, 1), "features": (features, np.float32, num_features)})


def rows_of(random, number, num_features):
    """Rows that hit thresholds, some values missing."""
    rows = random.integers(-3, 4, (number, num_features)).astype(np.float32)
    rows[random.random(rows.shape) < 0.15] = np.nan
    return rows


def by_subsets(trees, row, background, rule):
    """The definition: every subset of the features, every background row, one comparison at a time."""
    width = len(row)
    worth = {}
    for size in range(width + 1):
        for chosen in itertools.combinations(range(width), size):
            total = 0.0
            for other in background:
                mixed = other.copy()
                mixed[list(chosen)] = row[list(chosen)]
                total += math.fsum(walk(tree, mixed, rule) for tree in trees)
            worth[frozenset(chosen)] = total / len(background)
    found = np.zeros(width)
    for feature in range(width):
        for subset in [one for one in worth if feature not in one]:
            size = len(subset)
            share = math.factorial(size) * math.factorial(width - size - 1) / math.factorial(width)
            found[feature] += share * (worth[subset | {feature}] - worth[subset])
    return found


@pytest.mark.parametrize(("seed", "rule", "depth"), [(1, "<", 3), (2, "<=", 5), (3, "<=", 6), (4, "<", 1)])
def test_equal_to_the_sum_over_all_subsets(seed, rule, depth):
    """Random trees, features met several times on a path, ties and missing values among them."""
    random = np.random.default_rng(seed)
    trees = [random_tree(random, depth, 4, 1.0) for _ in range(4)]
    background, rows = rows_of(random, 6, 4), rows_of(random, 4, 4)
    shap = TreeShap.of(graph_of(trees, 4, rule), background)
    found = shap.explain(rows)[:, :, 0]
    for row, mine in zip(rows, found, strict=True):
        assert mine == pytest.approx(by_subsets(trees, row, background, rule), abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_adds_up_to_the_margin(seed):
    """Base and contributions are the sum of the leaves that a row ends in, whatever the trees."""
    random = np.random.default_rng(seed)
    width = int(random.integers(1, 12))
    trees = [random_tree(random, 8, width, 10.0) for _ in range(20)]
    background, rows = rows_of(random, 70, width), rows_of(random, 66, width)
    shap = TreeShap.of(graph_of(trees, width, "<"), background)
    found = shap.base + shap.explain(rows).sum(axis=1)
    expected = [math.fsum(walk(tree, row, "<") for tree in trees) for row in rows]
    assert found[:, 0] == pytest.approx(expected, abs=1e-9)


def test_a_feature_that_no_tree_asks_adds_nothing():
    """And one of two features that are asked alike adds what the other does."""
    tree = Tree(
        feature=np.array([0, 2, 0, 0, 0]),
        threshold=np.zeros(5),
        yes=np.array([1, 3, -1, -1, -1]),
        no=np.array([2, 4, -1, -1, -1]),
        missing_yes=np.zeros(5, np.bool_),
        value=np.array([0.0, 0.0, 0.0, 8.0, 0.0]),
    )
    background = np.ones((3, 3), np.float32)
    found = TreeShap.of(graph_of([tree], 3, "<"), background).explain(-np.ones((1, 3), np.float32))
    assert found[0, :, 0].tolist() == [4.0, 0.0, 4.0]


def test_equal_to_xgboost_where_the_two_must_agree():
    """Trees of one split, squared error: its covers are the counts of the rows it was fitted on, our background."""
    random = np.random.default_rng(0)
    values = random.normal(size=(80, 3))
    values[random.random(values.shape) < 0.1] = np.nan
    label = np.nan_to_num(values) @ [1.0, -2.0, 0.5] + random.normal(size=80)
    table = pa.table({"a": values[:, 0], "b": values[:, 1], "c": values[:, 2], "y": label})
    dataset = hr.Dataset.from_arrow(table, label="y")
    graph = hr.transform(lambda x: {"a": x.a, "b": x.b, "c": x.c}, dataset)
    model = hr.train(hr.XGBoost(n_estimators=40, max_depth=1), graph, dataset)
    features = model.predict_lanes(model.codec.from_batch(table), ("features",))["features"]
    booster = xgboost.Booster()
    booster.load_model(bytearray(model.native_files["model.xgboost.json"]))
    theirs = booster.predict(xgboost.DMatrix(features), pred_contribs=True)
    shap = TreeShap.of(model.onnx, features)
    assert shap.explain(features)[:, :, 0] == pytest.approx(theirs[:, :-1], abs=2e-5)
    assert shap.base[0] == pytest.approx(theirs[0, -1], abs=2e-5)


def test_what_is_no_sum_of_trees_is_not_explained_so():
    """A graph without trees, and one whose answer is not their sum."""
    builder = GraphBuilder([InputColumn("x", "number")])
    features = builder.cast(builder.column("x").name, np.float32)
    plain = builder.finish({"prediction": (features, np.float32, 1), "features": (features, np.float32, 1)})
    assert TreeShap.of(plain, np.zeros((2, 1), np.float32)) is None
    tree = random_tree(np.random.default_rng(1), 2, 1, 1.0)
    margin = add_tree_ensemble(builder, features, [tree], rule="<", num_features=1)
    twice = builder.node("Add", [margin, margin])
    graph = builder.finish({"margin": (twice, np.float32, 1), "features": (features, np.float32, 1)})
    assert TreeShap.of(graph, np.zeros((2, 1), np.float32)) is None
