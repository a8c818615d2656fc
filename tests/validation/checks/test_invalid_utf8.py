"""invalid_utf8: texts decode where the schema speaks of their characters."""

from __future__ import annotations

import pyarrow as pa
import pytest

from headrace.schema import Feature
from headrace.validation import Validation
from headrace.validation.checks.invalid_utf8 import InvalidUtf8
from tests.validation.spans import item_of, judge


def _text(values: list[bytes | None]) -> pa.Array:
    array = pa.array(values, pa.binary())
    return pa.Array.from_buffers(pa.string(), len(array), array.buffers(), array.null_count)


@pytest.mark.parametrize("encoded", [False, True])
def test_bytes_that_are_no_text(encoded):
    """Two of four rows, shown as escapes; in a dictionary too."""
    column = _text([b"AA", b"\xff\xfe", None, b"a\xe9"])
    column = column.dictionary_encode() if encoded else column
    found = judge(pa.table({"c": column}), Feature("c", "text", pattern="(?s).*"))
    item = item_of(found, "invalid_utf8")
    assert item is not None and item.value == 0.5
    assert [row.row_index for row in item.rows] == [1, 3] and r"'a\\xe9'" in item.message


def test_asked_of_some_columns_only():
    """A column of which nothing is said may hold anything; what decodes is right."""
    assert item_of(judge(pa.table({"c": _text([b"\xff"])}), Feature("c", "text")), "invalid_utf8") is None
    assert judge(pa.table({"c": _text([b"\xc3\xa9", b"", None])}), Feature("c", "text", max_length=1)).ok


def test_quarantine_and_the_schema_s_lengths():
    """Rows that do not decode are set aside; lengths of the others are judged."""
    found: Validation = judge(
        pa.table({"c": _text([b"\xff", b"abcd", b"a"])}), Feature("c", "text", max_length=2), quarantine=True
    )
    assert found.ok and found.num_quarantined == 2
    assert InvalidUtf8.code == "invalid_utf8"
