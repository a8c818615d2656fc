"""The 64-bit hash of values: a stored format, so its values are written down here."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.errors import InvalidInput
from headrace.fold.kernels.hashing import NULL_HASH, combine, combine_words, hash_array, hash_text, mix, mix_word

_SETTINGS = settings(max_examples=60, deadline=None, derandomize=True, database=None)


def test_golden_values() -> None:
    """These never change: splits of data sets that were made long ago depend on them."""
    assert [hex(int(h)) for h in hash_array(pa.array([0, 1, -1, None]))] == GOLDEN_INTEGERS
    assert [hex(int(h)) for h in hash_array(pa.array([0.0, 0.5, float("nan")]))] == GOLDEN_NUMBERS
    assert [
        hex(int(h)) for h in hash_array(pa.array(["", "AA", "Straße, 8 bytes and more", "x" * 2000]))
    ] == GOLDEN_TEXTS
    pair = combine(hash_array(pa.array([1])), hash_array(pa.array(["AA"])))
    assert hex(int(pair[0])) == GOLDEN_PAIR


GOLDEN_INTEGERS = ["0xe220a8397b1dcdaf", "0x910a2dec89025cc1", "0xe4d971771b652c20", "0x9ae16a3b2f90404f"]
GOLDEN_NUMBERS = ["0xe220a8397b1dcdaf", "0xf456984dd1d8ce6d", "0xc72971d82e15bb46"]
GOLDEN_TEXTS = ["0xe220a8397b1dcdaf", "0xe3ba2d5727dabcf9", "0xb7f4838f1c2e33b4", "0xe136f256394eee91"]
GOLDEN_PAIR = "0xa46f18b733e1cafd"


@_SETTINGS
@given(st.lists(st.one_of(st.none(), st.integers(-128, 127)), max_size=30))
def test_width_and_encoding_do_not_show(values: list[int | None]) -> None:
    """An integer hashes the same in any width, plain or in a dictionary, whole or sliced."""
    expected = hash_array(pa.array(values, pa.int64()))
    for kind in (pa.int8(), pa.int16(), pa.int32()):
        assert np.array_equal(hash_array(pa.array(values, kind)), expected)
    assert np.array_equal(hash_array(pa.array(values, pa.int16()).dictionary_encode()), expected)
    padded = pa.array([7, *values, 9], pa.int8())
    assert np.array_equal(hash_array(padded.slice(1, len(values))), expected)


@_SETTINGS
@given(st.lists(st.one_of(st.none(), st.text(max_size=40)), max_size=30))
def test_text_in_any_form(values: list[str | None]) -> None:
    """Text hashes the same as string, large_string, view or dictionary, alone or among others, sliced or not."""
    expected = hash_array(pa.array(values, pa.string()))
    for kind in (pa.large_string(), pa.string_view(), pa.large_binary()):
        assert np.array_equal(hash_array(pa.array(values, pa.string()).cast(kind)), expected)
    assert np.array_equal(hash_array(pa.array(values, pa.string()).dictionary_encode()), expected)
    padded = pa.array(["before", *values, "after"], pa.string())
    assert np.array_equal(hash_array(padded.slice(1, len(values))), expected)
    for value, found in zip(values, expected, strict=True):
        assert found == (NULL_HASH if value is None else hash_text(value))


@_SETTINGS
@given(st.lists(st.text(max_size=30), unique=True, max_size=60))
def test_different_texts_differ(values: list[str]) -> None:
    """No two texts of a small set collide: lengths and trailing zeros count."""
    values = list(dict.fromkeys([*values, "", "\x00", "\x00\x00", "a", "a\x00", "a" * 8, "a" * 8 + "\x00"]))
    assert len(set(hash_array(pa.array(values)).tolist())) == len(values)


def test_nulls_that_own_bytes() -> None:
    """A null text whose slot still has bytes is a null."""
    offsets = pa.py_buffer(np.array([0, 2, 4], np.int32))
    array = pa.Array.from_buffers(pa.string(), 2, [pa.py_buffer(b"\x01"), offsets, pa.py_buffer(b"AABB")])
    assert hash_array(array).tolist() == [hash_text("AA"), NULL_HASH]


def test_floats_have_one_zero_and_one_nan() -> None:
    """-0.0 is 0.0, every NaN is the same, float32 is the float64 it stands for."""
    payload = np.array([0x7FF8000000000001, 0xFFF8000000000000], np.uint64).view(np.float64)
    found = hash_array(pa.array([0.0, -0.0, float("nan"), *payload]))
    assert len(set(found.tolist())) == 2
    assert hash_array(pa.array([0.5], pa.float32()))[0] == hash_array(pa.array([0.5]))[0]


def test_moments_of_any_unit() -> None:
    """A second, a microsecond and a date are the same moment."""
    expected = hash_array(pa.array([86_400_000_000], pa.timestamp("us")))
    for value, kind in (
        (86_400, pa.timestamp("s")),
        (86_400_000_000_000, pa.timestamp("ns", tz="UTC")),
        (1, pa.date32()),
    ):
        assert np.array_equal(
            hash_array(
                pa.array([value], pa.int64()).cast(pa.int32() if kind == pa.date32() else pa.int64()).cast(kind)
            ),
            expected,
        )


def test_long_texts_and_the_end_of_the_buffer() -> None:
    """Texts around the limit of a kilobyte, and at the very end of their buffer, hash as they do alone."""
    values = ["x" * length for length in (1, 7, 8, 9, 1023, 1024, 1025, 5000, 3)]
    alone = [int(hash_text(value)) for value in values]
    assert hash_array(pa.array(values)).tolist() == alone
    assert len(set(alone)) == len(values)


def test_empty_and_null_arrays() -> None:
    """Nothing hashes to nothing; a null column is all nulls."""
    for kind in (pa.int64(), pa.string(), pa.float64(), pa.bool_(), pa.null(), pa.dictionary(pa.int8(), pa.string())):
        assert len(hash_array(pa.array([], kind))) == 0
        assert hash_array(pa.array([None, None], kind)).tolist() == [NULL_HASH, NULL_HASH]


def test_lists_are_refused() -> None:
    """A type that has no hash says so."""
    with pytest.raises(InvalidInput, match="cannot be hashed"):
        hash_array(pa.array([[1]]))


def test_bits_are_spread() -> None:
    """Of consecutive integers every bit of the hash is set half of the time, high bits and low."""
    hashes = hash_array(pa.array(range(20_000)))
    shares = [float(((hashes >> np.uint64(bit)) & np.uint64(1)).mean()) for bit in range(64)]
    assert max(abs(share - 0.5) for share in shares) < 0.02
    assert len(np.unique(mix(np.arange(1000, dtype=np.uint64)))) == 1000


@_SETTINGS
@given(st.lists(st.integers(0, 2**64 - 1), min_size=2, max_size=2))
def test_one_word_is_an_array_of_one(words: list[int]) -> None:
    """Python's integers give what NumPy gives."""
    left, right = (np.array([word], dtype=np.uint64) for word in words)
    assert mix_word(words[0]) == int(mix(left)[0])
    assert combine_words(*words) == int(combine(left, right)[0])


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 16, 1023, 1024, 1025, 5000])
def test_one_text_is_an_array_of_one(length: int) -> None:
    """At every length, above the one from which texts are hashed another way, and for text that is no UTF-8."""
    text = ("é🛫" + "abcdefgh" * 1000)[:length]
    assert int(hash_text(text)) == int(hash_array(pa.array([text]))[0])
    assert hash_text(text + "\ud800") != hash_text(text)
