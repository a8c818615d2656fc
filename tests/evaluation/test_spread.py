"""How far metrics may be off, against DeLong's formula pair by pair, textbook errors, and drawing again."""

from __future__ import annotations

import numpy as np
import pytest

from headrace import lookup
from headrace.evaluation import Metric, make_metrics
from headrace.evaluation._judged import Judged
from headrace.evaluation._spread import spread_of
from headrace.evaluation.metrics.roc_auc import RocAuc
from headrace.fold import Rows
from headrace.testing.class_metric_cases import CLASS_METRICS

NUM_ROWS = 400


@pytest.fixture
def drawn():
    """Labels, two models' predictions with ties, weights, and the group of each row."""
    generator = np.random.default_rng(7)
    label = (generator.random(NUM_ROWS) < 0.4).astype(float)
    first = np.round(np.clip(0.3 + 0.3 * label + 0.2 * generator.standard_normal(NUM_ROWS), 0.01, 0.99), 2)
    second = np.round(np.clip(first + 0.1 * generator.standard_normal(NUM_ROWS), 0.01, 0.99), 2)
    weight = generator.integers(0, 4, NUM_ROWS) / 2.0
    return label, (first, second), weight, (np.arange(NUM_ROWS) % 3).astype(np.int32)


def spread(metric, label, predictions, groups, weight=None, row_id=None):
    """The spread, the results read as evaluation reads them."""
    judged = Judged(label, tuple(predictions), weight, row_id)
    fold, results = metric.needs("label", "prediction"), []
    for index in range(len(predictions)):
        state = fold.add(fold.create(int(groups.max()) + 1), Rows(judged.batch(index), None, weight), groups)
        results.append(fold.extract(state))
    return spread_of(metric, judged, groups, results)


def delong(label, first, second):
    """Variances and covariance of two areas, pair by pair."""
    placed = []
    for scores in (first, second):
        of_positive, of_negative = scores[label == 1.0], scores[label == 0.0]
        wins = (of_positive[:, None] > of_negative) + 0.5 * (of_positive[:, None] == of_negative)
        placed.append((wins.mean(axis=1), wins.mean(axis=0)))
    parts = [np.cov(*(one[side] for one in placed)) / len(placed[0][side]) for side in (0, 1)]
    return parts[0] + parts[1]


def test_the_area_has_delongs_error(drawn):
    """In every group, with ties; the correction for one class is that of both, 1/n apart."""
    label, predictions, _, groups = drawn
    found = spread(RocAuc(), label, predictions, groups)
    for group in range(3):
        rows = groups == group
        expected = delong(label[rows], *(one[rows] for one in predictions))
        assert found.std_error[0][group] ** 2 == pytest.approx(expected[0, 0], rel=0.02)
        assert found.std_error[1][group] ** 2 == pytest.approx(expected[1, 1], rel=0.02)
        assert found.covariance[1][group] == pytest.approx(expected[0, 1], rel=0.03)
        assert found.support[0][group] == min(label[rows].sum(), (1 - label[rows]).sum())


def test_one_row_of_a_class_cannot_say():
    """What rests on a single positive row has no known error: a rule on it is not sure, however many rows there are."""
    label = np.array([1.0, *np.zeros(50)])
    scores = np.array([0.7, *np.linspace(0.0, 1.0, 50)])
    for name in ("roc_auc", "average_precision", "kolmogorov_smirnov"):
        (metric,) = make_metrics([name])
        assert np.isnan(spread(metric, label, (scores,), np.zeros(51, np.int32)).std_error[0]).all()


def test_means_and_ratios_have_the_textbooks_error(drawn):
    """A mean's error is s / sqrt(n); a share's of some rows is that of those rows; a root's follows from the mean's."""
    label, predictions, _, groups = drawn
    scores = predictions[0]
    brier, precision, root = make_metrics(["brier", "precision", "root_mean_squared_error"])
    for group in range(3):
        y, p = label[groups == group], scores[groups == group]
        squares = (y - p) ** 2
        mean_error = squares.std(ddof=1) / np.sqrt(len(y))
        assert spread(brier, label, predictions, groups).std_error[0][group] == pytest.approx(mean_error, rel=1e-6)
        called = p >= 0.5
        rows = called.sum()
        share = (y[called].sum() + 1.0) / (rows + 2.0)  # one row more on either side
        expected = np.sqrt(share * (1 - share) / rows)
        found = spread(precision, label, predictions, groups)
        assert found.std_error[0][group] == pytest.approx(expected, rel=1.0 / len(y))
        assert found.support[0][group] == rows
        of_root = mean_error / (2.0 * np.sqrt(squares.mean()))
        assert spread(root, label, predictions, groups).std_error[0][group] == pytest.approx(of_root, rel=1e-5)


@pytest.mark.parametrize("name", [name for name in lookup.names("metric") if lookup.find("metric", name).has_numbers])
def test_drawing_again_says_the_same(drawn, name, monkeypatch):
    """Without its influence a metric is drawn 200 times: the same errors and covariances, as far as 200 can tell."""
    if name in ("mean_absolute_percentage_error", "expected_calibration_error", "max_error", "median_absolute_error"):
        pytest.skip(
            "no percentage of a label of 0; no smooth functions of the rows are bins' errors, maximum and median"
        )
    label, predictions, weight, groups = drawn
    (metric,) = make_metrics([name])
    for given in (None, weight):
        told = spread(metric, label, predictions, groups, given)
        with monkeypatch.context() as patched:
            patched.setattr(type(metric), "influence", Metric.influence)
            again = spread(metric, label, predictions, groups, given)
        for one, other in zip((*told.std_error, *told.covariance), (*again.std_error, *again.covariance), strict=True):
            np.testing.assert_allclose(other, one, rtol=0.45)


def test_weights_have_no_unit(drawn):
    """Weights twice as large change nothing; a row of weight 0 is no row."""
    label, predictions, weight, groups = drawn
    for metric in make_metrics(["roc_auc", "brier", "recall"]):
        one, two = (spread(metric, label, predictions, groups, given) for given in (weight, 2.0 * weight))
        np.testing.assert_allclose(one.std_error[0], two.std_error[0], rtol=1e-6)
        np.testing.assert_allclose(one.support[0], two.support[0], rtol=1e-12)


def test_rows_of_one_id_are_one_witness(drawn):
    """Every row twice under its id is no surer than once; under ids of their own they would be."""
    label, predictions, _, groups = drawn
    ids = np.arange(NUM_ROWS, dtype=np.uint64)
    twice = [np.repeat(one, 2) for one in (label, *predictions)]
    for metric in make_metrics(["roc_auc", "brier"]):
        once = spread(metric, label, predictions, groups, row_id=ids)
        same = spread(metric, twice[0], twice[1:], np.repeat(groups, 2), row_id=np.repeat(ids, 2))
        free = spread(metric, twice[0], twice[1:], np.repeat(groups, 2))
        np.testing.assert_allclose(same.std_error[0], once.std_error[0], rtol=0.01)
        np.testing.assert_allclose(free.std_error[0], once.std_error[0] / np.sqrt(2.0), rtol=0.01)


def test_edges():
    """One row, one class, no rows that count: no number, and no exception."""
    one = np.array([1.0])
    for metric in make_metrics(["roc_auc", "brier", "precision", "root_mean_squared_error"]):
        found = spread(metric, one, (one, one), np.zeros(1, np.int32))
        assert np.isnan(found.std_error[0]).all()
        spread(metric, np.ones(5), (np.full(5, np.nan),), np.zeros(5, np.int32))
        perfect = spread(metric, np.ones(5), (np.ones(5),), np.zeros(5, np.int32)).std_error[0]
        if metric.name == "precision":  # five right of five are not surely right for ever
            assert 0.1 < perfect[0] < 0.5
        else:
            assert np.isnan(perfect[0]) or perfect[0] == pytest.approx(0.0, abs=1e-6)


def test_a_handful_of_rows_of_a_class_is_not_sure():
    """Five right of five: the interval of what they decide has a width, also of the difference from another model."""
    label = np.array([1.0] * 5 + [0.0] * 500)
    one = np.where(label == 1.0, 0.9, 0.1)
    other = np.where(label == 1.0, 0.8, 0.1)  # decides the same, by other predictions
    for name in ("balanced_accuracy", "f1", "recall", "matthews_corrcoef"):
        (metric,) = make_metrics([name])
        groups = np.zeros(len(label), np.int32)
        found = spread(metric, label, (one, other, one), groups)
        assert found.std_error[0][0] > 0.05
        apart = found.std_error[0] ** 2 + found.std_error[1] ** 2 - 2.0 * found.covariance[1]
        assert apart[0] > 0.005
        same = found.std_error[0] ** 2 + found.std_error[2] ** 2 - 2.0 * found.covariance[2]
        assert same[0] == pytest.approx(0.0, abs=1e-9)  # the same predictions: nothing is left to chance


def test_freedom_is_that_of_the_rows_that_count():
    """All rows where their terms are normal, few where few rows move the metric."""
    generator = np.random.default_rng(0)
    label = generator.standard_normal(4000)
    (metric,) = make_metrics(["mean_bias"])
    even = spread(metric, np.zeros(4000), (label,), np.zeros(4000, np.int32))
    assert even.freedom[0][0] == pytest.approx(4000, rel=0.1)
    few = spread(metric, np.zeros(4000), (np.where(np.arange(4000) < 8, label, 0.0) * 100,), np.zeros(4000, np.int32))
    assert 2.0 < few.freedom[0][0] < 20.0


@pytest.mark.parametrize("name", CLASS_METRICS)
def test_drawing_again_says_the_same_of_classes(name, monkeypatch):
    """The same of metrics of several classes, with a label that is no class among the rows."""
    generator = np.random.default_rng(11)
    label = generator.integers(0, 4, NUM_ROWS)
    powers = [np.exp(generator.normal(size=(NUM_ROWS, 3)) + 1.5 * np.eye(4)[label, :3]) for _ in range(2)]
    predictions = [one / one.sum(axis=1, keepdims=True) for one in powers]
    groups = (np.arange(NUM_ROWS) % 2).astype(np.int32)
    weight = generator.integers(1, 4, NUM_ROWS) / 2.0
    metric = make_metrics([name], num_classes=3)[0]
    judged = Judged(label.astype(np.float64), tuple(predictions), weight, None)
    fold = metric.needs_classes("label", "prediction", 3)
    results = [
        fold.extract(fold.add(fold.create(2), Rows(judged.batch(index), None, weight), groups)) for index in range(2)
    ]
    told = spread_of(metric, judged, groups, results)
    with monkeypatch.context() as patched:
        patched.setattr(type(metric), "influence", Metric.influence)
        again = spread_of(metric, judged, groups, results)
    for one, other in zip((*told.std_error, told.covariance[0]), (*again.std_error, again.covariance[0]), strict=True):
        np.testing.assert_allclose(other, one, rtol=0.45)
