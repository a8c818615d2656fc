"""validate: what is wrong is named, where it is, and only what is right is accepted."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.dataset import Dataset
from headrace.errors import InvalidInput, NotAccepted, UnknownName
from headrace.schema import Feature, Schema
from headrace.statistics import analyze
from headrace.validation import validate
from tests.validation.spans import Serial, item_of, judge, of_spans

N, C, LATE = (
    Feature("n", "number", min_present=1, min=0, max=9, allow_nan=False),
    Feature("c", "text", domain=("a", "b")),
    Feature("late", "boolean", min_present=1, not_in=("serving",)),
)


def test_accepted_carries_the_schema() -> None:
    """What was right is handed on with the schema it passed, rows and roles unchanged."""
    data = Dataset.from_arrow(pa.table({"n": [1.0], "c": ["a"], "late": [True]}), label="late")
    schema = Schema((N, C, LATE))
    validation = validate(data, schema)
    assert validation.ok and validation.accepted.schema == schema and validation.quarantined is None
    assert validation.accepted.to_arrow().equals(data.to_arrow()) and validation.accepted.roles.label == "late"
    assert [item.code for item in validation.items] == ["drift"]


def test_what_is_wrong_is_withheld_with_its_reasons() -> None:
    """Asking for what was not accepted raises, and the error holds the errors."""
    validation = judge({"n": [10.0, None], "c": ["x", "a"]}, N, C)
    with pytest.raises(NotAccepted, match="3 errors; column 'n'") as caught:
        _ = validation.accepted
    assert caught.value.items == validation.errors and len(validation.errors) == 3
    assert [(item.code, item.feature) for item in validation.items] == [
        ("presence", "n"),
        ("range", "n"),
        ("domain", "c"),
        ("drift", None),
    ]


def test_example_rows_name_span_file_and_row(tmp_path: Path) -> None:
    """Up to ten rows at fault are named by span, file and row in the file, in source order, across row groups."""
    good, bad = tmp_path / "good.parquet", tmp_path / "bad.parquet"
    pq.write_table(pa.table({"n": [1.0] * 9}), good)
    pq.write_table(pa.table({"n": [1.0, 99.0] * 15}), bad, row_group_size=4)
    data = Dataset.from_parquet([bad, good], span="2013-01")
    item = item_of(judge(data, N), "range")
    assert item is not None and item.value == 15 / 39
    places = [(row.span, row.file, row.row_index, row.value) for row in item.rows]
    assert places == [("2013-01", "bad.parquet", 2 * k + 1, 99.0) for k in range(10)]


def test_each_column_has_its_own_examples() -> None:
    """Examples of one column do not stand in for another's, whichever comes first."""
    validation = judge({"n": [99.0] * 30 + [1.0], "c": ["a"] * 30 + ["x"]}, N, C)
    assert [(item.feature, len(item.rows), item.rows[-1].row_index) for item in validation.errors] == [
        ("n", 10, 9),
        ("c", 1, 30),
    ]


def test_sensitive_values_are_not_shown() -> None:
    """Rows of a sensitive column are named without what they hold, in rows and message."""
    data = Dataset.from_arrow(pa.table({"c": ["a", "secret"]}), sensitive=["c"])
    item = item_of(judge(data, C), "domain")
    assert item is not None and item.rows[0].row_index == 1 and item.rows[0].value is None
    assert "secret" not in item.message


@pytest.mark.parametrize("label", [[True, None, False], [1.0, math.nan, 0.0], ["yes", None, "no"]])
def test_rows_without_a_label_are_counted_not_judged(label: list[object]) -> None:
    """A null (or NaN) label is no error even where the schema wants it present: it is counted and told."""
    data = Dataset.from_arrow(pa.table({"n": [1.0, 2.0, 3.0], "late": label}), label="late")
    kind = {"bool": "boolean", "double": "number", "string": "text"}[str(data.arrow_schema.field("late").type)]
    strict = Feature("late", kind, min_present=1, allow_nan=kind != "number")  # type: ignore[arg-type]  # a kind it is
    for quarantine in (False, True):
        validation = judge(data, N, strict, quarantine=quarantine)
        item = item_of(validation, "unlabelled_rows")
        assert validation.ok and item is not None and (item.severity, item.value, item.feature) == ("info", 1, "late")
        assert validation.num_unlabelled == 1 and validation.accepted.num_rows == 3


def test_environment_decides_which_features_are_judged() -> None:
    """In an environment a feature is not in it is neither demanded nor judged; an unknown environment is refused."""
    rows = {"n": [1.0], "c": ["a"], "late": pa.array([None], pa.bool_())}
    assert judge(rows, N, C, LATE, environment="serving").ok
    assert item_of(judge(rows, N, C, LATE), "presence") is not None
    with pytest.raises(UnknownName, match="did you mean 'serving'"):
        judge(rows, N, C, LATE, environment="servign")


def test_weights_of_the_wrong_type_and_roles_missing_in_a_span_are_findings() -> None:
    """A span without the label, or with a weight of text, is named by an item and does not stop the reading."""
    tables = {"jan": {"n": [1.0], "late": [True], "w": [1.0]}, "feb": {"n": [99.0], "w": ["heavy"]}}
    data = of_spans(tables, label="late", weight="w", key=("late",))
    validation = judge(data, N, LATE, Feature("w", "number"))
    assert [(item.code, item.feature) for item in validation.errors] == [
        ("range", "n"),
        ("missing_column", "late"),
        ("type", "w"),
    ]


def test_any_engine_finds_the_same() -> None:
    """Threads over pieces and a plain loop in batches of three give one digest."""
    table = pa.table({"n": [k % 12 + 0.5 for k in range(400)], "c": ["a", "b", None, "x"] * 100})
    assert judge(table, N, C).digest == judge(table, N, C, engine=Serial()).digest


class _NoReading:
    """An engine that must not be asked."""

    def fold(self, *_: object) -> list[object]:
        raise AssertionError("rows were read")


def test_statistics_spare_the_reading() -> None:
    """Columns that the statistics show to be right are not read; others are, and the findings are the same."""
    good = Dataset.from_arrow(pa.table({"n": [1.0, 9.0], "c": ["a", None], "t": pa.array([0, 1], pa.timestamp("s"))}))
    moment = Feature("t", "timestamp", min_present=1, min=0, max=1_000_000)
    assert judge(good, N, C, moment, statistics=analyze(good), engine=_NoReading()).ok
    for rows in (
        {"n": [None, math.nan, 10.0], "c": ["x", "a", None]},
        {"n": [1.0, math.inf, 1.0], "c": [None, None, None]},
        {"n": ["1", "2", None], "late": [True, None, False]},
    ):
        table = pa.table({name: pa.array(column) for name, column in rows.items()})
        data = Dataset.from_arrow(table)
        features = (replace(N, min_present=0.5), C, LATE)
        assert judge(data, *features, statistics=analyze(data)).items == judge(data, *features).items
    with pytest.raises(InvalidInput, match="statistics of 2 rows for a data set of 1"):
        judge({"n": [1.0]}, N, statistics=analyze(good))


def test_text_that_is_not_utf8_is_shown_escaped() -> None:
    """Bytes that are no UTF-8 are outside any domain, and shown as escapes."""
    column = pa.Array.from_buffers(pa.string(), 1, pa.array([b"\xffa"]).buffers())
    item = item_of(judge(pa.table({"c": column}), C), "domain")
    assert item is not None and item.rows[0].value == "\\xffa"


def test_no_rows_is_told() -> None:
    """A data set without rows passes, with a warning that nothing was judged."""
    item = item_of(judge({"n": pa.array([], pa.float64())}, N), "no_rows")
    assert item is not None and item.severity == "warning"


def test_drift_is_said_not_to_be_compared() -> None:
    """With or without a previous data set, and with served rows but no key, an item says what was not compared."""
    data = Dataset.from_arrow(pa.table({"n": [1.0]}))
    item = item_of(judge(data, N), "drift")
    assert item is not None and item.severity == "info" and "no previous" in item.message
    validation = judge(data, N, previous=data, serving=data)
    item = item_of(validation, "skew_value")
    assert item is not None and "no key" in item.message and validation.subjects["previous"] == data.digest


def test_quarantine_sets_aside_rows_at_fault_and_judges_the_rest() -> None:
    """Null, NaN, out of range and out of domain rows are set aside; the rest is accepted; none is lost."""
    table = pa.table(
        {
            "id": list(range(7)),
            "n": [1.0, None, math.nan, 99.0, 2.0, 3.0, 4.0],
            "c": ["a", "a", "a", "a", "x", None, "b"],
        }
    )
    data = Dataset.from_arrow(table, key=["id"], split={"train": 1, "eval": 1})
    validation = judge(data, Feature("id", "integer"), N, C, quarantine=True)
    assert validation.ok and validation.num_quarantined == 4 and validation.quarantined is not None
    assert validation.accepted.to_arrow()["id"].to_pylist() == [0, 5, 6]
    assert validation.quarantined.to_arrow()["id"].to_pylist() == [1, 2, 3, 4]
    item = item_of(validation, "quarantine")
    assert item is not None and (item.severity, item.value) == ("warning", 4) and "4 of 7 rows" in item.message


def test_quarantine_takes_no_row_whose_null_is_allowed() -> None:
    """Where a share may be null, no single null row is at fault: the share is judged on what is left."""
    feature = Feature("m", "integer", min_present=0.9)
    rows = {"n": [99.0, 1.0, 1.0, 1.0], "m": [1, None, None, 4]}
    validation = judge(rows, N, feature, quarantine=True)
    item = item_of(validation, "presence")
    assert validation.num_quarantined == 1 and item is not None and item.value == 1 / 3
    assert [row.row_index for row in item.rows] == [1, 2]  # places in the file, not among the rows left


def test_quarantine_of_nothing_is_empty() -> None:
    """Without a row at fault the quarantined data set has no rows, and shapes cannot be set aside."""
    validation = judge({"n": [1.0]}, N, C, quarantine=True)
    assert validation.quarantined is not None and validation.quarantined.num_rows == 0
    assert [item.code for item in validation.errors] == ["missing_column"]


def test_counts_are_those_of_duckdb() -> None:
    """Over several thousand rows the shares are what DuckDB counts."""
    rows = duckdb.sql(
        "select case when i % 7 = 0 then null when i % 11 = 0 then 'NaN'::double else i % 13 end as n,"
        " case when i % 5 = 0 then null else chr(97 + (i % 3)::int) end as c from range(5000) as r(i)"
    ).to_arrow_table()
    shares = duckdb.sql(
        "select avg((n is null)::int), avg(coalesce(isnan(n), false)::int),"
        " avg(coalesce(n > 9 and not isnan(n), false)::int), avg(coalesce(c = 'c', false)::int) from rows"
    ).fetchall()[0]
    found = {item.code: item.value for item in judge(rows, N, C).errors}
    assert found == pytest.approx(
        {"presence": 1 - shares[0], "nan": shares[1], "range": shares[2], "domain": shares[3]}, abs=1e-12
    )


columns = st.lists(
    st.tuples(
        st.sampled_from([None, math.nan, -1.0, 0.0, 9.0, 9.5, math.inf]), st.sampled_from([None, "a", "b", "", "é"])
    ),
    max_size=12,
)


@settings(derandomize=True, max_examples=30, deadline=None)
@given(st.lists(columns, min_size=1, max_size=3))
def test_accepted_and_quarantined_are_all_rows(spans: list[list[tuple[float | None, str | None]]]) -> None:
    """Whatever the rows: after quarantine the rest validates clean, and no row is lost or doubled."""
    tables = {
        f"s{k}": pa.table(
            {"n": pa.array([n for n, _ in rows], pa.float64()), "c": pa.array([c for _, c in rows], pa.string())}
        )
        for k, rows in enumerate(spans)
    }
    data = of_spans(tables)
    validation = judge(data, N, C, quarantine=True)
    assert validation.ok and validation.quarantined is not None
    kept, aside = validation.accepted, validation.quarantined
    assert kept.num_rows + aside.num_rows == data.num_rows == validation.num_rows + validation.num_quarantined
    again = judge(kept, N, C)
    assert again.ok and not again.errors and judge(data, N, C).ok == (aside.num_rows == 0)
    for row in aside.to_arrow().to_pylist():
        fine = row["n"] is not None and 0 <= row["n"] <= 9 and row["c"] in (None, "a", "b")
        assert not fine
