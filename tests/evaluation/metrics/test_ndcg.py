"""ndcg: scikit-learn's."""

import pytest
from sklearn.metrics import ndcg_score

from headrace.errors import InvalidInput
from headrace.evaluation.metrics.ndcg import Ndcg
from headrace.testing.query_metric_cases import QueryMetricCases


class TestNdcg(QueryMetricCases):
    """The conformance suite against scikit-learn's."""

    @pytest.fixture
    def metric(self):
        """Some places count."""
        return Ndcg(k=4)

    def of_query(self, label, score):
        """A list of one row is right where it is relevant."""
        if len(label) == 1:
            return float(label[0] > 0)
        return ndcg_score([label], [score], k=4)


def test_a_k_that_is_none_is_refused():
    """From 1 on, whole."""
    for k in (0, -1, 1.5, True, "3"):
        with pytest.raises(InvalidInput, match="whole number from 1 on"):
            Ndcg(k=k)
