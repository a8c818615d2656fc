"""Rows that may have several labels: how they are given, judged, sliced, held to rules and kept."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import f1_score, precision_score, recall_score

from headrace.errors import InvalidInput, Misuse
from headrace.evaluation import Evaluation, evaluate_predictions, gate

NAMES = ("red", "green", "blue")
METRICS = ["f1_macro", "f1_micro", "hamming_loss", "subset_accuracy"]


@pytest.fixture(scope="module")
def table():
    """400 rows of two places, with three labels as text and as booleans, and predictions that follow them."""
    generator = np.random.default_rng(0)
    has = generator.random((400, 3)) < (0.5, 0.3, 0.1)
    p = np.clip(0.4 * has + 0.6 * generator.random((400, 3)), 0.0, 1.0).astype(np.float32)
    return pa.table(
        {
            "colours": [[name for name, one in zip(NAMES, row, strict=True) if one] for row in has],
            "has": has.tolist(),
            "p": p.tolist(),
            "place": ["a", "b"] * 200,
        }
    )


def found_of(table, label="colours", **given):
    """What is found."""
    given = {"metrics": METRICS, "classes": NAMES, **given}
    return evaluate_predictions(table, label=label, prediction="p", **given)


@pytest.mark.parametrize("average", ["macro", "micro", "weighted"])
def test_totals_of_labels_are_those_of_the_oracle(table, average):
    """Of all labels, as scikit-learn has them, overall and on a slice."""
    oracles = {"f1": f1_score, "precision": precision_score, "recall": recall_score}
    found = found_of(table, metrics=[f"{name}_{average}" for name in oracles], slices=["place"])
    has, called = np.array(table["has"].to_pylist()), np.array(table["p"].to_pylist()) >= 0.5
    for name, oracle in oracles.items():
        for cell, rows in ((found, slice(None)), (found.slice({"place": "b"}), slice(1, None, 2))):
            expected = oracle(has[rows], called[rows], average=average, zero_division=0)
            assert cell[f"{name}_{average}"].value == pytest.approx(expected, abs=1e-12)


def test_labels_as_text_numbers_or_booleans_are_the_same(table):
    """However they are written."""
    numbers = pa.array([[NAMES.index(one) for one in row] for row in table["colours"].to_pylist()])
    both = table.append_column("numbers", numbers)
    by_text, by_bool = found_of(table), found_of(table, "has")
    by_number = found_of(both, "numbers", classes=None)
    assert [by_text[name].value for name in METRICS] == [by_bool[name].value for name in METRICS]
    assert [by_text[name] for name in METRICS] == [by_number[name] for name in METRICS]


def test_a_null_list_is_left_out_and_an_empty_one_is_not(table):
    """No list says that nobody knows; an empty one that there is no label."""
    columns = table["colours"].to_pylist()
    odd = table.set_column(0, "colours", pa.array([None, [], *columns[2:]], pa.list_(pa.string())))
    found = found_of(odd)
    assert (found.num_rows, found.num_dropped) == (399, 1)


def test_the_gate_holds_it_to_rules(table, tmp_path):
    """On intervals, slices and beside the baseline; it is kept and read again."""
    found = found_of(table, slices=["place"])
    rules = ["f1_macro >= 0.5 on every place", "hamming_loss <= baseline", "subset_accuracy >= 0.3"]
    verdict = gate(None, found, rules=rules)
    assert verdict.ok and not any(one.by_value for one in verdict.findings), repr(verdict)
    assert not gate(None, found, rules=["f1_macro >= 0.99"]).ok
    found.save(tmp_path)
    read = Evaluation.load(tmp_path)
    assert read["f1_macro"] == found["f1_macro"] and read.digest == found.digest


def test_the_baseline_says_how_often_each_label_is_there(table):
    """Its share of all rows: of a label in half of the rows or more it is called."""
    found = found_of(table, metrics=["hamming_loss"])
    has = np.array(table["has"].to_pylist())
    share = has.mean(axis=0).astype(np.float32)
    assert found.baseline["hamming_loss"].value == pytest.approx(((share >= 0.5) != has).mean())


def test_rows_of_one_id_and_metrics_of_other_kinds_are_told(table):
    """A metric of one class a row does not judge sets of labels."""
    with pytest.raises(Misuse, match="'roc_auc' does not judge sets of labels"):
        found_of(table, metrics=["roc_auc"])
    with pytest.raises(Misuse, match="'hamming_loss' does not judge one number a row"):
        evaluate_predictions(pa.table({"y": [1], "p": [0.5]}), label="y", prediction="p", metrics=["hamming_loss"])


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        ([["red"], ["pink"]], "holds 'pink'"),
        ([["red"], ["red", "red"]], "a label twice"),
        ([["red"], [None]], "a null in it"),
        ([[True], [True, False, True]], "holds lists"),
        ([[1.0, 0.0, 2.0], [1.0, 0.0, 0.0]], "holds 2"),
    ],
)
def test_labels_that_cannot_be_are_errors(labels, says):
    """Each told by what is wrong."""
    table = pa.table({"y": labels, "p": [[0.5, 0.5, 0.5]] * 2})
    with pytest.raises(InvalidInput, match=says):
        found_of(table, "y")


def test_lists_beside_single_numbers_are_an_error():
    """A set of labels needs a probability for each."""
    with pytest.raises(InvalidInput, match="predictions that are lists"):
        evaluate_predictions(
            pa.table({"y": [[0], [1]], "p": [0.5, 0.5]}), label="y", prediction="p", metrics=["hamming_loss"]
        )


def test_weak_slices_are_found(table):
    """Where the labels are told least well: rows of one place whose predictions are turned round."""
    p = np.array(table["p"].to_pylist())
    p[1::2] = 1.0 - p[1::2]
    bad = table.set_column(table.column_names.index("p"), "p", pa.array(p.tolist()))
    found = found_of(bad, find_slices=["place"])
    assert [one.condition for one in found.weak_slices] == ["place == b"]
