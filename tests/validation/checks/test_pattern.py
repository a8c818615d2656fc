"""pattern: a whole text matches a regular expression."""

from __future__ import annotations

import re

import pyarrow as pa
import pytest

from headrace.schema import Feature
from headrace.testing.check_cases import RowCheckCases
from headrace.validation.checks.pattern import Pattern
from tests.validation.spans import item_of, judge


class TestPattern(RowCheckCases):
    """The laws of checks of rows."""

    check = Pattern
    feature = Feature("tail", "text", pattern="N[0-9]+|-")
    right = ("N1", "N123", "-", None)
    wrong = ("", "n1", "N1 ", "xN1", "--", "N1\n")


def test_the_whole_text_is_meant():
    """Both arms of an alternative are anchored, and a newline at the end is a character."""
    item = item_of(judge({"tail": ["N1", "N1\n", "- ", None]}, TestPattern.feature), "pattern")
    assert item is not None and (item.value, item.threshold) == (0.5, 0.0)
    assert "does not match 'N[0-9]+|-' in 2 of 4 rows: 'N1\\n', '- '" in item.message


@pytest.mark.parametrize("pattern", ["[a-c]+", "a.c", r"\d{2,3}", "(?i)ab?", "[^x]*"])
def test_agrees_with_python(pattern):
    """`re.fullmatch` and RE2 say the same of what both can read."""
    texts = ["", "a", "abc", "aXc", "12", "1234", "AB", "x", "caba"]
    found = Pattern().at_fault(Feature("c", "text", pattern=pattern), pa.array(texts, pa.large_string()))
    assert found.to_pylist() == [re.fullmatch(pattern, text) is None for text in texts]


def test_a_share_may_be_tolerated():
    """One in four is right where a quarter is tolerated, and one more is not; then no row is set aside."""
    feature = Feature("tail", "text", pattern="N.*", tolerance={"pattern": 0.25})
    assert judge({"tail": ["N1", "N2", "N3", "x"]}, feature).ok
    found = judge({"tail": ["N1", "N2", "x", "y"]}, feature, quarantine=True)
    (item,) = found.errors
    assert (item.value, item.threshold, found.num_quarantined) == (0.5, 0.25, 0)


def test_a_very_long_text_stays_out_of_the_finding():
    """A megabyte is judged whole, and shown by its beginning."""
    (item,) = judge({"tail": ["N" + "1" * 2**20, "x" * 2**20]}, TestPattern.feature).errors
    assert item.value == 0.5 and len(item.message) < 300 and len(item.rows[0].value) == 1000
