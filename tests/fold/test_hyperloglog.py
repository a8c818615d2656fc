"""HyperLogLog: distinct counts within their bound."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from headrace.fold import Rows
from headrace.fold.hyperloglog import DistinctCount, DistinctResult
from headrace.testing import strategies
from headrace.testing.fold_laws import FoldLaws


class TestLaws(FoldLaws):
    """The laws on numbers and text."""

    folds = (DistinctCount("x", "number"), DistinctCount("t", "text"))
    rows = strategies.rows({"x": "number", "t": "text"}, max_rows=20)


def _count(array: pa.Array, kind: str) -> DistinctResult:
    fold = DistinctCount("x", kind)  # type: ignore[arg-type]
    return fold.extract(fold.add(fold.create(1), Rows(pa.record_batch({"x": array})), None))


@pytest.mark.parametrize("number", [0, 1, 2, 100, 5_000, 30_000, 60_000, 200_000])
def test_estimates_are_within_twice_the_bound(number: int) -> None:
    """From none to 200,000 distinct integers the estimate is within twice its 95 % bound."""
    result = _count(pa.array(np.arange(number) * 1_000_003), "integer")
    assert abs(int(result.num_distinct[0]) - number) <= max(2 * float(result.error_bound[0]), 1)


def test_bounds_are_as_probable_as_they_say() -> None:
    """Over 60 sets of 20,000 random floats, errors have the standard deviation the bound claims, and no bias."""
    rng = np.random.default_rng(11)
    errors = [_count(pa.array(rng.random(20_000)), "number").num_distinct[0] / 20_000 - 1 for _ in range(60)]
    claimed = 1.04 / 128
    assert abs(float(np.mean(errors))) < 3 * claimed / 60**0.5
    assert 0.6 * claimed < float(np.std(errors)) < 1.3 * claimed


def test_encodings_and_repeats_do_not_count() -> None:
    """A text counts once whether plain or dictionary encoded, null or NaN not at all."""
    plain = _count(pa.array(["a", "b", None, "a", ""]), "text")
    encoded = _count(pa.array(["a", "b", None, "a", ""]).dictionary_encode(), "text")
    assert plain.num_distinct.tolist() == encoded.num_distinct.tolist() == [3]
    assert _count(pa.array([0.0, -0.0, float("nan"), float("inf"), None]), "number").num_distinct.tolist() == [1]
