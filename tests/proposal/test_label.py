"""The label: found where it is plain, asked for where it is not, refused where nothing can be learnt."""

import re

import numpy as np
import pyarrow as pa
import pytest

import headrace as hr
from headrace.errors import InvalidInput, UnknownName
from headrace.proposal import choose_label


def statistics(**columns):
    """What is known of a table."""
    return hr.analyze(hr.Dataset.from_arrow(pa.table(columns)))


NUMBERS = np.linspace(0.0, 9.0, 30)


def test_a_label_by_its_name():
    """A column that alone has a label's name is it, whatever else has two values."""
    found = choose_label(statistics(x=NUMBERS, Target=[0, 1] * 15, sex=["f", "m"] * 15))
    assert (found.name, found.task, found.positive, found.share, found.num_rows) == ("Target", "binary", None, 0.5, 30)
    assert found.reason == "its name says so"


def test_the_only_column_with_two_values():
    """Nulls are no value; the reason is said."""
    found = choose_label(statistics(x=NUMBERS, bought=[True, None, False] * 10))
    assert (found.name, found.positive, found.share, found.num_rows) == ("bought", None, 0.5, 20)
    assert found.reason == "the only column with two values"


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"a": ["p", "q"] * 15, "b": [0, 1] * 15, "x": NUMBERS}, r"a \('p' or 'q'\), b \(0 or 1\), x \(0 to 9\)"),
        ({"Sex": ["f", "m"] * 15, "x": NUMBERS}, r"Sex \('f' or 'm'\), x \(0 to 9\)"),
        ({"label": [0, 1] * 15, "y": [0, 1] * 15}, r"label \(0 or 1\), y \(0 or 1\)"),
        ({"x": NUMBERS, "kind": ["a", "b", "c"] * 10}, r"kind \(3 texts\), x \(0 to 9\)"),
        ({"class": [1, 2, 3] * 10, "died": [True, False] * 15}, r"class \(1 to 3\), died \(true or false\)"),
    ],
)
def test_several_are_never_guessed_among(columns, said):
    """What could be meant is listed, likely ones first, with what is in it."""
    with pytest.raises(InvalidInput, match="cannot be told which column") as caught:
        choose_label(statistics(**columns))
    assert caught.value.expected == "--label COLUMN"
    assert re.search(said, caught.value.fix)


@pytest.mark.parametrize(
    ("values", "positive", "share"),
    [
        ([0, 1, 1] * 10, None, 2 / 3),
        ([False, True, True] * 10, None, 2 / 3),
        ([0.0, 1.0, 1.0] * 10, None, 2 / 3),
        ([1, 2, 2] * 10, 2, 2 / 3),
        ([-1.0, 1.0, -1.0] * 10, 1.0, 1 / 3),
        (["no", "yes", "yes"] * 10, "yes", 2 / 3),
        (["B", "M", "B"] * 10, "M", 1 / 3),
        (["True", "False", "True"] * 10, "True", 2 / 3),
    ],
)
def test_which_of_two_values_is_one(values, positive, share):
    """0 and 1 are themselves; of two others the one that says so, else the larger number, the rarer text."""
    found = choose_label(statistics(x=NUMBERS, t=values), "t")
    assert (found.task, found.positive) == ("binary", positive)
    assert found.share == pytest.approx(share)


def test_a_positive_value_asked_for():
    """One value against all others, in the label's own kind; a typo gets the values there are."""
    kinds = statistics(kind=["a", "b", "c"] * 10, number=[1, 2, 3] * 10, flag=[True, False] * 15, part=[0.5, 1.5] * 15)
    assert choose_label(kinds, "kind", positive="b").positive == "b"
    assert choose_label(kinds, "kind", positive="b").share == pytest.approx(1 / 3)
    assert choose_label(kinds, "number", positive="3").positive == 3
    assert choose_label(kinds, "flag", positive="false").positive is False
    assert choose_label(kinds, "part", positive="0.5").share == 0.5
    with pytest.raises(UnknownName, match="there are: a, b, c"):
        choose_label(kinds, "kind", positive="d")
    for label, positive in (("number", "b"), ("number", "9"), ("flag", "maybe")):
        with pytest.raises((InvalidInput, UnknownName), match="label"):
            choose_label(kinds, label, positive=positive)


@pytest.mark.parametrize(("values", "as_quantity"), [(NUMBERS, False), ([0, 1, 2] * 10, True), (range(30), False)])
def test_quantities(values, as_quantity):
    """Many numbers are a quantity; few are, when they are said to be."""
    found = choose_label(statistics(x=NUMBERS, t=list(values)), "t", as_quantity=as_quantity)
    assert (found.task, found.positive, found.share) == ("regression", None, None)


def test_text_of_several_values_is_classes():
    """With ten rows a class; one value against all others is still to be had."""
    found = choose_label(statistics(x=NUMBERS, t=["a", "b", "c"] * 10), "t")
    assert (found.task, found.positive, found.share) == ("multiclass", None, None)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["a", "b", "c'd", "a", "e"] * 6, "4 values in 30 rows, .*at most 1,000 classes, with 10 rows.*--positive a"),
        ([0, 1, 2] * 10, "names of classes, or a quantity.*--positive 2; .*--quantity"),
        ([0.0, 1.0, 2.0] * 10, "names of classes, or a quantity"),
        ([1] * 30, "one value in all rows"),
        ([True] * 30, "one value in all rows"),
        ([None] * 30, "null in every row"),
        ([float("nan")] * 30, "null in every row"),
        (pa.array(range(30)).cast(pa.timestamp("s")), "kind timestamp"),
        ([[1]] * 30, "kind list"),
    ],
)
def test_labels_that_cannot_be_learnt(values, message):
    """What is in the label, why it cannot be learnt, and what to type instead."""
    with pytest.raises(InvalidInput, match=message):
        choose_label(statistics(x=NUMBERS, t=values), "t")


def test_an_unknown_label():
    """A typo gets the column that was meant."""
    with pytest.raises(UnknownName, match="did you mean 'churned'"):
        choose_label(statistics(churned=[0, 1]), "churnd")
