"""ClassCurves: score curves of each class against the rest, and of each pair."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from headrace.evaluation.metrics.roc_auc import RocAuc
from headrace.fold import ClassCurves, score_curve
from headrace.testing.fold_laws import FoldLaws
from tests.fold.class_rows import class_rows, make_rows

FOLDS = [ClassCurves(num_classes=3), ClassCurves(num_classes=3, is_paired=True)]


class TestLaws(FoldLaws):
    """The laws, on labels that are classes, none, and wrong, and on any numbers."""

    folds: ClassVar = FOLDS
    rows = class_rows()


@pytest.fixture
def eager(monkeypatch):
    """Sort rows in as soon as two wait."""
    monkeypatch.setattr(score_curve, "_WAITING_ROWS", 1)


@pytest.mark.usefixtures("eager")
class TestEagerLaws(FoldLaws):
    """The laws where runs are sorted in after every batch."""

    folds: ClassVar = FOLDS
    rows = class_rows()


def test_each_curve_is_the_one_of_its_rows():
    """Area by area as scikit-learn computes it from the rows of the curve; rows of no class are all classes' rest."""
    generator = np.random.default_rng(0)
    label = generator.integers(0, 4, 200)
    shares = np.round(generator.dirichlet(np.ones(3), 200), 2)
    rows = make_rows(label.tolist(), shares.tolist())
    for fold in FOLDS:
        found = fold.extract(fold.add(fold.create(1), rows, None))
        areas = RocAuc().value(found.curves)
        assert found.labelled[0].tolist() == np.bincount(label, minlength=4)[:3].tolist()
        for first in range(3):
            if not fold.is_paired:
                assert areas[first] == pytest.approx(roc_auc_score(label == first, shares[:, first]), abs=1e-12)
                continue
            for second in set(range(3)) - {first}:
                both = (label == first) | (label == second)
                expected = roc_auc_score(label[both] == first, shares[both, first])
                assert areas[first * 3 + second] == pytest.approx(expected, abs=1e-12)
