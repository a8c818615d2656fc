"""Patterns of texts and the buckets of lengths, against regular expressions and by hand."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from headrace.fold import Distribution, Rows
from headrace.fold.text_patterns import LENGTH_BUCKETS, bucket_bounds, length_buckets, pattern_array, short_pattern


@given(st.lists(st.text(max_size=12)))
def test_patterns_are_what_regular_expressions_say(texts: list[str]) -> None:
    """Digits 9, small letters a, capitals A, one a for any other character outside of ASCII."""
    found = pattern_array(pa.array([text.encode() for text in texts], pa.large_binary()))
    found.validate(full=True)
    expected = [re.sub("[^\x00-\x7f]", "a", text) for text in texts]
    expected = [re.sub("[0-9]", "9", re.sub("[A-Z]", "A", re.sub("[a-z]", "a", text))) for text in expected]
    assert [item.decode() for item in found.to_pylist()] == expected


def test_a_long_text_has_a_pattern_of_its_beginning() -> None:
    """Of a text of any length 64 bytes are looked at."""
    found = pattern_array(pa.array([b"x" * 1000, b"AB-12"], pa.large_binary()))
    assert found.to_pylist() == [b"a" * 64, b"AA-99"]
    assert short_pattern("AA-999 aa") == "A+-9+ a+"


def test_buckets_cover_every_length_once() -> None:
    """Bounds of the buckets follow one another, and a length lies within those of its own."""
    bounds = [bucket_bounds(bucket, 10_000) for bucket in range(LENGTH_BUCKETS)]
    assert all(low == before + 1 for (_, before), (low, _) in itertools.pairwise(bounds))
    lengths = np.arange(9_000)
    buckets = length_buckets(lengths)
    assert all(bounds[bucket][0] <= length <= bounds[bucket][1] for length, bucket in enumerate(buckets.tolist()))


def test_sketches_count_the_same_patterns_and_lengths() -> None:
    """What sketches know of patterns and lengths is what tables know, while patterns are few."""
    texts = [f"{'AB'[at % 2]}{at % 977}-x{'y' * (at % 50)}" for at in range(3_000)]
    rows = Rows(pa.record_batch({"x": pa.array([*texts, None])}))
    exact, sketched = (
        fold.extract(fold.add(fold.create(1), rows, None))[0]
        for fold in (Distribution("x", "text"), Distribution("x", "text", 5))
    )
    assert not sketched.is_exact and exact.patterns == sketched.patterns
    assert exact.length_histogram == sketched.length_histogram and exact.lengths == sketched.lengths
    assert sum(count for *_, count in exact.length_histogram) == 3_000
