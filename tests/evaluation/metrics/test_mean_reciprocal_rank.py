"""mean_reciprocal_rank: its definition."""

import numpy as np
import pytest

from headrace.evaluation.metrics.mean_reciprocal_rank import MeanReciprocalRank
from headrace.testing.query_metric_cases import QueryMetricCases


class TestMeanReciprocalRank(QueryMetricCases):
    """The conformance suite against its definition."""

    @pytest.fixture
    def metric(self):
        """As it is."""
        return MeanReciprocalRank()

    def of_query(self, label, score):
        """The best score of a relevant row, and how many are as high."""
        if not label.any():
            return 0.0
        return 1.0 / np.sum(score >= score[label > 0].max())
