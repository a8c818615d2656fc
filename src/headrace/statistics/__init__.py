"""Statistics: what a data set looks like, feature by feature, split by split, slice by slice."""

from headrace.statistics._slices import SliceStatistics
from headrace.statistics._statistics import Statistics
from headrace.statistics.analysis import analyze
from headrace.statistics.feature_statistics import FeatureStatistics
from headrace.statistics.relations import Relation, Relations

__all__ = ["FeatureStatistics", "Relation", "Relations", "SliceStatistics", "Statistics", "analyze"]
