"""Tuning: a study of trials, each a trainer with other values, and the searchers that say what to try next."""

from headrace.tuning._contract import Past, PastState, Searcher, generator

__all__ = ["Past", "PastState", "Searcher", "generator"]
