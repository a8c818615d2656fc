"""mean_absolute_percentage_error: scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_percentage_error

from headrace.evaluation.metrics.mean_absolute_percentage_error import MeanAbsolutePercentageError
from headrace.testing.metric_cases import MetricCases


class TestMeanAbsolutePercentageError(MetricCases):
    """The conformance suite against scikit-learn."""

    @pytest.fixture
    def metric(self):
        """As it comes."""
        return MeanAbsolutePercentageError()

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        if (label == 0.0).any():
            return np.nan
        return mean_absolute_percentage_error(label, prediction, sample_weight=weight)


@pytest.mark.parametrize(
    ("label", "prediction", "expected"),
    [
        ([2.0, -4.0], [3.0, -4.0], 0.25),
        ([0.0, 1.0], [1.0, 1.0], np.nan),
    ],
)
def test_by_hand(label, prediction, expected):
    """A label of 0 has no percentage."""
    found = TestMeanAbsolutePercentageError.value(
        MeanAbsolutePercentageError(), np.array(label, np.float64), np.array(prediction)
    )
    np.testing.assert_allclose(found, [expected], atol=1e-12)


def test_is_scikit_learns_away_from_zero():
    """Amounts of either sign, with and without weights."""
    generator = np.random.default_rng(0)
    label = generator.uniform(0.5, 9.0, 200) * generator.choice([-1.0, 1.0], 200)
    prediction, weight = label + generator.standard_normal(200), generator.integers(0, 3, 200).astype(float)
    for weights in (None, weight):
        found = TestMeanAbsolutePercentageError.value(MeanAbsolutePercentageError(), label, prediction, weights)
        expected = mean_absolute_percentage_error(label, prediction, sample_weight=weights)
        np.testing.assert_allclose(found, [expected], rtol=1e-10)
