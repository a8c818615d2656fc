"""A column that alone tells the label is found, and left out; what merely helps is not."""

import numpy as np
import pyarrow as pa
import pytest

import headrace as hr
from headrace.proposal import choose_label, find_leaks, look_at_rows, pipeline_text
from tests.proposal.tables import customers
from tests.proposal.test_proposal import proposed

CHURNED = np.array(customers()["churned"].to_pylist()) == "yes"
LEAKS = {
    "the label in other words": pa.array(np.where(CHURNED, "gone", "here")),
    "several values of each": pa.array(np.where(CHURNED, "gone ", "here ") + np.array(["a", "b", "c"] * 400)),
    "a flag": pa.array(CHURNED),
    "a number above": pa.array(CHURNED * 10 + np.linspace(0, 5, 1200)),
    "a number below": pa.array(np.linspace(0, 5, 1200) - CHURNED * 10),
    "null but for one label": pa.array(np.arange(1200), mask=~CHURNED),
}
FINE = {
    "wrong in one of twenty": pa.array(np.where(CHURNED ^ (np.arange(1200) % 20 == 0), "gone", "here")),
    "another text in each row": pa.array([f"{index}" for index in range(1200)]),
    "noise": pa.array(np.random.default_rng(0).normal(size=1200)),
    "null in every row": pa.nulls(1200, pa.float64()),
    "one value": pa.array(["x"] * 1200),
}


def leaks_of(table, label):
    """What is found in a table."""
    data = hr.Dataset.from_arrow(table)
    statistics = hr.analyze(data)
    rows, _ = look_at_rows(data, statistics)
    return find_leaks(rows, choose_label(statistics, label))


@pytest.mark.parametrize("name", LEAKS)
def test_a_leak_is_found(name):
    """Values, their order, or that they are there at all tell the label alone."""
    assert leaks_of(customers().append_column(name, LEAKS[name]), "churned") == (name,)


@pytest.mark.parametrize("name", FINE)
def test_what_helps_or_says_nothing_is_none(name):
    """Columns that are wrong now and then, or say nothing of other rows, stay."""
    assert leaks_of(customers().append_column(name, FINE[name]), "churned") == ()


def test_a_quantity_in_another_unit():
    """A line of the quantity is the quantity; what is merely near it is not."""
    price = np.random.default_rng(1).gamma(4, 100, 500)
    noise = np.random.default_rng(2).normal(0, 20, 500)
    table = pa.table({"price": price, "cents": price * 100 + 5, "guess": price + noise, "size": noise})
    assert leaks_of(table, "price") == ("cents",)


def test_few_rows_say_nothing():
    """Nineteen rows of a label are too few to tell a leak from a good column."""
    late = [True] * 19 + [False] * 200
    assert leaks_of(pa.table({"late": late, "same": late, "x": list(range(219))}), "late") == ()


def test_a_leak_is_left_out_and_named():
    """No feature and no slice is made of it, and the file asks the question."""
    table = customers().append_column("copy", LEAKS["the label in other words"])
    found = proposed(table, "churned", leaks=("copy",))
    assert found.left_out[0].column == "copy" and "copy" not in found.slices
    assert "copy" not in {item.column for item in found.features}
    assert '# Left out: "copy" (alone tells the label: is it known when you predict?)' in pipeline_text(found)


def test_copies_without_a_key_are_told():
    """Rows that repeat another are counted in the same look, and told where no key keeps them together."""
    table = customers().drop_columns(["customerID", "email"])
    twice = hr.Dataset.from_arrow(pa.concat_tables([table, table]))
    _, share = look_at_rows(twice, hr.analyze(twice))
    assert share == pytest.approx(0.5, abs=0.02)
    (warning,) = proposed(table, "churned", share_copies=share).warnings
    assert warning.startswith("50 % of the rows repeat another in every column")
    assert proposed(customers(), "churned", share_copies=share).warnings == ()
