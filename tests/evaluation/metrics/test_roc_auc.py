"""roc_auc: exactly scikit-learn's, ties counting half."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from headrace.evaluation.metrics.roc_auc import RocAuc
from headrace.testing.metric_cases import MetricCases


class TestRocAuc(MetricCases):
    """The conformance suite against scikit-learn."""

    @pytest.fixture
    def metric(self):
        """Roc_auc has no parameters."""
        return RocAuc()

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        return roc_auc_score(label, prediction, sample_weight=weight)


@pytest.mark.parametrize(
    ("label", "prediction", "expected"),
    [
        ([0, 1], [0.1, 0.9], 1.0),
        ([0, 1], [0.9, 0.1], 0.0),
        ([0, 1], [0.5, 0.5], 0.5),
        ([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], 0.75),
        ([0, 1, 1], [-math.inf, -math.inf, math.inf], 0.75),
        ([1, 1], [0.1, 0.9], math.nan),
        ([0], [0.1], math.nan),
    ],
)
def test_by_hand(label, prediction, expected):
    """Small cases counted by hand: pairs ranked rightly among all pairs; one class has none."""
    found = TestRocAuc.value(RocAuc(), np.array(label, np.float64), np.array(prediction))[0]
    assert found == expected or (math.isnan(found) and math.isnan(expected))


def test_only_the_order_of_scores_counts():
    """A monotone map of the scores changes nothing."""
    label, prediction, _ = TestRocAuc.rows()
    assert TestRocAuc.same(
        TestRocAuc.value(RocAuc(), label, prediction), TestRocAuc.value(RocAuc(), label, np.exp(prediction * 5) - 9)
    )


def test_equals_the_count_of_pairs():
    """The definition, by brute force over all pairs of a positive and a negative row."""
    label, prediction, _ = TestRocAuc.rows(200, 4)
    positive, negative = prediction[label == 1], prediction[label == 0]
    difference = positive[:, None] - negative[None, :]
    expected = ((difference > 0) + 0.5 * (difference == 0)).mean()
    assert TestRocAuc.value(RocAuc(), label, prediction)[0] == pytest.approx(expected, rel=1e-14)
