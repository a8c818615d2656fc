"""length: texts have so many characters, binary so many bytes."""

from __future__ import annotations

import pyarrow as pa

from headrace.schema import Feature
from headrace.testing.check_cases import RowCheckCases
from headrace.validation.checks.length import Length
from tests.validation.spans import item_of, judge


class TestLength(RowCheckCases):
    """The laws of checks of rows."""

    check = Length
    feature = Feature("code", "text", min_length=2, max_length=3)
    right = ("AA", "éé😀", None)
    wrong = ("", "A", "AAAA")


def test_bytes_of_binary():
    """Binary counts bytes, and one end may be open."""
    table = pa.table({"raw": pa.array([b"", b"\xff\xff", None, b"abc"])})
    item = item_of(judge(table, Feature("raw", "binary", max_length=2)), "length")
    assert item is not None and item.value == 0.25
    assert item.message.endswith("the schema asks for at most 2 bytes")
    assert judge(table, Feature("raw", "binary", max_length=3)).ok


def test_what_has_no_length_is_left_alone():
    """A list where binary was described is another finding."""
    assert item_of(judge({"raw": [[1, 2, 3]]}, Feature("raw", "binary", max_length=2)), "length") is None
