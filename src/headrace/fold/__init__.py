"""Fold: what we know about rows, as one accumulator over Arrow batches."""

from headrace.fold._contract import ROW_ID, Fold, Groups, Rows, State, decode, encode, grow
from headrace.fold.by_key import ByKey, ByKeyResult, part_of
from headrace.fold.class_curves import ClassCurves, ClassCurvesResult
from headrace.fold.class_sums import ClassSums
from headrace.fold.class_totals import ClassTotals, ClassTotalsResult
from headrace.fold.counts import Counts, CountsResult, SpilledCountsResult
from headrace.fold.distribution import Distribution
from headrace.fold.distribution_result import DistributionResult, ErrorBound, GroupDistribution
from headrace.fold.error_curve import ErrorCurve
from headrace.fold.exponent_accumulator import Moments, MomentsResult
from headrace.fold.hyperloglog import DistinctCount, DistinctResult
from headrace.fold.label_sums import LabelSums, LabelTotals, LabelTotalsResult
from headrace.fold.lifting import SimpleFold, lift
from headrace.fold.ordered_grid import Quantiles
from headrace.fold.row_copies import CopiesResult, RowCopies
from headrace.fold.sample import Sample, SampleResult
from headrace.fold.score_curve import ScoreCurve, ScoreCurveResult
from headrace.fold.sums import Sums, SumsResult
from headrace.fold.token_counts import TokenCounts, TokenCountsResult
from headrace.fold.totals import Totals, TotalsResult

__all__ = [
    "ROW_ID",
    "ByKey",
    "ByKeyResult",
    "ClassCurves",
    "ClassCurvesResult",
    "ClassSums",
    "ClassTotals",
    "ClassTotalsResult",
    "CopiesResult",
    "Counts",
    "CountsResult",
    "DistinctCount",
    "DistinctResult",
    "Distribution",
    "DistributionResult",
    "ErrorBound",
    "ErrorCurve",
    "Fold",
    "GroupDistribution",
    "Groups",
    "LabelSums",
    "LabelTotals",
    "LabelTotalsResult",
    "Moments",
    "MomentsResult",
    "Quantiles",
    "RowCopies",
    "Rows",
    "Sample",
    "SpilledCountsResult",
    "SampleResult",
    "ScoreCurve",
    "ScoreCurveResult",
    "SimpleFold",
    "State",
    "Sums",
    "SumsResult",
    "TokenCounts",
    "TokenCountsResult",
    "Totals",
    "TotalsResult",
    "decode",
    "encode",
    "grow",
    "lift",
    "part_of",
]
