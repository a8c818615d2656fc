"""Drift: a fault is named with its column, slice, kind, values and rows; seasons warn; chance says nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.dataset import Dataset
from headrace.engine import LocalEngine
from headrace.schema import Schema
from headrace.validation import Waiver, validate
from headrace.validation.drift import new_spans
from tests.validation.changes import MONTHS, Breaks, compare, earlier, month, named, only, table
from tests.validation.spans import item_of, of_spans


def _where(name: str, values: Callable[[Any], Any], **where: str) -> Breaks:
    """A fault: a column's values changed, in the rows of a slice."""

    def breaks(columns: dict[str, Any], rng: np.random.Generator) -> None:
        inside = np.ones(len(columns["carrier"]), np.bool_)
        for column, value in where.items():
            inside &= columns[column] == value
        columns[name] = np.where(inside, values(columns[name]), columns[name])

    return breaks


FAULTS = {
    "drift_scale:distance:carrier=AA": _where("distance", lambda x: np.round(x * 1.609344).astype(int), carrier="AA"),
    "drift_scale:distance:carrier=HA": _where("distance", lambda x: np.round(x * 1.609344).astype(int), carrier="HA"),
    "drift_scale:seats": _where("seats", lambda x: x * 100),
    "drift_scale:distance:carrier=UA,origin=LGA": _where("distance", lambda x: x * 1000, carrier="UA", origin="LGA"),
    "drift_offset:temp:origin=JFK": _where("temp", lambda x: x + 273.15, origin="JFK"),
    "drift_recoded:flight": _where("flight", lambda x: x + 10_000),
    "drift_recoded:flight:carrier=UA": _where("flight", lambda x: x + 10_000, carrier="UA"),
    "drift_convention:tailnum": _where("tailnum", lambda x: np.array([one[1:] for one in x], object)),
    "drift_convention:tailnum:carrier=UA": _where(
        "tailnum", lambda x: np.array([f" {one}" for one in x], object), carrier="UA"
    ),
    "drift_nulls:tailnum:origin=LGA": _where("tailnum", lambda x: np.full(len(x), None, object), origin="LGA"),
    "drift_nulls:temp": _where("temp", lambda x: np.where(np.arange(len(x)) % 2 == 0, np.nan, x)),
    "drift_stuck:temp:carrier=AA": _where("temp", lambda x: np.full(len(x), 71.0), carrier="AA"),
    "drift_stuck:tailnum:origin=JFK": _where("tailnum", lambda x: np.full(len(x), "N/A", object), origin="JFK"),
    "drift_clipped:flight": _where("flight", lambda x: np.minimum(x, 1400)),
    "drift_flipped:late": _where("late", lambda x: ~x),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named(name: str) -> None:
    """Column, slice and kind of the one fault there is are in the name of the one error there is."""
    assert named(compare(FAULTS[name])) == [name]


def test_a_month_like_those_before_has_no_errors() -> None:
    """Without a fault there is no error; the season's temperature warns, and nothing else does."""
    validation = compare()
    assert validation.ok and validation.accepted.num_rows == 600
    warnings = [item for item in validation.items if item.severity == "warning"]
    assert [(item.code, item.feature) for item in warnings] == [("drift", "temp")]
    assert warnings[0].before is not None and "standard deviations" in warnings[0].message


def test_what_an_error_says() -> None:
    """The message is one sentence with factor, slice, medians, rows and a guess; example rows are of the slice."""
    item = only(compare(FAULTS["drift_scale:distance:carrier=AA"]))
    expected = (
        "distance: values are 1.609 times what they were where carrier = AA (median {} -> {}; {} rows of may): "
        "kilometres instead of miles?"
    )
    assert item.message == expected.format(item.before, item.after, item.num_rows)
    assert item.value == 1.609344 and item.severity == "error"
    carriers = month(104)["carrier"]
    assert item.num_rows == int((carriers == "AA").sum()) and len(item.rows) == 10
    assert [row.row_index for row in item.rows] == np.flatnonzero(carriers == "AA")[:10].tolist()
    assert {row.span for row in item.rows} == {"may"}


def test_nulls_say_which_rows() -> None:
    """Example rows of nulls are the null ones, and before and after are shares."""
    item = only(compare(FAULTS["drift_nulls:tailnum:origin=LGA"]))
    assert (item.before, item.after) == (0.0, 1.0) and "null in all rows where origin = LGA" in item.message
    assert all(row.value is None for row in item.rows)


def test_several_faults_are_each_named() -> None:
    """Three faults at once are three errors, and no other column has one."""
    chosen = ["drift_scale:distance:carrier=AA", "drift_recoded:flight", "drift_nulls:tailnum:origin=LGA"]

    def breaks(columns: dict[str, Any], rng: np.random.Generator) -> None:
        for name in chosen:
            FAULTS[name](columns, rng)

    assert named(compare(breaks)) == sorted(chosen)


def test_one_earlier_month_tells_no_nature() -> None:
    """With one earlier month what needs no history is an error; what only history could judge is a warning."""
    plain = compare(FAULTS["drift_scale:distance:carrier=AA"], before=("jan",))
    assert named(plain) == ["drift_scale:distance:carrier=AA"]
    clipped = compare(FAULTS["drift_clipped:flight"], before=("jan",))
    item = item_of(clipped, "drift_clipped")
    assert clipped.ok and item is not None and item.severity == "warning" and "one earlier span" in item.message


def test_what_earlier_months_show_is_no_fault() -> None:
    """A month column is new every month, a code that is renumbered every month too: neither is an error."""
    tables = {}
    for place, name in enumerate((*MONTHS, "may")):
        columns = month(100 + place)
        columns["month"] = np.full(600, place)
        columns["batch"] = np.array([f"{place}-{one}" for one in range(600)], object)
        tables[name] = table(columns)
    data, previous = of_spans({"may": tables.pop("may")}), of_spans(tables)
    validation = validate(data, Schema.from_arrow(data.arrow_schema), previous=previous)
    assert validation.ok, validation.summary
    item = next(item for item in validation.items if item.feature == "month")
    assert item.severity == "info" and item.message.endswith("as with every span")


def test_only_new_spans_are_compared() -> None:
    """Spans that `previous` has are not judged again; one of the same name with other rows is."""
    tables = earlier()
    broken = month(103)
    FAULTS["drift_scale:seats"](broken, np.random.default_rng(0))
    tables["apr"] = table(broken)
    previous = of_spans(tables)
    assert new_spans(of_spans({**tables, "may": table(month(104))}), previous) == ["may"]
    again = of_spans({**tables, "apr": table(month(103))})
    assert new_spans(again, previous) == ["apr"]
    data = of_spans({**tables, "may": table(month(104))}, label="late")
    assert validate(data, Schema.from_arrow(data.arrow_schema), previous=previous).ok
    same = validate(previous, Schema.from_arrow(previous.arrow_schema), previous=previous)
    item = item_of(same, "drift")
    assert item is not None and "no span is new" in item.message


def test_a_fault_in_two_new_months_is_one_item() -> None:
    """The same fault in several new spans is told once, its rows added up."""
    columns = [month(104), month(105)]
    for one in columns:
        FAULTS["drift_scale:distance:carrier=AA"](one, np.random.default_rng(0))
    data = of_spans({"may": table(columns[0]), "jun": table(columns[1])})
    item = only(validate(data, Schema.from_arrow(data.arrow_schema), previous=of_spans(earlier())))
    assert item.message.count("may, jun") == 1
    assert item.num_rows == sum(int((one["carrier"] == "AA").sum()) for one in columns)


def test_quarantine_sets_the_slice_aside() -> None:
    """Rows of a fault with a slice are set aside and the rest is accepted; the fault stays a warning."""
    validation = compare(FAULTS["drift_nulls:tailnum:origin=LGA"], quarantine=True)
    assert validation.ok and validation.quarantined is not None
    aside = validation.quarantined.to_arrow()
    assert set(aside["origin"].to_pylist()) == {"LGA"} and aside["tailnum"].null_count == aside.num_rows
    assert validation.accepted.num_rows + aside.num_rows == 600
    item = item_of(validation, "drift_nulls")
    assert item is not None and item.severity == "warning" and item.message.endswith("set aside")


def test_quarantine_cannot_take_all_rows() -> None:
    """A fault of all rows has no slice to set aside: it stays an error."""
    assert named(compare(FAULTS["drift_recoded:flight"], quarantine=True)) == ["drift_recoded:flight"]


def test_a_waived_fault_passes_with_its_rows() -> None:
    """A waiver by the error's name accepts the month whole, with or without quarantine."""
    waiver = Waiver.parse("drift_scale:distance:carrier=AA", by="ada", because="kilometres from now on")
    for quarantine in (False, True):
        validation = compare(FAULTS["drift_scale:distance:carrier=AA"], waivers=[waiver], quarantine=quarantine)
        item = item_of(validation, "drift_scale")
        assert validation.ok and validation.accepted.num_rows == 600
        assert item is not None and item.severity == "waived"


def test_sensitive_values_are_not_told() -> None:
    """A fault of a sensitive column is named without a value, and no slice is named by a sensitive column."""
    item = only(compare(FAULTS["drift_convention:tailnum"], roles={"sensitive": ("tailnum", "origin")}))
    assert (item.value, item.before, item.after) == (None, None, None) and "UA" not in item.message
    assert all(row.value is None for row in item.rows)
    hidden = compare(FAULTS["drift_nulls:tailnum:origin=LGA"], roles={"sensitive": ("origin",)})
    assert named(hidden) == ["drift_nulls:tailnum"]


def test_few_rows_are_no_answer() -> None:
    """Twelve rows beside many are neither the same nor other: an item says that the data are insufficient."""
    small = {name: values[:12] for name, values in month(101).items()}
    data = of_spans({"may": table(small)})
    validation = validate(data, Schema.from_arrow(data.arrow_schema), previous=of_spans(earlier()))
    item = item_of(validation, "drift_insufficient")
    assert validation.ok and item is not None and item.severity == "info" and item.num_rows == 12


def test_drift_of_one_slice_names_it() -> None:
    """A plain change of spread that is all in one slice says so."""

    def breaks(columns: dict[str, Any], rng: np.random.Generator) -> None:
        inside = columns["carrier"] == "UA"
        columns["seats"] = np.where(inside, rng.choice([300, 410], len(inside)), columns["seats"])

    item = next(item for item in compare(breaks).items if item.feature == "seats")
    assert (item.code, item.severity, item.slice) == ("drift", "warning", "carrier=UA")


@pytest.mark.parametrize("workers", [1, 2])
def test_the_engine_cannot_be_seen(workers: int) -> None:
    """Any number of threads, and rows in another order, give the same findings."""
    breaks = FAULTS["drift_scale:distance:carrier=UA,origin=LGA"]
    validation = compare(breaks, engine=LocalEngine(workers=workers))
    assert validation.digest == compare(breaks).digest

    def shuffled(columns: dict[str, Any], rng: np.random.Generator) -> None:
        breaks(columns, rng)
        order = np.random.default_rng(1).permutation(600)
        for name in columns:
            columns[name] = columns[name][order]

    assert [item.message for item in compare(shuffled).items] == [item.message for item in validation.items]


@pytest.mark.slow
def test_random_halves_do_not_drift() -> None:
    """Halves of the same rows, cut at random, have neither errors nor warnings: 60 cuts."""
    whole = table({name: np.concatenate([month(7)[name], month(7)[name]]) for name in month(7)})
    for seed in range(60):
        order = np.random.default_rng(seed).permutation(whole.num_rows)
        half, other = whole.take(order[:600]), whole.take(order[600:])
        data = of_spans({"new": half})
        validation = validate(data, Schema.from_arrow(half.schema), previous=of_spans({"old": other}))
        assert not [item for item in validation.items if item.severity != "info"], (seed, validation.summary)


COLUMNS = {
    "a": (pa.float64(), [None, 0.0, -0.0, 1.5, -1e308, 1e308, float("nan"), float("inf")]),
    "b": (pa.int64(), [None, 0, 1, -1, 7, 2**63 - 1, -(2**63)]),
    "c": (pa.string(), [None, "", " ", "a", "A", "ab", "é", "N123", "\x00"]),
    "d": (pa.bool_(), [None, True, False]),
    "e": (pa.timestamp("us", tz="UTC"), [None, 0, 1, 10**15]),
}


@settings(derandomize=True, max_examples=60, deadline=None)
@given(st.data())
def test_any_rows_can_be_compared(data: st.DataObject) -> None:
    """Whatever the rows, none, null, NaN, infinite or one value: an answer, and the same one again."""
    tables = []
    for _ in range(4):
        num_rows, times = data.draw(st.integers(0, 6)), data.draw(st.sampled_from([1, 40]))
        columns = {
            name: pa.array(
                data.draw(st.lists(st.sampled_from(some), min_size=num_rows, max_size=num_rows)) * times, kind
            )
            for name, (kind, some) in COLUMNS.items()
        }
        tables.append(pa.table(columns))
    new, previous = of_spans({"new": tables[0]}), of_spans({f"old{at}": one for at, one in enumerate(tables[1:])})
    schema = Schema.from_arrow(tables[0].schema)
    validation = validate(new, schema, previous=previous)
    assert validation.digest == validate(new, schema, previous=previous).digest


def test_nothing_before_is_said() -> None:
    """A previous data set without rows is no comparison, and an item says so."""
    empty = Dataset.from_arrow(table(month(1)).slice(0, 0), span="old")
    data = Dataset.from_arrow(table(month(2)), span="new")
    item = item_of(validate(data, Schema.from_arrow(data.arrow_schema), previous=empty), "drift")
    assert item is not None and "no rows" in item.message


@pytest.mark.parametrize("kind", [int, str])
def test_a_key_is_new_by_nature(kind: type) -> None:
    """New values of a key warn of nothing, whatever their type; the same column without that role does."""
    first = [kind(value) for value in range(1000)]
    second = [kind(value) for value in range(10_000, 11_000)]

    def names(**roles: Any) -> list[str]:
        data = of_spans({"feb": {"id": [*second, None], "x": [1.0] * 1001}}, **roles)
        previous = of_spans({"jan": {"id": [*first, None], "x": [1.0] * 1001}}, **roles)
        found = validate(data, Schema.from_arrow(data.arrow_schema), previous=previous)
        return [item.name for item in found.items if item.severity in ("error", "warning")]

    assert names(key=("id",)) == []
    assert len(names()) == 1 and names()[0].startswith("drift") and names()[0].endswith(":id")
