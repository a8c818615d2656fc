"""Training: features and labels in, a model out; what a trainer must keep to be one."""

from headrace.training._contract import FeatureColumn, Features, Group, Journal, Predictor, Trainer
from headrace.training._train import assemble, train
from headrace.training.space import Choice, Domain, Float, Int, Space

__all__ = [
    "Choice",
    "Domain",
    "FeatureColumn",
    "Features",
    "Float",
    "Group",
    "Int",
    "Journal",
    "Predictor",
    "Space",
    "Trainer",
    "assemble",
    "train",
]
