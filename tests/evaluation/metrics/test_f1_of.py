"""f1_of: scikit-learn's of one class, and of one label."""

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import f1_score

from headrace.errors import Misuse, UnknownName
from headrace.evaluation import evaluate_predictions, gate
from headrace.evaluation.metrics.f1_of import F1Of
from headrace.testing.class_metric_cases import ClassMetricCases
from headrace.testing.label_metric_cases import LabelMetricCases


class TestF1Of(ClassMetricCases):
    """The conformance suite against scikit-learn, of the third class."""

    @pytest.fixture
    def metric(self):
        """The third of four."""
        return F1Of(of=2)

    def oracle(self, label, prediction, weight):
        """scikit-learn's; NaN where there is nothing to share."""
        called = prediction.argmax(axis=1)
        found = f1_score(label, called, labels=[2], average=None, sample_weight=weight, zero_division=np.nan)
        return found[0]


class TestOfLabels(LabelMetricCases):
    """The same of a label that rows may have."""

    @pytest.fixture
    def metric(self):
        """The second of four."""
        return F1Of(of=1)

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        called = prediction[:, 1] >= 0.5
        return f1_score(label[:, 1], called, sample_weight=weight, zero_division=np.nan)


def test_a_class_by_its_name_in_a_rule():
    """Two of the kind, each with a name; one of its own name is found by the rule."""
    table = pa.table({"y": ["a", "a", "b"] * 40, "p": [[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]] * 40})
    metrics = [F1Of(of="a", name="of_a"), F1Of(of="b", name="of_b")]
    found = evaluate_predictions(table, label="y", prediction="p", classes=["a", "b"], metrics=metrics)
    assert found["of_a"].value == pytest.approx(2 / 3)
    assert gate(None, found, rules=["of_a >= 0.3", "of_b >= 0.3"]).ok
    assert found["of_a"].lower < found["of_a"].value


def test_a_class_that_is_none_is_an_error():
    """Told with those there are; and one that was not looked up cannot be judged."""
    table = pa.table({"y": ["a", "b"], "p": [[0.9, 0.1], [0.2, 0.8]]})
    with pytest.raises(UnknownName, match="'c'"):
        evaluate_predictions(table, label="y", prediction="p", classes=["a", "b"], metrics=[F1Of(of="c")])
    with pytest.raises(Misuse, match="not found yet"):
        F1Of(of="c").class_parts(np.ones((1, 2)), np.ones((1, 2)), np.ones((1, 2)))
