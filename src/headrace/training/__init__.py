"""Training: features and labels in, a model out; what a trainer must keep to be one."""

from headrace.training._contract import (
    Entry,
    FeatureColumn,
    Features,
    Group,
    Journal,
    Launcher,
    Predictor,
    Trainer,
    answers,
)
from headrace.training._train import assemble, train
from headrace.training.space import Choice, Domain, Float, Int, Space

__all__ = [
    "Choice",
    "Domain",
    "Entry",
    "FeatureColumn",
    "Features",
    "Float",
    "Group",
    "Int",
    "Journal",
    "Launcher",
    "Predictor",
    "Space",
    "Trainer",
    "answers",
    "assemble",
    "train",
]
