"""Statistics: what a data set looks like, feature by feature, split by split, slice by slice."""

from headrace.statistics._slices import SliceStatistics
from headrace.statistics._statistics import Statistics
from headrace.statistics.analysis import analyze
from headrace.statistics.feature_statistics import FeatureStatistics

__all__ = ["FeatureStatistics", "SliceStatistics", "Statistics", "analyze"]
