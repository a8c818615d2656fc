"""f1_samples: scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from headrace.evaluation.metrics.f1_samples import F1Samples
from headrace.testing.label_metric_cases import LabelMetricCases


class TestF1Samples(LabelMetricCases):
    """The conformance suite against scikit-learn."""

    @pytest.fixture
    def metric(self):
        """As it is by default."""
        return F1Samples()

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        return f1_score(label, prediction >= 0.5, average="samples", zero_division=0, sample_weight=weight)


def test_by_hand():
    """One of two and two; one of one and two; the row with neither gives nothing."""
    label = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    prediction = np.array([[0.9, 0.8, 0.3], [0.2, 0.6, 0.6], [0.1, 0.2, 0.3]])
    found = TestF1Samples.value(F1Samples(), label, prediction)
    np.testing.assert_allclose(found, [(2 / 4 + 2 / 3 + 0) / 3], atol=1e-9)
