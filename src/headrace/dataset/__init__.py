"""Dataset: what rows exist, what their columns mean, and how they are read."""

from headrace.dataset._dataset import Dataset
from headrace.dataset.records import ALL, Fragment, Part, Roles, Span

__all__ = ["ALL", "Dataset", "Fragment", "Part", "Roles", "Span"]
