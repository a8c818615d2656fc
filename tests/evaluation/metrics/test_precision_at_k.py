"""precision_at_k: the mean over all orders of ties."""

from itertools import permutations

import numpy as np
import pytest

from headrace.errors import InvalidInput
from headrace.evaluation.metrics.precision_at_k import PrecisionAtK
from headrace.testing.query_metric_cases import QueryMetricCases


class TestPrecisionAtK(QueryMetricCases):
    """The conformance suite against the mean over all orders of ties."""

    @pytest.fixture
    def metric(self):
        """Two places."""
        return PrecisionAtK(k=2)

    def of_query(self, label, score):
        """All relevant rows by their chance to be among the first two."""
        chance = [np.clip(2 - np.sum(score > one), 0, np.sum(score == one)) / np.sum(score == one) for one in score]
        return np.sum((label > 0) * chance) / 2


def test_a_k_that_is_none_is_refused():
    """From 1 on, whole."""
    for k in (0, -1, 1.5, True, "3"):
        with pytest.raises(InvalidInput, match="whole number from 1 on"):
            PrecisionAtK(k=k)


def test_ties_are_the_mean_of_all_orders():
    """Three rows of one score in every order: the mean of what a list would get."""
    label, score, query = np.array([1.0, 0.0, 0.0]), np.zeros(3), np.zeros(3, np.uint64)
    every = [np.mean([label[place] > 0 for place in order[:2]]) for order in permutations(range(3))]
    assert QueryMetricCases.value(PrecisionAtK(k=2), label, score, query) == pytest.approx(np.mean(every))
