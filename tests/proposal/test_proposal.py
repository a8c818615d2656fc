"""Roles, features and rules proposed of real sorts of tables, and the file that they make."""

import re

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import headrace as hr
from headrace.errors import InvalidInput, UnknownName
from headrace.orchestration import Pipeline
from headrace.proposal import choose_label, find_null_words, pipeline_text, propose
from headrace.transformation import trace
from tests.proposal.tables import customers, oddities


def proposed(table, label=None, **options):
    """The proposal over a table."""
    data = hr.Dataset.from_arrow(table)
    statistics = hr.analyze(data)
    where = {"name": "it", "pattern": "it.parquet", "schema_file": "schema.yaml", "endpoint": "it", **options}
    types = {item.name: str(item.type) for item in data.arrow_schema}
    return propose(statistics, choose_label(statistics, label), types=types, **where)


def functions(text):
    """What the file defines."""
    namespace = {"__name__": "it"}
    exec(compile(text, "it.py", "exec"), namespace)
    return namespace


def names_of(features, table):
    """The features a function makes of a table's columns."""
    return [name for name, _ in trace(features, table.column_names).features]


def test_roles_of_customers():
    """What names a row, when it happened, whom it is about; slices by groups of people first."""
    found = proposed(customers(), "churned")
    assert (found.key, found.time, found.sensitive) == (("customerID",), "joined", ("email",))
    assert found.slices == ("gender", "contract")
    assert found.split == {"train": 8, "eval": 2}
    assert found.rules == ("roc_auc >= baseline + 0.05", "roc_auc >= champion - 0.02")
    assert found.warnings == ()


def test_features_of_customers():
    """An op a column by what was seen; a flag where many values are missing; what is left out has a reason."""
    found = proposed(customers(), "churned")
    assert {item.name: item.template for item in found.features} == {
        "gender": "ops.vocabulary({x})",
        "tenure": "ops.z_score({x})",
        "Monthly Charges": "ops.z_score({x})",
        "Monthly Charges_missing": "{x}.is_null()",
        "contract": "ops.vocabulary({x})",
        "joined_weekday": '({x}.cast("integer") // 86_400_000_000 + 3) % 7',
    }
    assert {item.column: item.reason for item in found.left_out} == {
        "customerID": "names the row",
        "email": "identifies people",
        "currency": "one value in all rows",
    }
    assert set(found.request) == {"gender", "tenure", "Monthly Charges", "contract", "joined"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT00:00:00Z", found.request["joined"])


def test_the_file_of_customers():
    """Short, with a reason a line; its names are the table's, and it is compiled and traced as it stands."""
    text = pipeline_text(proposed(customers(), "churned"))
    assert len(text.splitlines()) <= 40
    assert max(map(len, text.splitlines())) <= 120
    assert '"tenure": ops.z_score(x.tenure),  # 0 to 71' in text
    assert 'x["Monthly Charges"].is_null(),  # ' in text
    assert 'positive="yes"' in text and 'key=["customerID"]' in text
    defined = functions(text)
    assert isinstance(defined["it"], Pipeline)
    assert names_of(defined["features"], customers())[:2] == ["gender", "tenure"]


def test_whatever_columns_are_called_and_hold():
    """Each column of an odd table is a feature that can be computed, or is left out with a reason."""
    table = oddities()
    found = proposed(table, "status")
    features = functions(pipeline_text(found))["features"]
    graph = hr.transform(features, hr.Dataset.from_arrow(table, label="status"))
    assert graph.apply(table).num_rows == table.num_rows
    assert sorted(graph.feature_names) == sorted(item.name for item in found.features)
    used = {item.column for item in found.features}
    assert used.isdisjoint(item.column for item in found.left_out)
    assert used | {item.column for item in found.left_out} | {"status"} == set(table.column_names)
    reasons = {item.column: item.reason for item in found.left_out}
    assert reasons["decimal"] == "decimal128(10, 2): cast or flatten it before"
    assert "numbers all of them" in reasons["numbers as text"]
    assert reasons["only NaN"] == reasons["null"] == "null in every row"
    assert found.key == ("row",)


NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=8).filter(lambda name: name not in RESERVED)
RESERVED = {"@row_id", "target"}


@settings(max_examples=60, deadline=None)
@given(st.lists(NAMES, min_size=1, max_size=30, unique=True))
def test_any_names_make_a_file(names):
    """Whatever Unicode there is in names of columns, the file is Python, and names exactly these columns."""
    values = np.random.default_rng(0).normal(size=20)
    table = pa.table({**dict.fromkeys(names, values), "target": [0, 1] * 10})
    found = proposed(table, "target")
    features = functions(pipeline_text(found))["features"]
    assert sorted(names_of(features, table)) == sorted(item.name for item in found.features)


@pytest.mark.parametrize(
    ("values", "template"),
    [
        (np.arange(100) % 7, "{x}"),
        (np.arange(100) % 2 == 0, "{x}"),
        (np.random.default_rng(0).normal(size=100), "ops.z_score({x})"),
        (np.exp(np.random.default_rng(0).normal(0, 5, 100)), "ops.bucketize({x}, num_buckets=50)"),
        ([*np.random.default_rng(0).normal(size=99), np.inf], "ops.bucketize({x}, num_buckets=20)"),
        ([f"t{index % 60}" for index in range(100)], None),
        ([f"t{index % 9}" for index in range(100)], "ops.vocabulary({x})"),
        (np.arange(100).astype("datetime64[h]"), '{x}.cast("integer") // 3_600_000_000 % 24'),
        ((np.arange(100) % 5).astype("datetime64[D]"), "ops.z_score({x})"),
    ],
)
def test_an_op_for_each_sort_of_values(values, template):
    """What the figures of a column say decides."""
    values = values.astype("datetime64[us]") if getattr(values, "dtype", np.dtype(int)).kind == "M" else values
    found = proposed(pa.table({"a": values, "b": np.arange(100) % 3, "target": [0, 1] * 50}))
    assert [item.template for item in found.features if item.column == "a"] == ([template] if template else [])


@pytest.mark.parametrize(
    ("form", "hint"), [("31/{}/2024 10:00", "write them as 2024-01-31"), ("{}.5", "cast it before"), ("no {}", "texts")]
)
def test_texts_that_are_something_else(form, hint):
    """Days and numbers in a form of their own are told apart from mere texts."""
    texts = [form.format(index % 12 if "/" in form else index) + " " * (index // 12) for index in range(100)]
    (left,) = proposed(pa.table({"t": texts, "x": np.arange(100) % 7, "target": [0, 1] * 50})).left_out
    assert left.reason.endswith(hint)


def test_many_texts_are_hashed():
    """A column of many texts, each of them often, keeps the frequent ones and hashes the rest."""
    texts = [f"city {index % 150}" for index in range(1500)]
    found = proposed(pa.table({"city": texts, "target": [0, 1] * 750}))
    assert [item.template for item in found.features] == ["ops.vocabulary({x}, top_k=50, num_oov=16)"]


def test_wide_tables_are_lists():
    """Beyond a dozen features, columns of one sort are one line."""
    random = np.random.default_rng(0)
    table = pa.table({**{f"column {index}": random.normal(size=50) for index in range(200)}, "target": [0, 1] * 25})
    text = pipeline_text(proposed(table))
    assert "**{name: ops.z_score(x[name]) for name in NUMBERS},  # 200 columns: numbers" in text
    assert len(text.splitlines()) < 60
    assert len(names_of(functions(text)["features"], table)) == 200


def test_quantities_are_judged_against_the_mean():
    """A regression's objective is said, and its rules stand on the baseline."""
    random = np.random.default_rng(0)
    text = pipeline_text(proposed(pa.table({"a": random.normal(size=90), "target": random.normal(size=90)})))
    assert 'objective="reg:squarederror"' in text
    assert '"root_mean_squared_error <= baseline * 0.95"' in text


def test_keys_and_what_cannot_be():
    """A key asked for is taken, an unknown one named; a table of nothing but the label is refused with reasons."""
    table = customers()
    found = proposed(table, "churned", key=["gender", "tenure"])
    assert found.key == ("gender", "tenure")
    assert {"gender", "tenure"} <= {item.column for item in found.features}
    with pytest.raises(UnknownName, match="did you mean 'customerID'"):
        proposed(table, "churned", key=["customerId"])
    with pytest.raises(InvalidInput, match="no column to predict from") as caught:
        proposed(table.select(["customerID", "currency", "churned"]), "churned")
    assert "'currency': one value in all rows" in str(caught.value)


def test_words_for_null():
    """A word among numbers is null, the same word among texts is none; it is said to the source."""
    columns = {"age": ["1", "NA", "3.5", "?"], "at": ["2024-01-31", "-", None, "NA"], "land": ["NA", "CH", ".", "US"]}
    assert find_null_words(hr.analyze(hr.Dataset.from_arrow(pa.table(columns)))) == ("NA", "?", "-")
    assert find_null_words(hr.analyze(hr.Dataset.from_arrow(pa.table({"a": ["NA", "NA"], "b": [1, 2]})))) == ()
    text = pipeline_text(proposed(customers(), "churned", nulls=["NA"]))
    assert 'hr.Csv("it.parquet", nulls=["NA"])' in text


@pytest.mark.parametrize(
    ("columns", "key"),
    [
        ({"row": np.arange(100), "patient id": [f"P{index % 60}" for index in range(100)]}, ("patient id",)),
        ({"n": np.arange(1, 101)}, ("n",)),
        ({"PassengerId": np.arange(1, 101), "deckId": np.arange(100) % 3}, ("PassengerId",)),
        ({"id": [None, *range(99)]}, ()),
        ({"score": np.random.default_rng(0).permutation(1000)[:100]}, ()),
        ({"part_id": np.arange(100) % 4}, ()),
    ],
)
def test_keys(columns, key):
    """Who the row is about comes before its number; few values, nulls and mere numbers name nothing."""
    assert proposed(pa.table({**columns, "x": np.arange(100) % 7, "target": [0, 1] * 50})).key == key


def test_few_rows_are_said():
    """A table too small to learn from is not refused, but the person is told."""
    small = pa.table({"a": np.arange(30.0), "target": [0, 1] * 15})
    assert "too few to learn from" in proposed(small).warnings[0]
    rare = pa.table({"a": np.arange(300.0), "target": [1] * 5 + [0] * 295})
    assert "rarer value" in proposed(rare).warnings[0]
