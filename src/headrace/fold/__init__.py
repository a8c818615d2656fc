"""Fold: what we know about rows, as one accumulator over Arrow batches."""

from headrace.fold._contract import ROW_ID, Fold, Groups, Rows, State, decode, encode, grow
from headrace.fold.counts import Counts, CountsResult
from headrace.fold.distribution import Distribution
from headrace.fold.distribution_result import DistributionResult, GroupDistribution

__all__ = [
    "ROW_ID",
    "Counts",
    "CountsResult",
    "Distribution",
    "DistributionResult",
    "Fold",
    "GroupDistribution",
    "Groups",
    "Rows",
    "State",
    "decode",
    "encode",
    "grow",
]
