"""XGBoost behind our converter: against its own margins, leaf by leaf, and over processes."""

import dataclasses
import hashlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import xgboost

import headrace as hr
from headrace.adapters.xgboost.booster import read_bases, read_trees
from headrace.adapters.xgboost.trainer import XGBoost
from headrace.errors import InvalidInput
from headrace.model import Model
from headrace.model.trees import Tree, exact_step
from headrace.testing.trainer_cases import NumberGraph, TrainerCases, numbers_table, random_features
from headrace.training import Group, Journal, assemble


class TestXGBoostKeepsTheContract(TrainerCases):
    """The suite every trainer passes."""

    trainer = XGBoost(n_estimators=20, max_depth=4, learning_rate=0.3)
    tasks = ("binary", "regression", "multiclass")
    diverging = (("learning_rate", 10.0), ("n_estimators", 400))


class TestSampledXGBoostKeepsTheContract(TrainerCases):
    """The same with random rows and columns for each tree."""

    trainer = XGBoost(n_estimators=20, max_depth=3, learning_rate=0.3, subsample=0.7, colsample_bytree=0.6, seed=7)


def fit(trainer, train, validation=None, *, journal=None):
    """The trainer's predictor."""
    return trainer.fit(train, validation, params={}, group=Group(), journal=journal or Journal())


@pytest.mark.parametrize("is_binary", [True, False])
def test_margins_against_xgboost_itself(is_binary):
    """Each row goes to the leaves native `pred_leaf` names; margins are their exact sum, within 1e-4 of the native."""
    train = random_features(3000, is_binary=is_binary)
    predictor = fit(XGBoost(n_estimators=100, learning_rate=0.2), train)
    model = assemble(NumberGraph(5), predictor)
    judged = random_features(2000, is_binary=is_binary, seed=9).matrix
    found = np.array(model.predict(numbers_table(judged))["margin"])
    native = xgboost.Booster(model_file=None)
    data = bytearray(model.native_files["model.xgboost.json"])
    native.load_model(data)
    matrix = xgboost.DMatrix(judged)
    scale = max(1.0, float(np.abs(train.label).max()))
    assert np.abs(found - native.predict(matrix, output_margin=True)).max() <= 1e-4 * scale
    trees = [Tree.constant(read_bases(bytes(data))[0]), *read_trees(bytes(data))]
    step = exact_step(trees)
    leaves = native.predict(matrix, pred_leaf=True).astype(int)
    sums = np.full(len(judged), trees[0].value[0], np.float64)
    sums = np.rint(sums / step) * step
    for column, tree in zip(leaves.T, trees[1:], strict=True):
        assert tree.is_leaf[column].all()
        sums += np.rint(tree.value[column] / step) * step
    assert found.tobytes() == sums.astype(np.float32).tobytes()


def test_probabilities_against_xgboost_itself():
    """`prediction` is the probability of 1, within float32 rounding of the native one."""
    train = random_features(2000)
    model = assemble(NumberGraph(5), fit(XGBoost(n_estimators=50), train))
    native = xgboost.Booster()
    native.load_model(bytearray(model.native_files["model.xgboost.json"]))
    found = np.array(model.predict(numbers_table(train.matrix))["prediction"])
    assert np.abs(found - native.predict(xgboost.DMatrix(train.matrix))).max() <= 1e-5


@pytest.mark.slow
def test_the_number_of_threads_does_not_show():
    """One or two threads fit the same bytes here; it is a parameter nonetheless."""
    train = random_features(60_000, is_binary=False)
    sums = {
        hashlib.sha256(fit(XGBoost(n_estimators=20, num_threads=number), train).native).hexdigest() for number in (1, 2)
    }
    assert len(sums) == 1


def test_a_validation_split_stops_it_early_at_the_best_tree():
    """Noise cannot be learnt: few trees stay, and they are the best ones."""
    random = np.random.default_rng(0)
    train = random_features(500)
    noisy = dataclasses.replace(train, label=random.integers(0, 2, 500).astype(np.float64))
    validation = dataclasses.replace(random_features(300, seed=5), label=random.integers(0, 2, 300).astype(np.float64))
    losses = []

    class Record(Journal):
        def report(self, step, values):
            losses.append(values["validation"])
            return True

    trainer = XGBoost(n_estimators=200, learning_rate=0.5, early_stopping_rounds=5)
    stopped = fit(trainer, noisy, validation, journal=Record())
    assert len(stopped.trees) == int(np.argmin(losses)) + 1
    assert len(losses) == len(stopped.trees) + 5
    assert (
        len(fit(dataclasses.replace(trainer, early_stopping_rounds=0, n_estimators=30), noisy, validation).trees) == 30
    )


def test_the_objective_follows_the_label():
    """Labels of 0 and 1 alone are classes; others are values; what contradicts them is refused."""
    assert fit(XGBoost(n_estimators=2), random_features(100)).task == "binary"
    assert fit(XGBoost(n_estimators=2), random_features(100, is_binary=False)).task == "regression"
    assert fit(XGBoost(n_estimators=2, objective="reg:squarederror"), random_features(100)).task == "regression"
    with pytest.raises(InvalidInput, match="neither 0 nor 1"):
        fit(XGBoost(objective="binary:logistic"), random_features(100, is_binary=False))
    with pytest.raises(InvalidInput, match="objective"):
        XGBoost(objective="multi:softmax")
    with pytest.raises(InvalidInput, match="finite"):
        fit(XGBoost(), dataclasses.replace(random_features(2), label=np.array([np.inf, 0.0])))


def test_an_infinite_feature_is_named():
    """XGBoost refuses infinities without saying where."""
    train = random_features(10)
    train.matrix[3, 2] = np.inf
    with pytest.raises(InvalidInput, match=r"infinite.*row 3.*'x2'"):
        fit(XGBoost(), train)


def test_one_class_and_one_row_are_fitted():
    """The smallest data sets give a model that answers its base."""
    train = random_features(50)
    for label in (0.0, 1.0):
        model = assemble(
            NumberGraph(5), fit(XGBoost(n_estimators=5), dataclasses.replace(train, label=label + 0 * train.label))
        )
        native = xgboost.Booster()
        native.load_model(bytearray(model.native_files["model.xgboost.json"]))
        margin = native.predict(xgboost.DMatrix(train.matrix), output_margin=True)
        assert np.abs(np.array(model.predict(numbers_table(train.matrix))["margin"]) - margin).max() <= 1e-5
    one = fit(XGBoost(n_estimators=2), random_features(1, is_binary=False))
    assert assemble(NumberGraph(5), one).predict(numbers_table(random_features(2).matrix)).num_rows == 2


def test_weights_count():
    """A row of weight zero might as well not be there."""
    train = random_features(400)
    flipped = dataclasses.replace(train, label=np.where(np.arange(400) < 200, train.label, 1 - train.label))
    weighted = dataclasses.replace(flipped, weight=(np.arange(400) < 200).astype(np.float64))
    trainer = XGBoost(n_estimators=10, min_child_weight=0.0)
    margins = [
        np.array(assemble(NumberGraph(5), fit(trainer, rows)).predict(numbers_table(train.matrix))["prediction"])
        for rows in (flipped, weighted)
    ]
    assert np.corrcoef(margins[1], train.label)[0, 1] > np.corrcoef(margins[0], train.label)[0, 1] + 0.2


def test_a_fresh_process_answers_the_same_bytes(tmp_path):
    """Saved, loaded and asked elsewhere: golden rows hold, predictions are the same to the bit."""
    train = random_features(500)
    model = assemble(NumberGraph(5), fit(XGBoost(n_estimators=50), train), sample=numbers_table(train.matrix))
    model.save(tmp_path / "model")
    code = (
        "import hashlib, sys, numpy as np\n"
        "from headrace.model import Model\n"
        "from headrace.testing.trainer_cases import numbers_table, random_features\n"
        "found = Model.load(sys.argv[1]).predict(numbers_table(random_features(500).matrix))\n"
        "data = b''.join(np.array(found[name]).tobytes() for name in ('margin', 'prediction'))\n"
        "print(hashlib.sha256(data).hexdigest())\n"
    )
    command = [sys.executable, "-W", "error", "-c", code, str(tmp_path / "model")]
    there = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    with ThreadPoolExecutor(2) as threads:
        loaded = list(threads.map(Model.load, [tmp_path / "model"] * 2))
    for one in (model, *loaded):
        found = one.predict(numbers_table(train.matrix))
        data = np.array(found["margin"]).tobytes() + np.array(found["prediction"]).tobytes()
        assert hashlib.sha256(data).hexdigest() == there


def test_it_is_found_by_name_without_being_imported():
    """`hr.XGBoost` is this class, and naming it does not import XGBoost."""
    assert hr.XGBoost is XGBoost
    code = "import sys, headrace as hr; hr.XGBoost(max_depth=3); assert 'xgboost' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_other_boosters_are_refused():
    """What the converter cannot write exactly, it does not write at all."""
    data = xgboost.DMatrix(random_features(50).matrix[:, :3], random_features(50).label)
    for settings in ({"booster": "dart"}, {"booster": "gblinear"}, {"objective": "count:poisson"}):
        model = bytes(xgboost.train({"verbosity": 0, **settings}, data, 1).save_raw("json"))
        with pytest.raises(InvalidInput):
            read_bases(model)
            read_trees(model)
