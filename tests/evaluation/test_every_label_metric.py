"""Every metric that judges sets of labels, found by name, keeps the contract."""

from __future__ import annotations

from headrace.testing.label_metric_cases import LabelMetricCases


class TestEveryLabelMetric(LabelMetricCases):
    """The conformance suite over all of them."""
