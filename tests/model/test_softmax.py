"""Softmax in a graph: float64 inside, one rounding, the same bytes in any batch."""

from __future__ import annotations

import numpy as np
import pytest

from headrace.model import GraphBuilder, InputColumn, open_session
from headrace.model.softmax import add_softmax


def softmax(width):
    """A function of float32 margins [N, width], by a graph of its own."""
    builder = GraphBuilder([InputColumn(f"x{index}", "number") for index in range(width)])
    found = add_softmax(builder, builder.cast("number", np.float32), width)
    session = open_session(builder.finish({"p": (found, np.float32, width)}))
    return lambda margins: session.run(["p"], {"number": margins.astype(np.float64)})[0]


@pytest.mark.parametrize("width", [3, 7, 8, 10, 64, 1000])
def test_it_is_the_rounded_softmax_in_any_batch(width):
    """NumPy's in float64, rounded once, within one unit in the last place; equal bytes in batches of any size."""
    run = softmax(width)
    margins = np.random.default_rng(width).normal(scale=5.0, size=(151, width)).astype(np.float32)
    whole = run(margins)
    powers = np.exp(margins.astype(np.float64) - margins.max(axis=1, keepdims=True))
    expected = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    np.testing.assert_array_max_ulp(whole, expected, maxulp=1)
    for size in (1, 2, 3, 7, 31, 100):
        pieces = np.concatenate([run(margins[first : first + size]) for first in range(0, len(margins), size)])
        assert pieces.tobytes() == whole.tobytes(), size


def test_extremes():
    """Margins as far apart as float32 goes give 1 and 0; equal ones equal shares; NaN makes the row NaN."""
    run = softmax(3)
    big = float(np.finfo(np.float32).max)
    found = run(np.array([[big, -big, 0.0], [-big, -big, -big], [np.nan, 1.0, 2.0]], np.float32))
    assert found[0].tolist() == [1.0, 0.0, 0.0]
    assert found[1].tolist() == [np.float32(1 / 3)] * 3
    assert np.isnan(found[2]).all()
