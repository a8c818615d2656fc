"""Canonical JSON: equal values give equal bytes, different values different ones, and decoding gives the value back."""

import json
import math
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.canonical import digest, from_canonical, to_canonical

TEXT = st.text(st.characters(), max_size=8) | st.sampled_from(["float", "$float", "$$float", "nan", "\ud800", "\x00"])
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def same(left, right):
    """Equality that tells 1 from 1.0 from True, and takes NaN for itself."""
    if type(left) is not type(right):
        return False
    if isinstance(left, float):
        return (math.isnan(left) and math.isnan(right)) or (left == right and str(left) == str(right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    return left == right


@settings(derandomize=True, database=None, max_examples=300)
@given(PLAIN)
def test_round_trip(value):
    """What was encoded comes back, NaN, surrogates and look-alike dicts included."""
    assert same(from_canonical(to_canonical(value)), value)


@settings(derandomize=True, database=None, max_examples=300)
@given(PLAIN, PLAIN)
def test_bytes_are_equal_exactly_when_values_are(left, right):
    """No two different values share bytes, so no two share a digest."""
    assert (to_canonical(left) == to_canonical(right)) == same(left, right)


@settings(derandomize=True, database=None, max_examples=100)
@given(PLAIN)
def test_a_strict_parser_reads_it(value):
    """No bare NaN or Infinity is ever written."""
    text = to_canonical(value).decode("utf-8", "surrogatepass")
    json.loads(text, parse_constant=pytest.fail)


def test_order_and_container_do_not_count():
    """Keys in any order, lists or tuples: one form."""
    assert to_canonical({"b": (1, 2), "a": None}) == to_canonical({"a": None, "b": [1, 2]}) == b'{"a":null,"b":[1,2]}'


def test_what_has_no_form_is_named():
    """The path to the value that cannot be encoded is in the message."""
    with pytest.raises(TypeError, match=r"value\.a\[1\]: set has no canonical"):
        to_canonical({"a": [1, set()]})
    with pytest.raises(TypeError, match="keys must be text"):
        to_canonical({1: 2})


def test_digest_is_the_same_in_another_process():
    """No hash seed, no order of insertion: one digest everywhere."""
    code = "from headrace.canonical import digest; print(digest({'b': [1.5, None], 'a': 'é'}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == digest({"a": "é", "b": [1.5, None]})


def test_digest_of_bytes_is_their_own():
    """Bytes are hashed as they are."""
    assert digest(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
