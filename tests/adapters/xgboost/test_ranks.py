"""XGBoost on several ranks: one booster of all rows, found by sums over ranks."""

import dataclasses

import numpy as np
import pytest

import headrace as hr
from headrace.adapters.xgboost.ranks import own_rows
from headrace.adapters.xgboost.trainer import XGBoost
from headrace.errors import InvalidInput
from headrace.testing.trainer_cases import NumberGraph, numbers_table, random_features
from headrace.training import Group, Journal, assemble
from headrace.training._ranks import fit_on_ranks
from headrace.training.history import History

pytestmark = pytest.mark.slow


def predicted(predictor, rows):
    """Predictions for a matrix."""
    return np.array(assemble(NumberGraph(5), predictor).predict(numbers_table(rows))["prediction"])


def test_two_ranks_fit_what_one_fits():
    """The same bytes each time; on rows not seen as good as one process, within 0.01 of ROC AUC for 2,000 rows."""
    train, judged = random_features(2001), random_features(2000, seed=5)
    trainer, history = XGBoost(n_estimators=30), History()
    first = fit_on_ranks(trainer, train, None, 2, history)
    assert first.native == fit_on_ranks(trainer, train, None, 2, Journal()).native
    alone = trainer.fit(train, None, params={}, group=Group(), journal=Journal())
    areas = []
    for predictor in (alone, first):
        order = np.argsort(predicted(predictor, judged.matrix), kind="stable")
        ranks = np.empty(len(order))
        ranks[order] = np.arange(len(order))
        late = judged.label == 1.0
        areas.append((ranks[late].mean() - (late.sum() - 1) / 2) / (~late).sum())
    assert abs(areas[0] - areas[1]) <= 0.01
    assert [step for step, _ in history.curves["train"]] == list(range(30))


def test_the_journal_and_the_validation_rows_stop_all_ranks():
    """Where the first rank's journal says stop, or nothing is gained, no rank waits for the others."""

    class Impatient(Journal):
        def report(self, step, values):
            return step < 4

    train = random_features(600)
    assert len(fit_on_ranks(XGBoost(n_estimators=50), train, None, 2, Impatient()).trees) == 5
    noise = np.random.default_rng(0).integers(0, 2, 300).astype(np.float64)
    validation = dataclasses.replace(random_features(300, seed=5), label=noise)
    trainer = XGBoost(n_estimators=200, learning_rate=0.5, early_stopping_rounds=5)
    assert len(fit_on_ranks(trainer, train, validation, 2, Journal()).trees) < 100


def test_the_objective_is_that_of_all_rows():
    """A rank whose own labels happen to be 0 and 1 alone does not fit a classifier beside another's regression."""
    train = random_features(400, is_binary=False)
    label = np.where(np.arange(400) % 2 == 0, (train.label > 0).astype(np.float64), train.label)
    found = fit_on_ranks(XGBoost(n_estimators=5), dataclasses.replace(train, label=label), None, 2, Journal())
    assert found.task == "regression"


def test_ranks_share_rows_by_stride():
    """Every row is with one rank, weights and ids with it; fewer rows than ranks are refused."""
    rows = dataclasses.replace(random_features(7), weight=np.arange(7.0))
    parts = [own_rows(rows, Group(rank, 3)) for rank in range(3)]
    assert sorted(int(item) for part in parts for item in part.row_id) == list(range(7))
    assert all(np.array_equal(part.weight, part.row_id.astype(np.float64)) for part in parts)
    with pytest.raises(InvalidInput, match="8 workers for 7 rows"):
        own_rows(rows, Group(0, 8))


def test_train_with_workers():
    """`hr.train(..., workers=2)` gives a model like any other, with its history and the parts it was fitted on."""
    rows = random_features(500)
    table = numbers_table(rows.matrix).append_column("late", [rows.label])
    data = hr.Dataset.from_arrow(table, label="late", split={"train": 8, "eval": 2})
    graph = hr.transform(lambda x: {"x0": x.x0, "x1": x.x1}, data)
    model = hr.train(hr.XGBoost(n_estimators=5), graph, data, workers=2)
    assert model.signature.num_rows > 300 and "history.json" in model.native_files
    assert hr.evaluate(model, data, metrics=["roc_auc"])["roc_auc"].value > 0.8
