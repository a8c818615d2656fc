"""recall_at_k: the mean over all orders of ties."""

import numpy as np
import pytest

from headrace.errors import InvalidInput
from headrace.evaluation.metrics.recall_at_k import RecallAtK
from headrace.testing.query_metric_cases import QueryMetricCases


class TestRecallAtK(QueryMetricCases):
    """The conformance suite against the mean over all orders of ties."""

    @pytest.fixture
    def metric(self):
        """Two places."""
        return RecallAtK(k=2)

    def of_query(self, label, score):
        """All relevant rows by their chance to be among the first two."""
        chance = [np.clip(2 - np.sum(score > one), 0, np.sum(score == one)) / np.sum(score == one) for one in score]
        return np.sum((label > 0) * chance) / max(1, np.sum(label > 0))


def test_a_k_that_is_none_is_refused():
    """From 1 on, whole."""
    for k in (0, -1, 1.5, True, "3"):
        with pytest.raises(InvalidInput, match="whole number from 1 on"):
            RecallAtK(k=k)
