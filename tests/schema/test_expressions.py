"""Conditions over columns: SQL's meaning, nulls included, and mistakes pointed at."""

from __future__ import annotations

import functools
import random

import duckdb
import pyarrow as pa
import pytest

from headrace.errors import InvalidInput, UnknownName
from headrace.kinds import canonical_array
from headrace.schema.expressions import parse_condition

COLUMNS = {
    "i": pa.array([1, -7, None, 0, 100, 7, -1, 3], pa.int64()),
    "j": pa.array([2, None, None, 0, -3, 7, 5, 3], pa.int64()),
    "x": pa.array([0.5, -1.25, 3.0, None, 2.5, 7.0, -0.5, 0.0], pa.float64()),
    "c": pa.array(["AA", "ua", "", None, "a%b", "AA", " x ", "é"], pa.large_string()),
    "t": canonical_array(pa.array([0, 10**15, None, 1, 86_400_000_000, 5, 7, 3], pa.timestamp("us", "UTC"))),
    "b": pa.array([True, False, None, True, False, None, True, False]),
}


@functools.cache
def _connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("set timezone = 'UTC'")
    connection.execute("set ieee_floating_point_ops = false")
    connection.execute("set error_on_division_by_zero = false")  # null, as here
    connection.register("rows", pa.table(COLUMNS))
    return connection


def _by_duckdb(text: str) -> list:
    return [row[0] for row in _connection().execute(f"select {text} from rows").fetchall()]


CASES = [
    "i < j",
    "i + 1 >= j * 2 - 3",
    "i / j > 0.5",
    "i % 3 = 1",
    "-i > 0 or x is null",
    "not (i = 1 and j = 2)",
    "i in (1, 7, null)",
    "i not in (1, 7)",
    "c in ('AA', 'é')",
    "x between -1 and 2.5",
    "i not between 0 and 5",
    "c like 'A%'",
    "c not like '_a'",
    "c like '%!%%'",
    "c is not null and length(c) = 2",
    "upper(c) = 'UA' or lower(c) = 'aa'",
    "c || 'z' = 'AAz'",
    "trim(c) = 'x'",
    "coalesce(j, i, -1) = -1",
    "greatest(i, j) = least(i, j)",
    "abs(i) = 7 and floor(x) = ceil(x)",
    "round(x) = 3",
    "regexp_matches(c, '^[A-Z]+$')",
    "starts_with(c, 'A') or ends_with(c, 'b') or contains(c, 'x')",
    "b",
    "not b or i > 0",
    "b is true",
    "b is not false",
    "(i > j) is not true",
    "case when i > 0 then x > 0 when i is null then false else b end",
    "case when i > 0 then 'p' else 'n' end = 'p'",
    "t >= timestamp '1970-01-01T00:00:01Z'",
    "year(t) = 2001 or hour(t) = 0",
    "epoch(t) < 1",
    "power(x, 2) > 1 and sqrt(abs(x)) < 2",
    "nullif(i, 7) is null",
    "null",
    "i = null",
    "3 > i and 'AA' = c",
    '"i" <> "j"',
    "i = 1 or (null and i = 2)",
]


@pytest.mark.parametrize("text", CASES)
def test_means_what_duckdb_means(text):
    """Row by row the same answer, null where it is unknown."""
    theirs = _by_duckdb(text.replace("timestamp '", "timestamptz '"))
    assert parse_condition(text)(COLUMNS).to_pylist() == theirs


def test_drawn_conditions_mean_what_duckdb_means():
    """Two hundred conditions drawn by a seed, nested four deep."""
    choose = random.Random(3)

    def number(depth):
        if depth == 0 or choose.random() < 0.3:
            return choose.choice(["i", "j", "x", "2", "0.5", "-1"])
        sign = choose.choice(["+", "-", "*", "/"])
        return f"({number(depth - 1)} {sign} {number(depth - 1)})"

    def condition(depth):
        kind = choose.randrange(7 if depth else 4)
        if kind == 0:
            return f"{number(2)} {choose.choice(['<', '<=', '=', '<>', '>', '>='])} {number(2)}"
        if kind == 1:
            return f"{choose.choice(['i', 'x', 'c', 'b'])} is {choose.choice(['', 'not '])}null"
        if kind == 2:
            return f"c {choose.choice(['', 'not '])}in ('AA', 'ua', '')"
        if kind == 3:
            return f"{number(1)} {choose.choice(['', 'not '])}between {number(1)} and {number(1)}"
        if kind == 4:
            return f"not ({condition(depth - 1)})"
        return f"({condition(depth - 1)} {choose.choice(['and', 'or'])} {condition(depth - 1)})"

    for _ in range(200):
        text = condition(4)
        assert parse_condition(text)(COLUMNS).to_pylist() == _by_duckdb(text), text


def test_words_in_any_case_and_columns_once():
    """AND and and are one word; columns are named once, in the order they come, and a quote is doubled."""
    found = parse_condition('I > 0 AND "the ""name""" IS NOT NULL and I < 5 and c = \'it\'\'s\'')
    assert found.columns == ("I", 'the "name"', "c")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "ends too early"),
        ("i >", "ends too early .*character 4"),
        ("i > 3)", r"'\)' stands .*character 6"),
        ("i ; drop", "';' has no meaning here .*character 3"),
        ("i is 3", "expected null, true or false"),
        ("i not 3", "expected in, between or like"),
        ("c like i", "a text in single quotes"),
        ("regexp_matches(c, i)", "computed"),
        ("abs(i, j) > 1", "abs with 2 values"),
        ("i = 99999999999999999999", "64 bits"),
        ("case else 1 end", "when"),
        ("(" * 300 + "i" + ")" * 300, "nested too deep"),
        ("i = 1 or " * 2000 + "b", "18,001 characters"),
    ],
)
def test_mistakes_are_pointed_at(text, said):
    """What is wrong, at which character, and what was expected."""
    with pytest.raises(InvalidInput, match=said):
        parse_condition(text)


def test_an_unknown_function_is_answered_with_the_nearest():
    """Only the functions that are listed; nothing is ever run by name."""
    with pytest.raises(UnknownName, match="did you mean 'lower'"):
        parse_condition("lowr(c) = 'a'")
    with pytest.raises(UnknownName, match="no function named 'exec'"):
        parse_condition("exec('a')")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("c > 1", "compared"),
        ("c + 1 > 2", "cannot be computed"),
        ("not i", "true or false should stand"),
        ("i", "is int64"),
        ("t - t > 0", "epoch"),
        ("x % 2 = 0", "whole numbers"),
        ("i * 9223372036854775807 > 0", "overflow"),
        ("regexp_matches(c, '(')", "regular expression"),
    ],
)
def test_types_that_do_not_go_together(text, said):
    """One error that says what the columns are, and what to do."""
    with pytest.raises(InvalidInput, match=said):
        parse_condition(text)(COLUMNS)
