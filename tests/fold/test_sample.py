"""Sample: the same rows whatever the order, each as likely as any other."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from headrace.errors import InvalidInput, UnknownName
from headrace.fold import Rows
from headrace.fold.sample import Sample
from headrace.testing import strategies
from headrace.testing.fold_laws import FoldLaws

_KINDS = {"x": "number", "t": "text", "w": "timestamp", "b": "boolean", "n": "null"}


class TestLaws(FoldLaws):
    """The laws, with repeated row ids at the limit."""

    folds = (Sample(tuple(_KINDS), tuple(_KINDS.values()), size=3), Sample(("t",), ("text",), size=100))  # type: ignore[arg-type]
    rows = strategies.rows(_KINDS, max_rows=12)  # type: ignore[arg-type]


def _rows(num_rows: int, seed: int = 0) -> Rows:
    ids = np.random.default_rng(seed).integers(0, 2**64 - 1, num_rows, dtype=np.uint64)
    return Rows(pa.record_batch({"x": pa.array(np.arange(num_rows))}), ids)


def test_every_row_is_as_likely() -> None:
    """Over 20,000 rows a sample of 2,000 has a mean place and a spread like all rows."""
    fold = Sample(("x",), ("integer",), size=2_000)
    found = fold.extract(fold.add(fold.create(1), _rows(20_000), None))[0]["x"].to_numpy()
    assert len(np.unique(found)) == 2_000
    assert abs(found.mean() / 20_000 - 0.5) < 4 * 12**-0.5 / 2_000**0.5
    assert abs(found.std() / 20_000 - 12**-0.5) < 0.01


def test_larger_samples_contain_smaller_ones_and_salts_differ() -> None:
    """Growing a sample keeps its rows; another salt draws others."""
    rows = _rows(1_000)
    drawn = {
        (size, salt): set(
            (fold := Sample(("x",), ("integer",), size, salt))
            .extract(fold.add(fold.create(1), rows, None))[0]["x"]
            .to_pylist()
        )
        for size, salt in ((50, "a"), (100, "a"), (50, "b"))
    }
    assert drawn[50, "a"] < drawn[100, "a"]
    assert len(drawn[50, "a"] & drawn[50, "b"]) < 20


def test_few_rows_are_all_kept() -> None:
    """Under the limit a sample is the rows themselves, with their nulls and kinds."""
    batch = pa.record_batch({"t": pa.array(["a", None, "é"]).dictionary_encode(), "b": pa.array([True, None, False])})
    fold = Sample(("t", "b"), ("text", "boolean"), size=10)
    table = fold.extract(fold.add(fold.create(1), Rows(batch, np.arange(3, dtype=np.uint64)), None))[0]
    assert table.schema == pa.schema({"t": pa.large_string(), "b": pa.bool_()})
    assert sorted(table.to_pylist(), key=str) == sorted(batch.to_pylist(), key=str)


def test_what_cannot_be_sampled_is_refused() -> None:
    """Kinds without order, sizes below one and missing columns are named."""
    with pytest.raises(InvalidInput, match="'x'"):
        Sample(("x",), ("other",))
    with pytest.raises(InvalidInput, match="size = 0"):
        Sample(("x",), ("text",), size=0)
    with pytest.raises(UnknownName, match="'y'"):
        Sample(("y",), ("text",)).add(Sample(("y",), ("text",)).create(1), _rows(3), None)
