"""ClassSums: Sums of what a metric says of several classes."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from headrace.fold import ClassSums
from headrace.testing.fold_laws import FoldLaws
from tests.fold.class_rows import class_rows, make_rows


class TestLaws(FoldLaws):
    """The laws, with and without replicates."""

    folds: ClassVar = [
        ClassSums("brier", num_classes=3),
        ClassSums("top_k_accuracy", {"k": 2}, num_classes=3),
        ClassSums("log_loss", num_classes=3, replicates=2),
    ]
    rows = class_rows()


def test_by_hand():
    """Mean squared distance from the right corner; a label that is no class is far from all."""
    fold = ClassSums("brier", num_classes=3)
    rows = make_rows([0, 2, 3], [[1, 0, 0], [0.5, 0.5, 0], [1, 0, 0]], [1.0, 1.0, 2.0])
    result = fold.extract(fold.add(fold.create(1), rows, None))
    np.testing.assert_allclose(result.means[0], [(0.0 + 1.5 + 2 * 2.0) / 4.0], atol=1e-12)
