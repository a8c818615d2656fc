"""LightGBM behind our converter: against its own raw scores, for each way it treats what is missing."""

import dataclasses
import subprocess
import sys

import lightgbm
import numpy as np
import pytest

import headrace as hr
from headrace.adapters.lightgbm.booster import ZERO, read_trees, zero_features
from headrace.adapters.lightgbm.trainer import LightGBM
from headrace.errors import InvalidInput
from headrace.testing.trainer_cases import NumberGraph, TrainerCases, numbers_table, random_features
from headrace.training import Group, Journal, assemble


class TestLightGBMKeepsTheContract(TrainerCases):
    """The suite every trainer passes."""

    trainer = LightGBM(n_estimators=20, num_leaves=15, learning_rate=0.3)
    tasks = ("binary", "regression", "multiclass")
    diverging = (("learning_rate", 10.0), ("n_estimators", 400))


class TestSampledLightGBMKeepsTheContract(TrainerCases):
    """The same with random rows and columns for each tree, and zeros that count as missing."""

    trainer = LightGBM(
        n_estimators=20, max_depth=4, learning_rate=0.3, subsample=0.7, colsample_bytree=0.6, zero_as_missing=True
    )


def fit(trainer, train, validation=None, *, journal=None):
    """The trainer's predictor."""
    return trainer.fit(train, validation, params={}, group=Group(), journal=journal or Journal())


def raw_score(predictor, matrix):
    """What LightGBM itself answers, float64."""
    return lightgbm.Booster(model_str=predictor.native).predict(matrix, raw_score=True)


@pytest.mark.parametrize("is_binary", [True, False])
@pytest.mark.parametrize("missing", ["nan", "none", "zero"])
def test_margins_are_lightgbms_own_rounded_once(is_binary, missing):
    """Margins are LightGBM's float64 raw scores rounded to float32, within one unit in the last place.

    With missing values in the training rows, without any (NaN then counts as 0), and with zeros as missing; on rows
    with missing values, zeros and both sides of every threshold's own value.
    """
    train = random_features(3000, is_binary=is_binary, has_missing=missing != "none")
    trainer = LightGBM(n_estimators=100, learning_rate=0.2, zero_as_missing=missing == "zero")
    predictor = fit(trainer, train)
    judged = random_features(3000, is_binary=is_binary, seed=9).matrix
    cuts = np.concatenate([tree.threshold[~tree.is_leaf] for tree in predictor.trees]).astype(np.float32)
    special = [0.0, -0.0, ZERO, -ZERO, ZERO / 2, -ZERO / 2, np.nan]
    edges = np.random.default_rng(1).choice(np.concatenate([cuts, np.nextafter(cuts, np.inf), special]), (3000, 5))
    judged = np.concatenate([judged, edges.astype(np.float32)])
    found = np.array(assemble(NumberGraph(5), predictor).predict(numbers_table(judged))["margin"])
    native = raw_score(predictor, judged)
    assert (np.abs(found - native) <= np.spacing(np.abs(native).astype(np.float32))).all()
    assert (found == native.astype(np.float32)).mean() > 0.999


def test_leaves_are_those_lightgbm_names():
    """Each row's leaf, tree by tree, is that of `pred_leaf`: the sum of those leaves is the margin."""
    train = random_features(2000)
    predictor = fit(LightGBM(n_estimators=30), train)
    leaves = lightgbm.Booster(model_str=predictor.native).predict(train.matrix, pred_leaf=True).astype(int)
    sums = np.zeros(train.num_rows)
    for column, tree in zip(leaves.T, predictor.trees, strict=True):
        sums += tree.value[tree.is_leaf][column]
    found = np.array(assemble(NumberGraph(5), predictor).predict(numbers_table(train.matrix))["margin"])
    assert np.abs(found - sums).max() <= 1e-6


def test_probabilities_against_lightgbm_itself():
    """`prediction` is the probability of 1, within float32 rounding of the native one."""
    train = random_features(2000)
    predictor = fit(LightGBM(n_estimators=50), train)
    found = np.array(assemble(NumberGraph(5), predictor).predict(numbers_table(train.matrix))["prediction"])
    native = lightgbm.Booster(model_str=predictor.native).predict(train.matrix)
    assert np.abs(found - native).max() <= 1e-6


@pytest.mark.slow
def test_the_number_of_threads_does_not_show():
    """One or two threads fit the same bytes here; it is a parameter nonetheless."""
    train = random_features(60_000, is_binary=False)
    found = {str(fit(LightGBM(n_estimators=20, num_threads=number), train).trees) for number in (1, 2)}
    assert len(found) == 1


def test_a_validation_split_stops_it_early_at_the_best_tree():
    """Noise cannot be learnt: few trees stay, and they are the best ones."""
    random = np.random.default_rng(0)
    train = dataclasses.replace(random_features(500), label=random.integers(0, 2, 500).astype(np.float64))
    validation = dataclasses.replace(random_features(300, seed=5), label=random.integers(0, 2, 300).astype(np.float64))
    losses = []

    class Record(Journal):
        def report(self, step, values):
            losses.append(values["validation"])
            return True

    trainer = LightGBM(n_estimators=200, learning_rate=0.5, early_stopping_rounds=5)
    stopped = fit(trainer, train, validation, journal=Record())
    assert len(stopped.trees) == int(np.argmin(losses)) + 1
    assert len(losses) == len(stopped.trees) + 5
    ever = dataclasses.replace(trainer, early_stopping_rounds=0, n_estimators=30)
    assert len(fit(ever, train, validation).trees) == 30


def test_it_ends_where_no_split_gains_anything():
    """Rows too few for two leaves give a constant, and one report, not a hundred."""
    predictor = fit(LightGBM(), random_features(10, is_binary=False))
    assert len(predictor.trees) == 1
    train = random_features(10, is_binary=False)
    found = np.array(assemble(NumberGraph(5), predictor).predict(numbers_table(train.matrix))["prediction"])
    assert np.allclose(found, train.label.mean(), rtol=1e-6)


def test_weights_count():
    """A row of weight zero might as well not be there."""
    train = random_features(400)
    flipped = dataclasses.replace(train, label=np.where(np.arange(400) < 200, train.label, 1 - train.label))
    weighted = dataclasses.replace(flipped, weight=(np.arange(400) < 200).astype(np.float64))
    trainer = LightGBM(n_estimators=10, min_child_samples=5)
    margins = [
        np.array(assemble(NumberGraph(5), fit(trainer, rows)).predict(numbers_table(train.matrix))["prediction"])
        for rows in (flipped, weighted)
    ]
    assert np.corrcoef(margins[1], train.label)[0, 1] > np.corrcoef(margins[0], train.label)[0, 1] + 0.2


def test_what_contradicts_the_labels_is_refused():
    """The objective follows the label; a classifier of values, and an unknown objective, are errors."""
    assert fit(LightGBM(n_estimators=2, objective="regression"), random_features(100)).task == "regression"
    with pytest.raises(InvalidInput, match="neither 0 nor 1"):
        fit(LightGBM(objective="binary"), random_features(100, is_binary=False))
    with pytest.raises(InvalidInput, match="objective"):
        LightGBM(objective="ranking")
    with pytest.raises(InvalidInput, match="zero_as_missing"):
        LightGBM(zero_as_missing=1)


def test_categories_and_linear_leaves_are_refused():
    """What the converter cannot write exactly, it does not write at all."""
    train = random_features(500, has_missing=False)
    for settings, categories in (({}, [1]), ({"linear_tree": True}, [])):
        data = lightgbm.Dataset(
            np.abs(train.matrix), train.label, categorical_feature=categories, params={"verbosity": -1}
        )
        booster = lightgbm.train({"objective": "binary", "verbosity": -1, "num_threads": 1, **settings}, data, 3)
        with pytest.raises(InvalidInput, match="not converted"):
            read_trees(booster.model_to_string())


def test_zeros_are_missing_only_where_asked():
    """`zero_features` names features of zero_as_missing alone."""
    train = random_features(500)
    assert list(zero_features(fit(LightGBM(n_estimators=3), train).native)) == []
    assert 0 in zero_features(fit(LightGBM(n_estimators=3, zero_as_missing=True), train).native)


def test_without_lightgbm_the_name_is_answered_with_its_install_line():
    """Where it is not installed, naming it says what to type; the rest goes on."""
    code = (
        "import sys; sys.modules['lightgbm'] = None\n"
        "import headrace as hr\n"
        "try: hr.LightGBM\n"
        "except hr.HeadraceError as error: print(error)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "LightGBM" in said and "pip install 'headrace[lightgbm]'" in said


def test_it_is_found_by_name_without_being_imported():
    """`hr.LightGBM` is this class, and naming it does not import LightGBM."""
    assert hr.LightGBM is LightGBM
    code = "import sys, headrace as hr; hr.LightGBM(num_leaves=3); assert 'lightgbm' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
