"""mean_average_precision: scikit-learn's."""

import pytest
from sklearn.metrics import average_precision_score

from headrace.evaluation.metrics.mean_average_precision import MeanAveragePrecision
from headrace.testing.query_metric_cases import QueryMetricCases


class TestMeanAveragePrecision(QueryMetricCases):
    """The conformance suite against scikit-learn's."""

    @pytest.fixture
    def metric(self):
        """As it is."""
        return MeanAveragePrecision()

    def of_query(self, label, score):
        """Query by query."""
        return average_precision_score(label > 0, score) if label.any() else 0.0
