"""The search over slices against brute force: the same best ones, bounds or no bounds."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pytest

from headrace.evaluation import WeakSlices
from headrace.evaluation._slice_encoding import encode_column
from headrace.evaluation._slice_search import _surely, search


def drawn(seed, num_rows=400, num_columns=4):
    """Columns as codes, losses with a weak corner, weights."""
    generator = np.random.default_rng(seed)
    every = np.ones(num_rows, np.bool_)
    columns = [generator.integers(0, 3, num_rows) for _ in range(num_columns)]
    encoded = [encode_column(f"c{n}", pa.chunked_array([pa.array(one)]), every, 5, 10) for n, one in enumerate(columns)]
    corner = (columns[0] == 1) & (columns[1] == 2)
    loss = generator.random(num_rows) + np.where(corner, 0.6, 0.0)
    return encoded, loss, generator.integers(1, 4, num_rows) / 2.0


def brute(encoded, loss, weight, depth, fewest):
    """The best slice and its score, by looking at every one."""
    sizes = [len(one.terms) for one in encoded]
    surely = _surely(sizes, depth)
    best = (0.0, None)
    for level in range(1, depth + 1):
        for columns in itertools.combinations(range(len(encoded)), level):
            for codes in itertools.product(*(range(sizes[column]) for column in columns)):
                mask = np.all([encoded[c].codes == code for c, code in zip(columns, codes, strict=True)], axis=0)
                if mask.sum() < fewest or weight[mask].sum() > weight.sum() / 2.0:
                    continue
                means, variance = [], 0.0
                for side in (mask, ~mask):
                    w, e = weight[side], loss[side]
                    mean = np.average(e, weights=w)
                    spread = np.average((e - mean) ** 2, weights=w) * len(e) / (len(e) - 1)
                    means.append(mean)
                    variance += spread * (w**2).sum() / w.sum() ** 2
                score = weight[mask].sum() * (means[0] - means[1] - surely * np.sqrt(variance))
                best = max(best, (score, tuple(zip(columns, codes, strict=True))), key=lambda one: one[0])
    return best


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_the_best_is_that_of_brute_force(depth, seed):
    """Leaving out branches by their bound never leaves out the best, with and without weights."""
    encoded, loss, weight = drawn(seed)
    settings = WeakSlices(depth=depth, min_share=0.0, min_rows=8)
    for weights in (weight, np.ones(len(loss))):
        score, parts = brute(encoded, loss, weights, depth, 8)
        found = search(encoded, loss, weights, settings)
        assert (found[0].parts if found else None) == parts, score
        if depth > 1:
            assert found[0].parts == ((0, 1), (1, 2))


def test_nothing_to_look_at():
    """No columns, no rows, one row, losses that are all the same: no slice, no error."""
    encoded, loss, weight = drawn(0)
    assert search([], loss, weight, WeakSlices()) == []
    none = np.zeros(len(loss), np.bool_)
    assert search([one.of(none) for one in encoded], loss[:0], weight[:0], WeakSlices()) == []
    assert search(encoded, np.ones(len(loss)), weight, WeakSlices()) == []


def test_columns_become_codes():
    """Values, ranges, nulls and NaN; what few rows have is no slice; kinds that cannot be cut are told apart."""
    every = np.ones(8, np.bool_)

    def encode(values, data_type=None, min_rows=2, num_bins=3):
        return encode_column("x", pa.chunked_array([pa.array(values, data_type)]), every, min_rows, num_bins)

    text = encode(["a", "a", None, None, "b", "a", "c d", "c d"])
    assert text.words == ("x a", "x c d", "x missing")
    assert text.codes.tolist() == [0, 0, 2, 2, -1, 0, 1, 1]
    numbers = encode([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, float("nan"), None])
    assert numbers.words == ("x below 3", "x 3 to 5", "x 5 and above", "x missing")
    assert numbers.codes.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert encode([True, True, False, False, None, None, None, None]).words == ("x false", "x true", "x missing")
    moments = encode([0, 1, 2, 3, 4, 5, 6, 7], pa.timestamp("us", tz="UTC"))
    assert all("1970-01-01" in word for word in moments.words)
    assert encode([[1]] * 8) is None
    assert encode(list("abcdefgh")) is None
