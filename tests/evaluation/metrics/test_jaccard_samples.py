"""jaccard_samples: scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import jaccard_score

from headrace.evaluation.metrics.jaccard_samples import JaccardSamples
from headrace.testing.label_metric_cases import LabelMetricCases


class TestJaccardSamples(LabelMetricCases):
    """The conformance suite against scikit-learn."""

    @pytest.fixture
    def metric(self):
        """As it is by default."""
        return JaccardSamples()

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        return jaccard_score(label, prediction >= 0.5, average="samples", zero_division=0, sample_weight=weight)


def test_by_hand():
    """One of three in either set, one of two, none."""
    label = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    prediction = np.array([[0.9, 0.8, 0.3], [0.2, 0.6, 0.6], [0.1, 0.2, 0.3]])
    found = TestJaccardSamples.value(JaccardSamples(), label, prediction)
    np.testing.assert_allclose(found, [(1 / 3 + 1 / 2 + 0) / 3], atol=1e-9)
