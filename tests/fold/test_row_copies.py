"""RowCopies: the share of rows that repeat another, exact for few distinct rows, within its bound for many."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from headrace.errors import InvalidInput, UnknownName
from headrace.fold import RowCopies, Rows
from headrace.testing import strategies
from headrace.testing.fold_laws import FoldLaws

_KINDS = {"x": "integer", "t": "text", "n": "null"}


class TestLaws(FoldLaws):
    """The laws, with the limit reached and not."""

    folds = (RowCopies(tuple(_KINDS), size=3), RowCopies(("t",)))
    rows = strategies.rows(_KINDS, max_rows=12)  # type: ignore[arg-type]


def share_of(table: pa.Table, **options: int) -> tuple[float, float]:
    """The share of rows that repeat another, and the bound of its error."""
    fold = RowCopies(tuple(table.column_names), **options)
    state = fold.create(1)
    for batch in table.to_batches(max_chunksize=1000):
        state = fold.add(state, Rows(batch), None)
    found = fold.extract(state)
    return float(found.share[0]), float(found.error_bound[0])


def test_few_rows_are_counted_exactly() -> None:
    """Nulls equal nulls, in plain and in dictionary encoding; one other value makes another row."""
    table = pa.table({"x": [1, 1, None, None, 2], "t": pa.array(["a", "a", None, None, "a"]).dictionary_encode()})
    assert share_of(table) == (0.4, 0.0)
    assert share_of(table.slice(0, 0)) == (0.0, 0.0)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5])
def test_many_rows_are_within_the_bound(share: float) -> None:
    """A sample of 4,096 of 100,000 distinct rows tells the share within three times the bound of 95 %."""
    rows = np.arange(100_000)
    twice = rows[: int(len(rows) * share / (1 - share))]
    table = pa.table({"x": np.concatenate([rows, twice]), "y": np.concatenate([rows, twice]) * 0.5})
    found, bound = share_of(table, size=4096)
    assert abs(found - len(twice) / len(table)) <= 1.5 * bound and bound < 0.02


def test_bad_columns_are_named() -> None:
    """No columns, a column that is not there, and one that cannot be compared are refused."""
    with pytest.raises(InvalidInput, match="0 columns"):
        RowCopies(())
    with pytest.raises(UnknownName, match="'y'"):
        RowCopies(("y",)).add(RowCopies(("y",)).create(1), Rows(pa.record_batch({"x": [1]})), None)
