"""Trees in ONNX: exact sums whatever the order, against sums in Python."""

import math

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.errors import InvalidInput
from headrace.model import GraphBuilder, InputColumn, open_session
from headrace.model.trees import Tree, add_tree_ensemble, exact_step

_SETTINGS = settings(max_examples=30, deadline=None, derandomize=True, database=None)


def random_tree(random, depth, num_features, scale):
    """A tree whose nodes stop at random, with thresholds among few values so that rows hit them."""
    rows = []

    def grow(level):
        place = len(rows)
        rows.append(None)
        if level == depth or random.random() < 0.2:
            value = np.float64(np.float32(random.normal() * scale * 10.0 ** random.integers(-8, 2)))
            rows[place] = (0, 0.0, -1, -1, False, value)
        else:
            feature, threshold = int(random.integers(num_features)), float(random.integers(-3, 4))
            missing = bool(random.random() < 0.5)
            yes = grow(level + 1)
            rows[place] = (feature, threshold, yes, grow(level + 1), missing, 0.0)
        return place

    grow(0)
    return Tree(*(np.array(column) for column in zip(*rows, strict=True)))


def walk(tree, row, rule):
    """The leaf's value, one comparison at a time."""
    node = 0
    while tree.yes[node] >= 0:
        value, threshold = float(row[tree.feature[node]]), tree.threshold[node]
        if math.isnan(value):
            is_yes = tree.missing_yes[node]
        else:
            is_yes = value < threshold if rule == "<" else value <= threshold
        node = tree.yes[node] if is_yes else tree.no[node]
    return tree.value[node]


def graph_of(trees, num_features, rule):
    """float64 features in, margin out."""
    builder = GraphBuilder([InputColumn(f"x{index}", "number") for index in range(num_features)])
    pieces = [builder.column(f"x{index}").name for index in range(num_features)]
    features = builder.cast(builder.node("Concat", pieces, axis=1) if num_features > 1 else pieces[0], np.float32)
    margin = add_tree_ensemble(builder, features, trees, rule=rule, num_features=num_features)
    return builder.finish({"margin": (margin, np.float32, 1)})


@_SETTINGS
@given(
    seed=st.integers(0, 10**6),
    num_trees=st.integers(1, 12),
    depth=st.integers(0, 5),
    rule=st.sampled_from(["<", "<="]),
    scale=st.sampled_from([1e-30, 1.0, 1e12]),
)
def test_margins_are_the_exact_sum_rounded_once(seed, num_trees, depth, rule, scale):
    """Every row lands in the leaf Python finds, and the sum is fsum's within the leaves' own rounding."""
    random = np.random.default_rng(seed)
    trees = [random_tree(random, depth, 3, scale) for _ in range(num_trees)]
    rows = random.integers(-4, 5, size=(20, 3)).astype(np.float64)
    rows[random.random(rows.shape) < 0.2] = np.nan
    session = open_session(graph_of(trees, 3, rule))
    found = session.run(None, {"number": rows})[0][:, 0]
    step = exact_step(trees)
    leaves = np.array([[walk(tree, row, rule) for tree in trees] for row in rows])
    snapped = np.array([math.fsum(np.rint(row / step) * step) for row in leaves]).astype(np.float32)
    assert found.tobytes() == snapped.tobytes()
    exact = np.array([math.fsum(row) for row in leaves])
    assert (abs(found - exact) <= abs(exact) * 2.0**-24 + len(trees) * step).all()


@_SETTINGS
@given(seed=st.integers(0, 10**6), num_trees=st.integers(2, 40))
def test_no_order_of_adding_can_be_seen(seed, num_trees):
    """Multiples of the step add up to the same double in any order: threads and batches cannot matter."""
    random = np.random.default_rng(seed)
    leaves = random.normal(size=num_trees) * 10.0 ** random.integers(-12, 6, size=num_trees)
    step = exact_step([Tree.constant(value) for value in leaves])
    snapped = np.rint(leaves / step) * step
    sums = {float(np.add.accumulate(random.permutation(snapped))[-1]) for _ in range(20)}
    assert len(sums) == 1
    assert sums == {math.fsum(snapped)}
    assert abs(snapped - leaves).max() <= step / 2


def test_two_threads_and_any_batch_give_the_same_bytes():
    """ONNX Runtime splits trees over threads; the exact sum hides it."""
    random = np.random.default_rng(0)
    trees = [random_tree(random, 6, 8, 0.1) for _ in range(200)]
    onnx = graph_of(trees, 8, "<")
    rows = random.normal(size=(600, 8)) * 2
    rows[random.random(rows.shape) < 0.05] = np.nan
    whole = open_session(onnx).run(None, {"number": rows})[0]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    two = onnxruntime.InferenceSession(onnx, options)
    for session in (open_session(onnx), two):
        for size in (1, 2, 3, 7, 31, 100, 600):
            pieces = [session.run(None, {"number": rows[i : i + size]})[0] for i in range(0, 600, size)]
            assert np.concatenate(pieces).tobytes() == whole.tobytes(), size


def test_a_threshold_is_met_from_either_side():
    """ "<" sends the threshold itself to `no`, "<=" to `yes`, NaN where the tree says."""
    tree = Tree(*map(np.array, ([0, 0, 0], [1.5, 0, 0], [1, -1, -1], [2, -1, -1], [False] * 3, [0.0, 10.0, 20.0])))
    rows = np.array([[1.5], [np.nextafter(np.float32(1.5), np.float32(0))], [np.nan]])
    found = {
        rule: open_session(graph_of([tree], 1, rule)).run(None, {"number": rows})[0][:, 0].tolist()
        for rule in ("<", "<=")
    }
    assert found == {"<": [20.0, 10.0, 20.0], "<=": [10.0, 10.0, 20.0]}


def test_constants_alone_are_an_ensemble():
    """A model that never split answers its base for every row, missing or not."""
    session = open_session(graph_of([Tree.constant(0.25), Tree.constant(-1.0)], 2, "<"))
    assert session.run(None, {"number": np.array([[1.0, np.nan]])})[0].tolist() == [[-0.75]]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"value": [0.0, np.inf, 1.0]}, "finite"),
        ({"value": [0.0, np.nan, 1.0]}, "finite"),
        ({"value": [0.0, 1e308, 1.0]}, "diverged"),
        ({"value": [0.0, -1.0, -3.5e38]}, "diverged"),
        ({"threshold": [np.nan, 0.0, 0.0]}, "NaN"),
        ({"feature": [1, 0, 0]}, "does not exist"),
        ({"feature": [-1, 0, 0]}, "does not exist"),
        ({"yes": [3, -1, -1]}, "does not exist"),
        ({"no": [0, -1, -1]}, "does not exist"),
    ],
)
def test_broken_trees_are_refused(change, what):
    """A tree that names what is not there, or adds what is not a number, is no tree."""
    parts = {
        "feature": [0, 0, 0],
        "threshold": [1.0, 0.0, 0.0],
        "yes": [1, -1, -1],
        "no": [2, -1, -1],
        "missing_yes": [False] * 3,
        "value": [0.0, 1.0, 2.0],
    }
    tree = Tree(**{name: np.array(value) for name, value in {**parts, **change}.items()})
    with pytest.raises(InvalidInput, match=what):
        graph_of([tree], 1, "<")
    with pytest.raises(InvalidInput, match="no trees"):
        graph_of([], 1, "<")
