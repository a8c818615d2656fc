"""LabelSums and LabelTotals: rows that have a set of labels."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pyarrow as pa

from headrace.fold import LabelSums, LabelTotals, Rows
from headrace.testing import strategies
from headrace.testing.fold_laws import FoldLaws


def _as_sets(rows):
    columns = [rows.batch.column(name).to_pylist() for name in ("x", "y", "a", "b")]
    sets = [
        None if x is None else [float(abs(x) % 3), float(abs(y or 0) % 2)] for x, y, _, _ in zip(*columns, strict=True)
    ]
    lists = [None if a is None else [a, b] for _, _, a, b in zip(*columns, strict=True)]
    kind = pa.list_(pa.float64(), 2)
    batch = pa.RecordBatch.from_arrays([pa.array(sets, kind), pa.array(lists, kind)], ["label", "prediction"])
    return Rows(batch, rows.row_id, rows.weight)


class TestLaws(FoldLaws):
    """The laws, on labels of 0, 1 and, which is none, 2, and any predictions, nulls and NaN among them."""

    folds: ClassVar = [
        LabelSums("hamming_loss", num_classes=2),
        LabelSums("f1_samples", num_classes=2, replicates=2),
        LabelTotals(num_classes=2),
        LabelTotals(num_classes=2, threshold=0.0),
    ]
    rows = strategies.rows({"x": "integer", "y": "integer", "a": "number", "b": "number"}).map(_as_sets)


def test_by_hand():
    """Two rows, of which the second has no label and counts twice."""
    kind = pa.list_(pa.float64(), 2)
    columns = [pa.array([[1.0, 1.0], [0.0, 0.0]], kind), pa.array([[0.9, 0.5], [0.7, 0.2]], kind)]
    rows = Rows(pa.RecordBatch.from_arrays(columns, ["label", "prediction"]), None, np.array([1.0, 2.0]))
    fold = LabelTotals(num_classes=2)
    found = fold.extract(fold.add(fold.create(1), rows, None))
    assert found.weight.tolist() == [3.0]
    assert [one[0].tolist() for one in (found.labelled, found.called, found.right)] == [[1, 1], [3, 1], [1, 1]]
