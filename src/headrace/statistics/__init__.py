"""Statistics: what a data set looks like, feature by feature, split by split, slice by slice."""

from headrace.statistics._contract import Evidence, Seen, Semantic, SemanticType
from headrace.statistics._slices import SliceStatistics
from headrace.statistics._statistics import Statistics
from headrace.statistics.analysis import analyze
from headrace.statistics.feature_statistics import FeatureStatistics
from headrace.statistics.outline import Outline
from headrace.statistics.relations import Relation, Relations
from headrace.statistics.weighted_statistics import WeightedStatistics

__all__ = [
    "Evidence",
    "FeatureStatistics",
    "Outline",
    "Relation",
    "Relations",
    "Seen",
    "Semantic",
    "SemanticType",
    "SliceStatistics",
    "Statistics",
    "WeightedStatistics",
    "analyze",
]
