"""Training: features and labels in, a model out; what a trainer must keep to be one."""

from headrace.training._contract import FeatureColumn, Features, Group, Journal, Predictor, Trainer
from headrace.training._train import assemble, train

__all__ = ["FeatureColumn", "Features", "Group", "Journal", "Predictor", "Trainer", "assemble", "train"]
