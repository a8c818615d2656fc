"""ErrorCurve: ScoreCurve of distances."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pyarrow as pa

from headrace.fold import ErrorCurve, Rows
from headrace.testing import strategies
from headrace.testing.fold_laws import FoldLaws


class TestLaws(FoldLaws):
    """The laws, on any two numbers."""

    folds: ClassVar = [ErrorCurve()]
    rows = strategies.rows({"label": "number", "prediction": "number"})


def test_by_hand():
    """Weights add up by distance; one that is infinite cannot be used."""
    columns = {"label": [1.0, 2.0, 3.0, 4.0], "prediction": [2.0, 1.0, 3.0, np.inf]}
    rows = Rows(pa.RecordBatch.from_pydict(columns), None, np.array([1.0, 0.5, 2.0, 1.0]))
    fold = ErrorCurve()
    found = fold.extract(fold.add(fold.create(1), rows, None))
    assert found.score.tolist() == [0.0, 1.0] and found.run_positive.tolist() == [2.0, 1.5]
    assert found.num_invalid.tolist() == [1] and np.isnan(found.weight).all()
