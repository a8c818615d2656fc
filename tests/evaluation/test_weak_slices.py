"""Weak slices: what is planted is found, what is found can be sliced by and ruled on, and chance finds nothing."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import headrace as hr
from headrace.errors import InvalidInput, UnknownName
from headrace.evaluation import Evaluation


@pytest.fixture(scope="module")
def table():
    """A model that is wrong where a carrier flies early, and columns of every kind, with nulls."""
    generator = np.random.default_rng(3)
    size = 6000
    carrier = np.array(["AA", "DL", "O'Hare and more", None], object)[generator.integers(0, 4, size)]
    hour = generator.integers(0, 6, size) * 4
    p = generator.beta(1.2, 3.0, size)
    late = generator.random(size) < p
    p = np.where((carrier == "AA") & (hour < 4), 1.0 - p, p)
    columns = {"late": late, "p": p.astype(np.float32), "carrier": carrier.tolist(), "hour": hour}
    columns |= {"x": [None if value < 0.1 else value for value in generator.random(size).tolist()]}
    columns |= {"lists": [[1]] * size, "flag": generator.random(size) < 0.5}
    return pa.table(columns)


def look(table, **settings):
    """The evaluation of the table, having looked."""
    wanted = {"metrics": ["brier"], "find_slices": True} | settings
    return hr.evaluate_predictions(table, label="late", prediction="p", **wanted)


def test_what_is_planted_is_found(table):
    """It comes first, in words, as a condition, with rows, losses, interval and what it contributes."""
    first, *more = look(table).weak_slices
    assert not more
    assert first.condition == "carrier == AA and hour == 0"
    assert first.words == "carrier AA, hour 0"
    assert 0.0 < first.lower < first.difference < first.upper < 1.0
    assert first.difference == pytest.approx(first.inside - first.outside)
    assert first.chance < 1e-6 and 0.0 < first.contribution < 0.5


def test_the_narrowest_that_is_all_there_is_to_it():
    """A third of a carrier is all that is wrong with it: that third is named; where all of it is, the carrier is."""
    generator = np.random.default_rng(8)
    size = 20_000
    carrier = np.array(["AA", "DL", "UA", "WN"])[generator.integers(0, 4, size)]
    origin = np.array(["JFK", "LGA", "EWR"])[generator.integers(0, 3, size)]
    p = generator.beta(1.2, 3.0, size)
    late = generator.random(size) < p
    columns = {"late": late, "carrier": carrier.tolist(), "origin": origin.tolist()}
    for is_wrong, name in (
        ((carrier == "UA") & (origin == "LGA"), "carrier == UA and origin == LGA"),
        (carrier == "UA", "carrier == UA"),
    ):
        shown = np.where(is_wrong, np.clip(p + 0.35, 0.0, 1.0), p).astype(np.float32)
        (found,) = look(pa.table({**columns, "p": shown})).weak_slices
        assert found.condition == name


def test_a_weak_slice_is_a_slice_and_a_rule(table):
    """Its condition is taken by slices=, its rows are the same, and a rule about it is judged."""
    (first,) = look(table).weak_slices
    again = look(table, slices=[first.condition], find_slices=False)
    cell = again.slice({first.condition: True})
    assert cell.num_rows == first.num_rows
    rule = f'brier <= 0.25 on "{first.condition}"=true'
    (finding,) = hr.gate(None, again, rules=[rule]).findings
    assert not finding.ok and finding.rows == first.num_rows


def test_slice_against_slice(table):
    """Disjoint slices are independent; those that may overlap have the widest interval that can be."""
    report = look(table, slices=["carrier", "flag", "hour < 4"], find_slices=False)
    apart = report.compare("brier", {"carrier": "AA"}, {"carrier": "DL"})
    errors = [report.slice({"carrier": name})["brier"].std_error for name in ("AA", "DL")]
    assert apart.is_disjoint and apart.lower > 0.0
    assert apart.upper - apart.lower == pytest.approx(2 * 1.96 * np.hypot(*errors), rel=0.01)
    shared = report.compare("brier", {"carrier": "AA"}, {"hour < 4": True})
    assert not shared.is_disjoint
    assert shared.upper - shared.lower > 2 * 1.96 * max(report.slice({"hour < 4": True})["brier"].std_error, errors[0])
    with pytest.raises(UnknownName):
        report.compare("brier", {"carrier": "XX"}, {})


def test_chance_finds_nothing(table):
    """The same columns in another order than the rows': nothing is surely weak."""
    order = np.random.default_rng(0).permutation(table.num_rows)
    shuffled = table.select(["carrier", "hour", "x", "flag"]).take(pa.array(order))
    noise = pa.table(
        {"late": table["late"], "p": table["p"], **dict(zip(shuffled.column_names, shuffled, strict=True))}
    )
    assert look(noise).weak_slices == ()


def test_odd_rows_are_left_out(table):
    """Predictions that are missing, few rows, one class: no error; columns asked for by name must be of use."""
    scores = np.array(table["p"].to_numpy())
    scores[:50] = np.nan
    assert look(table.set_column(1, "p", pa.array(scores))).weak_slices
    for rows in (0, 1, 5, 100):
        assert look(table.slice(0, rows)).weak_slices == ()
    assert look(table, find_slices=["flag", "x"]).weak_slices == ()
    assert look(table, find_slices=hr.WeakSlices(depth=1, columns=["carrier"])).weak_slices[0].words == "carrier AA"
    with pytest.raises(InvalidInput, match="lists"):
        look(table, find_slices=["lists"])
    with pytest.raises(UnknownName, match="hours"):
        look(table, find_slices=["hours"])
    with pytest.raises(InvalidInput, match="roc_auc is no loss"):
        look(table, find_slices=hr.WeakSlices(loss="roc_auc"))
    with pytest.raises(InvalidInput, match="depth = 4"):
        hr.WeakSlices(depth=4)


def test_it_is_saved_and_the_same_again(table, tmp_path):
    """Evaluations that nobody looked in keep the form they had; what was found comes back, byte for byte."""
    found = look(table)
    found.save(tmp_path)
    loaded = Evaluation.load(tmp_path)
    assert loaded.weak_slices == found.weak_slices
    assert loaded.digest == found.digest == look(table).digest
    assert "weak_slices" not in look(table, find_slices=False).to_plain()


def test_keys_and_labels_are_not_looked_in(table):
    """Of a model, every column but the label, the key and the weight; ranges are slices of an evaluation too."""
    kept = table.select(["late", "carrier", "hour", "flag"]).append_column("id", pa.array(np.arange(table.num_rows)))
    dataset = hr.Dataset.from_arrow(kept, label="late", key=["id"])
    model = hr.train(
        hr.XGBoost(n_estimators=2, max_depth=2), hr.transform(lambda x: {"hour": x.hour}, dataset), dataset
    )
    wanted = {"metrics": ["brier"], "slices": [{"hour": [6, 12]}], "allow_training_rows": True}
    report = hr.evaluate(model, dataset, find_slices=True, **wanted)
    expected = sum(6 <= hour < 12 for hour in table["hour"].to_pylist())
    assert report.slice({"hour cut at 6, 12": "6 to 12"}).num_rows == expected
    named = hr.evaluate(model, dataset, find_slices=["carrier", "hour", "flag"], **wanted)
    assert report.weak_slices == named.weak_slices
