"""precision_samples: scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import precision_score

from headrace.evaluation.metrics.precision_samples import PrecisionSamples
from headrace.testing.label_metric_cases import LabelMetricCases


class TestPrecisionSamples(LabelMetricCases):
    """The conformance suite against scikit-learn."""

    @pytest.fixture
    def metric(self):
        """As it is by default."""
        return PrecisionSamples()

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        return precision_score(label, prediction >= 0.5, average="samples", zero_division=0, sample_weight=weight)


def test_by_hand():
    """One of the two called, twice; nothing is called of the third."""
    label = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    prediction = np.array([[0.9, 0.8, 0.3], [0.2, 0.6, 0.6], [0.1, 0.2, 0.3]])
    found = TestPrecisionSamples.value(PrecisionSamples(), label, prediction)
    np.testing.assert_allclose(found, [(1 / 2 + 1 / 2 + 0) / 3], atol=1e-9)
