"""Labels that stand for classes: what is one, in which order, and what is refused."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import headrace as hr
from headrace.errors import InvalidInput
from headrace.testing.trainer_cases import NumberGraph
from headrace.training import Features, Group, Journal, Predictor, Trainer, answers, train
from headrace.training.classes import classed, coded

KINDS = ("rose", "Äther", "iris", "tulip")


def rows(label):
    """Rows of no feature with this label."""
    return Features((), np.empty((len(label), 0), np.float32), np.asarray(label, np.float64))


@pytest.fixture
def table():
    """300 rows of two numbers whose sum says the kind; a tenth of the labels are null."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=(300, 2))
    place = np.digitize(x.sum(axis=1), [-1.0, 0.0, 1.0])
    kinds = pa.array(np.array(KINDS, dtype=object)[place], pa.string(), mask=generator.random(300) < 0.1)
    number = pa.array(place * 10, pa.int64())
    return pa.table({"id": range(300), "x0": x[:, 0], "x1": x[:, 1], "kind": kinds, "number": number})


def fitted(table, label, trainer, **roles):
    """A model of the two numbers."""
    data = hr.Dataset.from_arrow(table, label=label, key=["id"], **roles)
    return train(trainer, NumberGraph(2), data)


def test_text_is_classes_in_the_order_of_its_bytes(table):
    """Three values of text or more are learnt as classes; null labels are left out, a dictionary is the same text."""
    model = fitted(table, "kind", hr.XGBoost(n_estimators=10))
    assert model.signature.classes == ("iris", "rose", "tulip", "Äther")
    assert model.signature.task == "multiclass" and model.signature.num_dropped == table["kind"].null_count
    found = model.predict(table)
    assert found["prediction"].type.list_size == 4 and found["predicted_class"].type == pa.string()
    is_known = np.array([kind is not None for kind in table["kind"].to_pylist()])
    is_right = np.array(found["predicted_class"].to_pylist(), object) == np.array(table["kind"].to_pylist(), object)
    assert is_right[is_known].mean() > 0.9
    encoded = table.set_column(4, "number", table["number"]).set_column(3, "kind", table["kind"].dictionary_encode())
    assert fitted(encoded, "kind", hr.XGBoost(n_estimators=10)).onnx == model.onnx


def test_whole_numbers_are_classes_to_a_classifier_alone(table):
    """A number is a quantity unless the trainer is told, or is a classifier."""
    assert fitted(table, "number", hr.XGBoost(n_estimators=2)).signature.task == "regression"
    for trainer in (hr.XGBoost(n_estimators=5, objective="multi:softprob"), hr.Sklearn("LogisticRegression")):
        model = fitted(table, "number", trainer)
        assert model.signature.classes == (0, 10, 20, 30)
        assert model.predict(table)["predicted_class"].type == pa.int64()


def test_the_model_says_its_classes_and_comes_back(table, tmp_path):
    """Signature and card hold them in order; saved and loaded, the answers are the same bytes."""
    model = fitted(table, "kind", hr.LightGBM(n_estimators=10))
    model.save(tmp_path / "model")
    again = hr.Model.load(tmp_path / "model")
    assert again.signature == model.signature and again.digest == model.digest
    assert "the probability of each of the 4 values of kind: 'iris'" in again.signature.meaning
    assert "'iris', 'rose', 'tulip', 'Äther'" in (tmp_path / "model" / "card.md").read_text()
    assert again(table).tobytes() == model(table).tobytes()


def test_a_class_that_only_validation_has_is_left_out(table):
    """Early stopping is by the classes there are to learn."""
    whole = table.set_column(3, "kind", pa.array([*(["weed"] * 30), *table["kind"].to_pylist()[30:]], pa.string()))
    data = hr.Dataset.from_arrow(whole, label="kind", key=["id"], split={"train": 1, "validation": 1})
    known = {name for name in whole["kind"].to_pylist() if name}
    model = train(hr.XGBoost(n_estimators=5), NumberGraph(2), data)
    assert set(model.signature.classes) <= known


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["a", "b"], r"text of 2 values: 'a' and 'b'.*positive=\"yes\""),
        (["a"], r"text of 1 values: 'a'.*positive="),
        ([f"v{index}" for index in range(1_001)], r"1,001 values.*at most 1,000"),
    ],
)
def test_text_of_too_few_or_too_many_values_is_refused(values, said):
    """Two stay binary, and which counts as 1 must be said; more than 1,000 are no classes."""
    with pytest.raises(InvalidInput, match=said):
        coded([pa.array(values, pa.large_string())], "kind")


def test_numbers_that_are_no_classes_stay_as_they_are():
    """Fractions, two values, 0 and 1, and what is no classifier's, are left alone."""
    assert classed(rows([0.5, 1.5, 2.5]), takes_classes=True).classes == ()
    assert classed(rows([0, 1, 1]), takes_classes=True).classes == ()
    assert classed(rows([3, 1, 2, 2]), takes_classes=False).classes == ()
    found = classed(rows([3, 1, -2, 3]), takes_classes=True)
    assert found.classes == (-2, 1, 3) and found.label.tolist() == [2.0, 1.0, 0.0, 2.0]


def test_what_contradicts_the_classes_is_refused(table):
    """A regressor, a binary objective, one against the rest, and classes of two values: each says what to do."""
    for trainer in (hr.Sklearn("Ridge"), hr.XGBoost(objective="binary:logistic"), hr.LightGBM(objective="regression")):
        with pytest.raises(InvalidInput, match=r"the label has 4 values: 'iris'.*positive="):
            fitted(table, "kind", trainer)
    for estimator, params in (("SGDClassifier", {"loss": "log_loss"}), ("LogisticRegression", {"solver": "liblinear"})):
        with pytest.raises(InvalidInput, match="one against the rest are not converted"):
            fitted(table, "kind", hr.Sklearn(estimator, params))
    with pytest.raises(InvalidInput, match=r"two values, 0 and 1.*leave the objective out"):
        hr.XGBoost(objective="multi:softprob").fit(rows([0, 1, 1]), None, params={}, group=Group(), journal=Journal())


def test_a_trainer_that_knows_no_classes_makes_no_model(table):
    """One that takes the places for quantities is told so, instead of a model that answers them."""

    class Zero(Predictor):
        task = "regression"

        def build(self, builder, features):
            return answers(builder, builder.node("Mul", [features, features]), "regression")

    class Old(Trainer):
        def fit(self, train, validation, *, params, group, journal):
            return Zero()

    class Narrow(Zero):
        task = "multiclass"

    class Wrong(Old):
        def fit(self, train, validation, *, params, group, journal):
            return Narrow()

    with pytest.raises(InvalidInput, match="a label of 4 classes, and a predictor of task 'regression'"):
        fitted(table, "kind", Old())
    with pytest.raises(InvalidInput, match=r"answers 2 numbers a row.*4: one for each class"):
        fitted(table, "kind", Wrong())
