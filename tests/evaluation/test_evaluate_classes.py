"""Evaluations of models of several classes: champion, baseline, slices, labels that are no class, kept and loaded."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import accuracy_score, log_loss

import headrace as hr
from headrace.errors import InvalidInput, Misuse
from headrace.evaluation import Evaluation, evaluate_predictions, gate
from headrace.testing.trainer_cases import NumberGraph
from headrace.training import train

METRICS = ["accuracy", "f1_macro", "log_loss", "roc_auc_ovr", hr.TopKAccuracy(k=2)]


@pytest.fixture(scope="module")
def table():
    """400 rows of two numbers whose sum says the kind; the rarest kind only where the carrier is DL."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=(400, 2))
    kinds = np.array(["ash", "elm", "oak"], dtype=object)[np.digitize(x.sum(axis=1), [-0.5, 0.5])]
    carrier = np.where(generator.random(400) < 0.5, "AA", "DL")
    return pa.table(
        {"id": range(400), "x0": x[:, 0], "x1": x[:, 1], "kind": kinds.tolist(), "carrier": carrier.tolist()}
    )


def dataset(table):
    """Half of the rows to fit, half to judge."""
    return hr.Dataset.from_arrow(table, label="kind", key=["id"], split={"train": 1, "eval": 1})


@pytest.fixture(scope="module")
def model(table):
    """A model of three classes."""
    return train(hr.XGBoost(n_estimators=15), NumberGraph(2), dataset(table))


def test_it_is_scikit_learns_on_the_same_rows(table, model, tmp_path):
    """Values, baseline and intervals; saved and loaded it is the same."""
    found = hr.evaluate(model, dataset(table), metrics=METRICS, slices=["carrier"], champion=model)
    label = np.asarray(found.predictions["label"].to_numpy())
    shares = np.array(found.predictions["prediction"].to_pylist(), np.float32)
    assert found.classes == ("ash", "elm", "oak")
    assert found["accuracy"].value == pytest.approx(accuracy_score(label, shares.argmax(axis=1)))
    assert found["log_loss"].value == pytest.approx(log_loss(label, shares), abs=1e-6)
    assert found["accuracy"].lower < found["accuracy"].value < found["accuracy"].upper
    counts = np.bincount(label.astype(int)) / len(label)
    assert found.baseline["accuracy"].value == pytest.approx(counts.max())
    assert found.baseline["log_loss"].value == pytest.approx(-(counts * np.log(counts)).sum(), abs=1e-6)
    assert found.champion["accuracy"].value == found["accuracy"].value
    assert {cell["carrier"] for cell in found.slices} == {"AA", "DL"}
    verdict = gate(model, found, rules=["accuracy >= 0.5", "f1_macro >= champion - 0.01", "accuracy >= baseline + 0.1"])
    assert verdict.ok, verdict.findings
    found.save(tmp_path)
    again = Evaluation.load(tmp_path)
    assert again.digest == found.digest and again.classes == found.classes
    with pytest.raises(InvalidInput, match="several classes have no threshold"):
        found.best_threshold()


def test_a_label_that_is_no_class_is_never_right(table, model):
    """A kind that came after training counts against the model, in every metric, and stops none."""
    names = table["kind"].to_pylist()
    new = table.set_column(3, "kind", pa.array(["yew" if index % 10 == 0 else names[index] for index in range(400)]))
    metrics = ["accuracy", "log_loss", "balanced_accuracy"]
    old, found = (hr.evaluate(model, dataset(rows), metrics=metrics) for rows in (table, new))
    rows = np.asarray(found.predictions["label"].to_numpy())
    assert (rows == 3).sum() > 10
    assert found["accuracy"].value < old["accuracy"].value and found["log_loss"].value > old["log_loss"].value
    assert found["balanced_accuracy"].value == pytest.approx(0.75 * old["balanced_accuracy"].value, abs=0.02)


def test_a_champion_of_other_classes_is_left_out(table, model):
    """It is said why; rules that need it then are not ok by themselves."""
    few = table.filter(pa.compute.not_equal(table["kind"], "oak"))
    more = few.append_column("other", pa.array(["pine", "ash", "elm"] * few.num_rows)[: few.num_rows])
    rows = more.drop_columns(["kind"]).rename_columns(["id", "x0", "x1", "carrier", "kind"])
    champion = train(hr.XGBoost(n_estimators=2), NumberGraph(2), dataset(rows))
    found = hr.evaluate(model, dataset(table), metrics=["accuracy"], champion=champion)
    assert found.champion is None
    assert found.champion_reason == "it answers other classes: it does not know 'oak', and it knows 'pine'"


def test_metrics_of_other_tasks_are_refused(table, model):
    """Each way the message lists what fits."""
    with pytest.raises(Misuse, match=r"'roc_auc' does not judge several classes.*accuracy.*roc_auc_ovr"):
        hr.evaluate(model, dataset(table), metrics=["roc_auc"])
    with pytest.raises(Misuse, match=r"'f1_macro' does not judge one number a row.*accuracy"):
        evaluate_predictions(pa.table({"y": [0, 1], "p": [0.1, 0.9]}), label="y", prediction="p", metrics=["f1_macro"])


def test_predictions_alone():
    """Lists of any kind, of named classes or of 0, 1, 2; a wrong width and classes that are none are refused."""
    lists = [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4], None]
    table = pa.table({"y": ["a", "b", "b", None], "n": [0, 1, 1, None], "p": lists})
    found = evaluate_predictions(table, label="y", prediction="p", classes=["a", "b", "c"], metrics=["accuracy"])
    assert found["accuracy"].value == pytest.approx(2 / 3) and found.num_dropped == 1
    assert evaluate_predictions(table, label="n", prediction="p", metrics=["accuracy"])["accuracy"] == found["accuracy"]
    with pytest.raises(InvalidInput, match=r"lists of \[3\] numbers.*4 in each"):
        evaluate_predictions(table, label="y", prediction="p", classes=list("abcd"), metrics=["accuracy"])
    with pytest.raises(InvalidInput, match="each once"):
        evaluate_predictions(table, label="y", prediction="p", classes=["a", "a", "b"], metrics=["accuracy"])
    with pytest.raises(InvalidInput, match="lists of a probability"):
        evaluate_predictions(table, label="n", prediction="n", classes=["a", "b", "c"], metrics=["accuracy"])
    with pytest.raises(InvalidInput, match="whole numbers, as 0 is"):
        evaluate_predictions(table, label="y", prediction="p", metrics=["accuracy"])


def test_weak_slices_are_found(table, model):
    """On the rows of one carrier the labels are shuffled: that is where the model is worse."""
    generator = np.random.default_rng(5)
    carrier, names = np.array(table["carrier"].to_pylist()), np.array(table["kind"].to_pylist(), dtype=object)
    names[carrier == "AA"] = generator.permutation(names[carrier == "AA"])
    spoiled = table.set_column(3, "kind", pa.array(names.tolist()))
    found = hr.evaluate(model, dataset(spoiled), metrics=["accuracy"], find_slices=["carrier"])
    assert [one.condition for one in found.weak_slices] == ["carrier == AA"]
