"""Every op there is, in random functions over random tables: what is served has the bytes of what is materialised.

A fiftieth of `make prove CASE=features`.
"""

import pytest

from headrace import lookup
from headrace.testing.random_features import FORMS, check, form_of

NUM_SEEDS = 40


@pytest.mark.parametrize("seed", range(NUM_SEEDS))
def test_random_functions(seed):
    """By Arrow, JSON, rows and tensors; 1, 2, 3, 7, 31 and 100 rows at a time; nulls everywhere."""
    assert check(seed)


@pytest.mark.parametrize("name", [name for name in lookup.names("op") if form_of(name) is not None])
def test_each_op(name):
    """Each op alone, so that none is left to chance."""
    assert check(hash_of(name), names=(name,)) == check(hash_of(name), names=(name,))


def hash_of(name):
    """A seed that stays what it is."""
    return sum(place * ord(letter) for place, letter in enumerate(name, 1))


def test_no_op_is_left_out():
    """An op whose parameters have no defaults is in FORMS."""
    assert [name for name in lookup.names("op") if form_of(name) is None] == []
    assert set(FORMS) <= set(lookup.names("op"))


def test_an_op_that_is_not_in_forms_is_drawn(monkeypatch):
    """With default parameters: of numbers, texts, several inputs, and raw texts."""
    for name, kind in (("z_score", "number"), ("one_hot", "vector"), ("haversine", "number"), ("lower", "text")):
        monkeypatch.delitem(FORMS, name)
        found, form = form_of(name)
        assert (found, callable(form)) == (kind, True)
    monkeypatch.delitem(FORMS, "hash_bucket")
    assert form_of("hash_bucket") is None, "num_buckets has no default"
