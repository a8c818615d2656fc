"""Counts: exact value -> count."""

from __future__ import annotations

from headrace.fold import Counts
from headrace.testing import strategies
from headrace.testing.fold_laws import FoldLaws


class TestIntegerLaws(FoldLaws):
    """The laws on integers."""

    folds = (Counts("x", "integer"),)
    rows = strategies.rows({"x": "integer"})


class TestNumberLaws(FoldLaws):
    """The laws on numbers."""

    folds = (Counts("x", "number"),)
    rows = strategies.rows({"x": "number"})


class TestTextLaws(FoldLaws):
    """The laws on text."""

    folds = (Counts("x", "text"),)
    rows = strategies.rows({"x": "text"})


class TestBooleanLaws(FoldLaws):
    """The laws on booleans."""

    folds = (Counts("x", "boolean"),)
    rows = strategies.rows({"x": "boolean"})


class TestTimestampLaws(FoldLaws):
    """The laws on timestamps."""

    folds = (Counts("x", "timestamp"),)
    rows = strategies.rows({"x": "timestamp"})
