"""Evaluation: how good a model is, overall and on every slice, and whether that is good enough."""

from headrace.evaluation._best_threshold import BestThreshold
from headrace.evaluation._classes import (
    ClassDecisions,
    ClassMetric,
    class_f1,
    class_precision,
    class_recall,
    is_met,
)
from headrace.evaluation._comparing import Comparison
from headrace.evaluation._contract import (
    Metric,
    MetricResult,
    SumMetric,
    fold_of,
    make_metrics,
    member_name,
    ratio,
)
from headrace.evaluation._curve import CurveMetric, by_class
from headrace.evaluation._evaluate import evaluate, evaluate_predictions
from headrace.evaluation._evaluation import Evaluation
from headrace.evaluation._gate import gate
from headrace.evaluation._labels import LabelMetric, LabelThresholdMetric
from headrace.evaluation._limits import Limits
from headrace.evaluation._one_class import OneClassMetric
from headrace.evaluation._ranked import Ranked
from headrace.evaluation._results import Results, SliceResults
from headrace.evaluation._threshold import Confusion, ThresholdMetric
from headrace.evaluation._weak_slices import WeakSlice, WeakSlices

__all__ = [
    "BestThreshold",
    "ClassDecisions",
    "ClassMetric",
    "Comparison",
    "Confusion",
    "CurveMetric",
    "Evaluation",
    "LabelMetric",
    "LabelThresholdMetric",
    "Limits",
    "Metric",
    "MetricResult",
    "OneClassMetric",
    "Ranked",
    "Results",
    "SliceResults",
    "SumMetric",
    "ThresholdMetric",
    "WeakSlice",
    "WeakSlices",
    "by_class",
    "class_f1",
    "class_precision",
    "class_recall",
    "evaluate",
    "evaluate_predictions",
    "fold_of",
    "gate",
    "is_met",
    "make_metrics",
    "member_name",
    "ratio",
]
