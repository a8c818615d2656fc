"""The best threshold, against trying every one."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import InvalidInput
from headrace.evaluation import evaluate_predictions
from headrace.evaluation._best_threshold import best_threshold
from headrace.evaluation.metrics.expected_profit import ExpectedProfit

ROW = st.tuples(st.integers(0, 1), st.integers(0, 8), st.integers(0, 3))


def worth(label, prediction, weight, threshold, worths):
    """The mean worth at one threshold, by its definition."""
    called = prediction >= threshold
    each = np.select(
        [called & (label == 1), called & (label == 0), ~called & (label == 1)],
        [worths["tp"], worths["fp"], worths["fn"]],
    )
    each = np.where(~called & (label == 0), worths["tn"], each)
    return (each * weight).sum() / weight.sum()


@given(st.lists(ROW, min_size=1, max_size=30), st.tuples(*[st.integers(-5, 5)] * 4))
def test_no_threshold_is_better(rows, worths):
    """Of every threshold between, below and above the predictions, none is worth more; with ties and weights of 0."""
    label, score, weight = (np.array(column, np.float64) for column in zip(*rows, strict=True))
    weight[0] += 1.0
    named = dict(zip(("tp", "fp", "fn", "tn"), map(float, worths), strict=True))
    prediction = score / 8.0
    found = best_threshold(label, prediction, weight, **named)
    tried = [-np.inf, *np.arange(-1, 18) / 16.0, np.inf]
    each = [worth(label, prediction, weight, threshold, named) for threshold in tried]
    assert found.worth == pytest.approx(max(each), abs=1e-9)
    assert worth(label, prediction, weight, found.threshold, named) == pytest.approx(found.worth, abs=1e-9)
    assert found.worth_at_half == pytest.approx(worth(label, prediction, weight, 0.5, named), abs=1e-9)
    for threshold, value in found.curve:
        assert value == pytest.approx(worth(label, prediction, weight, threshold, named), abs=1e-9)


def test_an_evaluation_has_one():
    """It is where the metric of the same worths is largest; a calibrated model's is near cost / (cost + gain)."""
    generator = np.random.default_rng(0)
    prediction = generator.random(20_000).astype(np.float32)
    label = generator.random(20_000) < prediction
    table = pa.table({"y": label, "p": prediction})
    report = evaluate_predictions(table, label="y", prediction="p", metrics=["roc_auc"])
    found = report.best_threshold(fp=1.0, fn=5.0)
    assert found.threshold == pytest.approx(1 / 6, abs=0.03)
    assert "called positive" in repr(found)
    metric = ExpectedProfit(threshold=found.threshold, tp=0.0, fp=-1.0, fn=-5.0)
    again = evaluate_predictions(table, label="y", prediction="p", metrics=[metric])
    assert again["expected_profit"].value == pytest.approx(found.worth, abs=1e-9)
    assert found.worth > found.worth_at_half


def test_wrong_input():
    """No rows, labels that are no classes, a worth without end."""
    one = np.array([1.0])
    for label, prediction, tp in (
        (one[:0], one[:0], 1.0),
        (2 * one, one, 1.0),
        (one, one * np.nan, 1.0),
        (one, one, np.inf),
    ):
        with pytest.raises(InvalidInput, match="best_threshold"):
            best_threshold(label, prediction, None, tp=tp, fp=0.0, fn=0.0, tn=0.0)
