"""Spaces: what lies in a range, where, and how ranges travel."""

import pytest

from headrace.errors import InvalidInput
from headrace.training import Choice, Float, Int
from headrace.training.space import domain_of, space_from_plain, space_to_plain

DOMAINS = [
    Int(2, 10),
    Int(1, 1000, log=True),
    Float(-1, 1),
    Float(1e-4, 1.0, log=True),
    Choice("a", 1, 1.0, True, None),
]


@pytest.mark.parametrize("domain", DOMAINS, ids=repr)
def test_places_and_values(domain):
    """Every place has a value in the domain; values go to places and come back; both ends can be reached."""
    values = [domain.at(index / 500) for index in range(501)]
    assert all(value in domain for value in values)
    for value in values:
        assert (
            domain.at(domain.place(value)) == pytest.approx(value, rel=1e-9, abs=1e-9)
            if isinstance(value, float)
            else True
        )
        assert 0.0 <= domain.place(value) <= 1.0
    if isinstance(domain, Choice):
        assert {(type(value), value) for value in values} == {(type(option), option) for option in domain.options}
    else:
        assert (values[0], values[-1]) == (domain.low, domain.high)
    assert domain_of(domain.to_plain(), "x") == domain


def test_whole_numbers_have_equal_parts():
    """A uniform draw gives each the same chance."""
    values = [Int(1, 4).at((index + 0.5) / 1000) for index in range(1000)]
    assert [values.count(number) for number in (1, 2, 3, 4)] == [250] * 4


def test_what_is_inside():
    """By value and by type: True is no number, 2.0 no whole one, 1 not "1"."""
    assert 2 in Int(2, 3) and 2.0 not in Int(2, 3) and True not in Int(0, 1)
    assert 1 in Float(0, 1) and True not in Float(0, 1) and float("nan") not in Float(0, 1)
    assert True in Choice(True, "x") and 1 not in Choice(True, "x")
    assert (Int(2, 10).nearest(99), Float(0, 1).nearest(-3), Choice("a", "b").nearest("z")) == (10, 0.0, "a")


def test_ranges_that_are_none():
    """One message each."""
    for wrong, said in (
        (lambda: Int(1.5, 3), "Int.* has the end 1.5; expected finite whole numbers"),
        (lambda: Float(0, float("inf")), "has the end inf"),
        (lambda: Float(1, 1), "holds no two values"),
        (lambda: Float(0, 1, log=True), "cannot be spaced by logarithms; expected a low end above 0"),
        (lambda: Choice("a"), "leaves nothing to choose"),
        (lambda: Choice("a", "a"), "leaves nothing to choose"),
        (lambda: Choice(["a", "b"]), "was given one list; give the options themselves"),
        (lambda: Choice("a", object()), "has the option"),
        (lambda: space_from_plain({"x": {"int": [1, 2, 3]}}), "says no range of values .*parameter 'x'"),
        (lambda: space_from_plain({"x": {"choice": [1, 2], "log": True}}), "says no range of values"),
        (lambda: space_from_plain({"x": {"float": ["a", "b"]}}), "has the end 'a'.*parameter 'x'"),
    ):
        with pytest.raises(InvalidInput, match=said):
            wrong()


def test_a_space_travels():
    """As JSON, in its order."""
    space = {"b": Float(0.1, 1, log=True), "a": Int(1, 3)}
    assert space_to_plain(space) == {"b": {"float": [0.1, 1.0], "log": True}, "a": {"int": [1, 3]}}
    assert list(space_from_plain(space_to_plain(space)).items()) == list(space.items())
