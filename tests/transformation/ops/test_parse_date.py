"""ops.parse_date: the moment that a text says."""

import datetime
from typing import ClassVar

import pyarrow as pa
import pytest
from hypothesis import strategies as st

from headrace.dataset import Dataset
from headrace.errors import InvalidInput
from headrace.testing.op_cases import OpCases
from headrace.transformation import ops, transform

EPOCH = datetime.datetime(1970, 1, 1)


class TestParseDate(OpCases):
    """Of days as they are written, of days that there are not, and of any texts."""

    columns: ClassVar = {"t": "text"}
    values: ClassVar = {
        "t": st.one_of(
            st.dates().map(lambda day: f"{day.year:04}-{day.month:02}-{day.day:02}"),
            st.sampled_from(["", "2013-02-30", " 2013-01-01", "\u0662\u0660\u0661\u0663-01-01", "2013-01-01x"]),
        )
    }

    def features(self, x):
        """Days since 1970, and a part."""
        moment = ops.parse_date(x.t, form="%Y-%m-%d")
        return {"t": ops.days_between(EPOCH, moment), "month": moment.dt.month, "odd": moment.is_null()}

    def define(self, rows, fitted):
        """Python's dates."""

        def day(text):
            try:
                return datetime.date.fromisoformat(text) if text is not None and text.isascii() else None
            except ValueError:
                return None

        days = [day(row["t"]) for row in rows]
        return {
            "t": [None if item is None else float((item - EPOCH.date()).days) for item in days],
            "month": [None if item is None else float(item.month) for item in days],
            "odd": [float(item is None) for item in days],
        }


@pytest.mark.parametrize(
    ("form", "text", "moment"),
    [
        ("%d.%m.%Y %H:%M", "01.02.2013 23:05", datetime.datetime(2013, 2, 1, 23, 5)),
        ("%Y%j", "2012366", datetime.datetime(2012, 12, 31)),
        ("%Y-%m-%dT%H:%M:%S.%f%z", "2013-01-01T01:00:00.5+0100", datetime.datetime(2013, 1, 1, 0, 0, 0, 500_000)),
        ("%%%y%m%d", "%691231", datetime.datetime(1969, 12, 31)),
    ],
)
def test_forms(form, text, moment):
    """Each letter, and zones; without one it is UTC."""
    table = pa.table({"t": [text]})
    graph = transform(lambda x: {"f": x.t.str.parse_date(form) == moment}, Dataset.from_arrow(table))
    assert graph.apply(table)["f"].to_pylist() == [1.0]


@pytest.mark.parametrize("form", ["%B %Y", "%d.%m", "", "%Y%", "%Y %p"])
def test_forms_that_are_not(form):
    """Names of months follow the machine; without a year it is no moment."""
    with pytest.raises(InvalidInput, match="form"):
        transform(lambda x: {"f": ops.parse_date(x.t, form=form)}, Dataset.from_arrow(pa.table({"t": ["a"]})))
