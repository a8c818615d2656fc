"""ClassTotals: exact weights by class."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from headrace.errors import InvalidInput
from headrace.fold import ClassTotals
from headrace.testing.fold_laws import FoldLaws
from tests.fold.class_rows import class_rows, make_rows


class TestLaws(FoldLaws):
    """The laws, on labels that are classes, none, and wrong, and on any numbers."""

    folds: ClassVar = [ClassTotals(num_classes=3)]
    rows = class_rows()


def totals(*arguments):
    """The result of one batch."""
    fold = ClassTotals(num_classes=3)
    return fold.extract(fold.add(fold.create(1), make_rows(*arguments), None))


def test_by_hand():
    """Of equal probabilities the first; a label that is no class is called something all the same."""
    found = totals([0, 1, 1, 3, None], [[0.4, 0.4, 0.2], [0, 1, 0], [1, 0, 0], [0, 0, 1], [1, 0, 0]], [1, 2, 0.5, 4, 9])
    assert found.labelled[0].tolist() == [1.0, 2.5, 0.0, 4.0]
    assert found.called[0].tolist() == [1.5, 2.0, 4.0, 0.0]
    assert found.right[0].tolist() == [1.0, 2.0, 0.0, 0.0]
    assert found.weight.tolist() == [7.5] and found.num_rows.tolist() == [4]


def test_what_cannot_be_counted_makes_all_nan():
    """Another label, a missing probability, a weight that is none."""
    for row in (([0.5], [[1, 0, 0]]), ([0], [[1, 0, None]]), ([0], [[1, 0, 0]], [-1.0]), ([4], [[1, 0, 0]])):
        found = totals(*row)
        assert found.num_invalid.tolist() == [1] and np.isnan(found.labelled).all()


def test_predictions_of_another_width_are_refused():
    """Four numbers are no prediction of three classes."""
    with pytest.raises(InvalidInput, match="a list of 3 numbers"):
        totals([0], [[1, 0, 0, 0]])
