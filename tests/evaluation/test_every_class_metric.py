"""Every metric that judges several classes, found by name, keeps the contract."""

from __future__ import annotations

from headrace.testing.class_metric_cases import ClassMetricCases


class TestEveryClassMetric(ClassMetricCases):
    """The conformance suite over all of them."""
