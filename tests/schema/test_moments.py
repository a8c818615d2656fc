"""Moments: microseconds and RFC 3339 are two forms of one value."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.errors import InvalidInput
from headrace.schema import format_moment, parse_moment

_LOW, _HIGH = -62_135_596_800_000_000, 253_402_300_799_999_999  # the years 1 to 9999


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.integers(_LOW, _HIGH))
def test_text_and_back(micros: int) -> None:
    """Every moment of the years 1 to 9999 survives as text, and the standard library reads the text alike."""
    text = format_moment(micros)
    assert text is not None and parse_moment(text) == micros
    assert datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC) == timedelta(microseconds=micros)


@pytest.mark.parametrize("micros", [_LOW - 1, _HIGH + 1, 2**63 - 1, -(2**63)])
def test_years_without_text(micros: int) -> None:
    """Beyond the years 1 to 9999 there is no text, and that is said by None."""
    assert format_moment(micros) is None


@pytest.mark.parametrize(
    "text",
    [
        *("", "2013", "2013-02-30", "2013-01-01T00:00:00", "2013-01-01T25:00:00Z", "2013-01-01T00:00:60Z"),
        *("\uff12013-01-01", "2013-01-01T00:00:00.1234567Z", "2013-01-01T00:00:00+24:00", "0000-01-01"),
    ],
)
def test_what_is_no_moment(text: str) -> None:
    """A time without a zone, a day that there is not and stray characters are refused."""
    with pytest.raises(InvalidInput, match="is no moment"):
        parse_moment(text)
