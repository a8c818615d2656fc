"""Evaluation: how good a model is, overall and on every slice, and whether that is good enough."""

from headrace.evaluation._contract import Metric, MetricResult, SumMetric, make_metrics, member_name, ratio

__all__ = ["Metric", "MetricResult", "SumMetric", "make_metrics", "member_name", "ratio"]
