"""recoded: other codes for the same things, with the mapping where shares tell it."""

from __future__ import annotations

import numpy as np

from headrace.validation._mapping import renaming
from headrace.validation.signatures.recoded import Recoded
from tests.validation.changes import change, profile

SOME = [None, *(["AA"] * 600 + ["UA"] * 300 + ["B6"] * 100)]
NEW = {"AA": "one", "UA": "two", "B6": "three", None: None}


def test_the_mapping_is_told() -> None:
    """Three categories of clearly different frequency, renamed: old -> new, the most frequent first."""
    sign = Recoded().find(change([SOME] * 3, [NEW[one] for one in SOME], "text"))
    assert sign is not None and sign.is_plain
    assert sign.words == "3 values have new names, one to one: 'AA' -> 'one', 'UA' -> 'two', 'B6' -> 'three'"


def test_what_is_alike_in_number_is_not_paired() -> None:
    """Of two categories as frequent as each other no one can say which is which, and it is said."""
    before = ["a"] * 500 + ["b"] * 200 + ["c"] * 200
    after = ["x"] * 500 + ["y"] * 205 + ["z"] * 195
    found = renaming(profile(before, "text"), profile(after, "text"))
    assert found is not None and found.pairs == (("a", "x"),)
    assert found.words == "'a' -> 'x'; 2 are too alike in number to tell apart"


def test_no_renaming() -> None:
    """Shares that do not fit, values that come once each, and the same values: none."""
    assert renaming(profile(["a"] * 500 + ["b"] * 500, "text"), profile(["x"] * 900 + ["y"] * 100, "text")) is None
    once = [f"N{number}" for number in range(200)], [f"M{number}" for number in range(200)]
    assert renaming(*(profile(side, "text") for side in once)) is None
    assert Recoded().find(change([SOME] * 3, SOME, "text")) is None


def test_numbers_moved_out_of_their_range() -> None:
    """Flight 1545 is 11545 now: the constant is told."""
    rng = np.random.default_rng(0)
    before = [rng.integers(1, 900, 500) * 2 for _ in range(3)]
    sign = Recoded().find(change(before, rng.integers(1, 900, 500) * 2 + 10_000, "integer"))
    assert sign is not None and sign.words == "numbers are 10000 more than they were"


def test_numbers_of_another_form() -> None:
    """Numbers altogether new, with more digits than any before: the form is told."""
    rng = np.random.default_rng(0)
    before = [rng.integers(1000, 9999, 500) for _ in range(3)]
    sign = Recoded().find(change(before, rng.permutation(900_000)[:500] + 100_000, "integer"))
    assert sign is not None and sign.words == "values of the form 999999 where 9999 was usual" and sign.is_plain
