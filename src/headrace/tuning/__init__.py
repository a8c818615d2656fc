"""Tuning: a study of trials, each a trainer with other values, and the searchers that say what to try next."""

from headrace.tuning._contract import Past, PastState, Searcher, draw, generator
from headrace.tuning._tune import tune
from headrace.tuning._tuning import Trial, Tuning
from headrace.tuning.stopping import Asha, Median, Stopping
from headrace.tuning.studies import Study

__all__ = [
    "Asha",
    "Median",
    "Past",
    "PastState",
    "Searcher",
    "Stopping",
    "Study",
    "Trial",
    "Tuning",
    "draw",
    "generator",
    "tune",
]
