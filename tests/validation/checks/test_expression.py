"""expression: rows meet the schema's free checks."""

from __future__ import annotations

import pyarrow as pa
import pytest

from headrace.dataset import Dataset
from headrace.errors import InvalidInput
from headrace.schema import Feature, FreeCheck, Schema
from headrace.validation import Waiver, validate
from tests.validation.spans import of_spans

FEATURES = (Feature("low", "integer"), Feature("high", "integer", is_sensitive=False), Feature("c", "text"))
DATA = {"low": [1, 5, None, 3], "high": [2, 4, 0, 2], "c": ["a", "b", None, "d"]}


def _judge(data=None, *, features=FEATURES, expression="low <= high", **options):
    check = {key: options.pop(key) for key in ("severity", "max_share") if key in options}
    data = data or Dataset.from_arrow(pa.table(DATA))
    return validate(data, Schema(features, checks=(FreeCheck("ordered", expression, **check),)), **options)


def test_rows_at_fault_are_shown():
    """Two of four rows, with the values of the columns that the check reads; null is unknown, so right."""
    found = _judge()
    (item,) = found.errors
    assert (item.name, item.value, item.threshold) == ("expression:ordered", 0.5, 0.0)
    assert [(row.row_index, row.value) for row in item.rows] == [(1, "low=5, high=4"), (3, "low=3, high=2")]
    assert item.message.startswith("check 'ordered' is false for 2 of 4 rows: low <= high; as in low=5, high=4")


def test_sums_pairs_and_texts():
    """What others have a check each for: a sum over columns, one column's value by another's, a list."""
    assert _judge(expression="low + high = 9 or low + high <> 9").ok
    assert _judge(expression="case when c = 'a' then low = 1 else true end").ok
    assert _judge(expression="c in ('a', 'b', 'd')").ok


def test_severity_share_waiver_and_quarantine():
    """As grave as it says, tolerant as it says, let pass by its name, its rows set aside."""
    assert _judge(severity="warning").ok
    assert _judge(max_share=0.5).ok and not _judge(max_share=0.4).ok
    assert _judge(waivers=[Waiver.parse("expression:ordered", by="ada", because="known")]).ok
    kept = _judge(quarantine=True)
    assert kept.ok and kept.accepted.to_arrow()["low"].to_pylist() == [1, None]
    assert kept.quarantined.num_rows == 2


def test_sensitive_columns_are_hidden():
    """One sensitive column hides the row's values, in the message too."""
    hidden = (Feature("low", "integer", is_sensitive=True), *FEATURES[1:])
    (item,) = _judge(features=hidden).errors
    assert [row.value for row in item.rows] == [None, None] and "low=5" not in item.message


def test_spans_that_lack_a_column_are_another_finding():
    """Such a span is not judged by the check, and the check does not fail."""
    data = of_spans({"1": DATA, "2": {"low": [9], "c": ["x"]}, "3": {"low": ["t"], "high": [1], "c": ["x"]}})
    codes = {item.code: item for item in _judge(data).errors}
    assert codes["expression"].value == 0.5 and {"missing_column", "type"} <= set(codes)


def test_left_out_where_a_column_is_not_in_the_environment():
    """A check of the label is not asked at serving."""
    features = (Feature("low", "integer", not_in=("serving",)), *FEATURES[1:])
    data = Dataset.from_arrow(pa.table(DATA).drop_columns(["low"]))
    assert _judge(data, features=features, environment="serving").ok


def test_what_cannot_be_computed_is_one_error():
    """Whole numbers beyond 64 bits: which expression, and what to do."""
    with pytest.raises(InvalidInput, match=r"low \* 9223372036854775807.*x \* 1.0"):
        _judge(expression="low * 9223372036854775807 > 0")


def test_no_rows():
    """Of no rows nothing is false."""
    assert _judge(Dataset.from_arrow(pa.table(DATA).slice(0, 0))).ok
