"""Rules as text: what is read, what is written back, and how errors point."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.errors import InvalidInput
from headrace.rules import Rule, parse_rule

ROUND_TRIPS = [
    "roc_auc >= 0.85",
    "roc_auc > .85",
    "log_loss<=1e-3",
    "log_loss < -0.5",
    "roc_auc >= champion - 0.02 on every carrier with 1000 rows",
    "roc_auc >= champion-0.02",
    "log_loss <= champion * 1.05 by value",
    "roc_auc >= baseline + 0.2 on overall",
    "roc_auc >= 0.8 + 0.05",
    "roc_auc >= 0.7 on worst carrier",
    "roc_auc >= 0.7 on worst carrier,origin with 50 rows by value",
    "roc_auc >= 0.7 on every carrier, origin",
    "roc_auc >= 0.7 on carrier=AA",
    "roc_auc >= 0.7 on carrier=AA,origin=JFK",
    'roc_auc >= 0.7 on city="New York" with 5 rows',
    'roc_auc >= 0.7 on "my column"="a=b, \\"c\\""',
    'roc_auc >= 0.7 on every "my column"',
    "roc_auc >= 0.7 on carrier=null",
    'roc_auc >= 0.7 on carrier="null"',
    'roc_auc >= 0.7 on carrier=""',
    "roc_auc >= 0.7 on every=1",
    "roc_auc >= 0.7 on overall=x",
    "roc_auc >= 0.7 on every every",
    "roc_auc >= 0.7 on temp=-3.5",
    "  roc_auc   >=   0.7   on\tevery\tcarrier  ",
    "roc_auc >= 0.7 on city=São-Paulo",
]


@pytest.mark.parametrize("text", ROUND_TRIPS)
def test_a_rule_written_back_is_the_same_rule(text):
    """Whatever is read can be written, and reading that gives an equal rule with the same text."""
    rule = parse_rule(text)
    assert parse_rule(str(rule)) == rule
    assert str(parse_rule(str(rule))) == str(rule)


names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
texts = st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(
    ["null", "every", "with", '"', "=", ",", " "]
)
columns = st.lists(texts.filter(bool), min_size=1, max_size=3, unique=True).map(tuple)
numbers = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def rules(draw):
    """Any rule that can be made."""
    scope = draw(st.sampled_from(["overall", "every", "worst", "slice"]))
    named = () if scope == "overall" else draw(columns)
    reference = draw(st.sampled_from(["number", "champion", "baseline"]))
    adjustment = draw(st.sampled_from(["", "+", "-", "*"]))
    return Rule(
        draw(names),
        draw(st.sampled_from([">=", ">", "<=", "<"])),
        reference=reference,
        number=draw(numbers) if reference == "number" else 0.0,
        adjustment=adjustment,
        amount=draw(numbers) if adjustment else 0.0,
        scope=scope,
        columns=named,
        values=tuple(draw(st.none() | texts) for _ in named) if scope == "slice" else (),
        min_rows=draw(st.integers(0, 10**9)),
        by_value=draw(st.booleans()),
    )


@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(rules())
def test_any_rule_round_trips_through_text(rule):
    """Every rule that can exist has a text that reads back as it."""
    assert parse_rule(str(rule)) == rule


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(st.text(max_size=30) | st.text('roc_auc>=<0.58 on every carrier=,with10rows"by value', max_size=40))
def test_any_text_is_a_rule_or_one_clear_error(text):
    """No text makes the parser fail in another way than InvalidInput inside the text."""
    try:
        rule = parse_rule(text)
    except InvalidInput as error:
        assert 0 <= error.position <= len(text)
    else:
        assert parse_rule(str(rule)) == rule


def test_parts_are_read():
    """Each part of the grammar lands in its field."""
    rule = parse_rule("roc_auc >= champion - 0.02 on every carrier,origin with 1000 rows by value")
    assert rule == Rule(
        "roc_auc",
        ">=",
        "champion",
        adjustment="-",
        amount=0.02,
        scope="every",
        columns=("carrier", "origin"),
        min_rows=1000,
        by_value=True,
    )
    assert not rule.is_absolute
    assert parse_rule("x < baseline * 2").is_absolute


ERRORS = [
    ("", 0, "the name of a metric", ""),
    ("0.85 <= roc_auc", 0, "the name of a metric", ""),
    ("roc_auc", 7, ">=, >, <= or <", ""),
    ("roc_auc => 0.85", 8, ">=, >, <= or <", "did you mean '>='"),
    ("roc_auc == 0.85", 8, ">=, >, <= or <", ""),
    ("roc-auc >= 0.85", 3, ">=, >, <= or <", ""),
    ("roc_auc >=", 10, "a number, champion or baseline", ""),
    ("roc_auc >= champoin", 11, "a number, champion or baseline", "did you mean 'champion'"),
    ("roc_auc >= 85%", 13, "+, - or *", ""),
    ("roc_auc >= nan", 11, "a number, champion or baseline", ""),
    ("roc_auc >= 1e999", 11, "float64", ""),
    ("roc_auc >= 0.8.5", 11, "a number", ""),
    ("roc_auc >= champion -", 21, "a number", ""),
    ("roc_auc >= champion - x", 22, "a number", ""),
    ("roc_auc >= champion / 2", 20, "+, - or *", ""),
    ("roc_auc >= 0.85 over carrier", 16, "on, with", ""),
    ("roc_auc >= 0.85 on", 18, "every COLUMN", ""),
    ("roc_auc >= 0.85 on carrier", 19, "every COLUMN", "did you mean 'every carrier'"),
    ("roc_auc >= 0.85 on evry carrier", 19, "every COLUMN", "did you mean 'every'"),
    ("roc_auc >= 0.85 on every", 24, "a column", ""),
    ("roc_auc >= 0.85 on every a,a", 27, "each column once", ""),
    ("roc_auc >= 0.85 on carrier=", 27, "a value", ""),
    ("roc_auc >= 0.85 on a=b,c", 24, "= and a value", ""),
    ('roc_auc >= 0.85 on a="b', 21, "a value", ""),
    ("roc_auc >= 0.85 on overall with", 31, "a number of rows", ""),
    ("roc_auc >= 0.85 with 0 rows", 21, "at least 1 row", ""),
    ("roc_auc >= 0.85 with 1.5 rows", 21, "a number of rows", ""),
    ("roc_auc >= 0.85 with 10", 23, "'rows'", ""),
    ("roc_auc >= 0.85 with 10 row", 24, "'rows'", "did you mean 'rows'"),
    ("roc_auc >= 0.85 by", 18, "'value'", ""),
    ("roc_auc >= 0.85 by value on carrier=AA", 25, "the end", ""),
    ("roc_auc >= 0.85 wiht 10 rows", 16, "with", "did you mean 'with'"),
]


@pytest.mark.parametrize(("text", "position", "expected", "fix"), ERRORS)
def test_errors_point_at_the_character(text, position, expected, fix):
    """A rule that cannot be read says at which character, what was expected there, and what was meant."""
    with pytest.raises(InvalidInput) as caught:
        parse_rule(text)
    error = caught.value
    assert error.position == position
    assert error.where == f"character {position + 1}"
    assert expected in error.expected
    assert fix in error.fix
    assert str(error).endswith(" " * position + "^")


@pytest.mark.parametrize(
    "parts",
    [
        {"metric": "a b"},
        {"op": "=="},
        {"number": float("nan")},
        {"scope": "every"},
        {"columns": ("a",)},
        {"scope": "slice", "columns": ("a",)},
        {"scope": "every", "columns": ("a", "a")},
        {"min_rows": -1},
        {"amount": 1.0},
        {"reference": "champion", "number": 1.0},
    ],
)
def test_a_rule_that_has_no_text_cannot_be_made(parts):
    """Fields that no text could give are refused."""
    with pytest.raises(InvalidInput):
        Rule(**{"metric": "roc_auc", "op": ">=", **parts})


def test_only_text_is_a_rule():
    """Something else than text is refused, not guessed at."""
    with pytest.raises(InvalidInput, match="a rule is text"):
        parse_rule(0.85)
