"""Fold: what we know about rows, as one accumulator over Arrow batches."""

from headrace.fold._contract import ROW_ID, Fold, Groups, Rows, State, decode, encode, grow
from headrace.fold.counts import Counts, CountsResult
from headrace.fold.distribution import Distribution
from headrace.fold.distribution_result import DistributionResult, ErrorBound, GroupDistribution
from headrace.fold.score_curve import ScoreCurve, ScoreCurveResult
from headrace.fold.sums import Sums, SumsResult

__all__ = [
    "ROW_ID",
    "Counts",
    "CountsResult",
    "Distribution",
    "DistributionResult",
    "ErrorBound",
    "Fold",
    "GroupDistribution",
    "Groups",
    "Rows",
    "ScoreCurve",
    "ScoreCurveResult",
    "State",
    "Sums",
    "SumsResult",
    "decode",
    "encode",
    "grow",
]
