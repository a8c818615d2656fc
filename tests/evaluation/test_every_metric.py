"""Every metric that can be found by name keeps the contract."""

from __future__ import annotations

from headrace.testing.metric_cases import MetricCases


class TestEveryMetric(MetricCases):
    """The conformance suite over all metrics."""
