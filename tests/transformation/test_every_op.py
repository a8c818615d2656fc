"""Every op there is, in random functions over random tables: what is served has the bytes of what is materialised.

A fiftieth of `make prove CASE=features`.
"""

import pytest

from headrace import lookup
from headrace.testing.random_features import FORMS, check

NUM_SEEDS = 40


@pytest.mark.parametrize("seed", range(NUM_SEEDS))
def test_random_functions(seed):
    """By Arrow, JSON, rows and tensors; 1, 2, 3, 7, 31 and 100 rows at a time; nulls everywhere."""
    assert check(seed)


@pytest.mark.parametrize("name", list(FORMS))
def test_each_op(name):
    """Each op alone, so that none is left to chance."""
    assert check(hash_of(name), names=(name,)) == check(hash_of(name), names=(name,))


def hash_of(name):
    """A seed that stays what it is."""
    return sum(place * ord(letter) for place, letter in enumerate(name, 1))


def test_no_op_is_left_out():
    """Whoever adds an op adds how to draw it."""
    assert set(FORMS) == set(lookup.names("op"))
