"""Methods, `.str` and `.dt` of an expression: what each records, and what it says of a name that is not there."""

import pyarrow as pa
import pytest

from headrace.dataset import Dataset
from headrace.errors import InvalidInput, Misuse, UnknownName
from headrace.transformation import trace, transform


def text_of(make):
    """The recorded expression as the user would write it."""
    traced = trace(lambda x: {"f": make(x)})
    return traced.text(traced.features[0][1])


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda x: x.t.str.lower().str.strip(), "strip(lower(x.t))"),
        (lambda x: x.t.str.upper(), "upper(x.t)"),
        (lambda x: x.t.str.replace("a", "b"), "replace(x.t, pattern='a', replacement='b')"),
        (lambda x: x.t.str.split("@", 1), "split(x.t, separator='@', index=1)"),
        (lambda x: x.t.str.slice(0, 2), "substring(x.t, start=0, stop=2)"),
        (lambda x: x.t.str.length() + 1, "(string_length(x.t) + 1)"),
        (lambda x: x.t.str.matches("a.*"), "matches(x.t, pattern='a.*')"),
        (lambda x: x.t.str.ngrams(2, 3), "character_ngrams(x.t, least=2, most=3)"),
        (lambda x: x.w.dt.day_of_week, "date_part(x.w, part='day_of_week')"),
        (lambda x: x.w.dt.at("Europe/Paris").hour, "date_part(x.w, part='hour', zone='Europe/Paris')"),
        (lambda x: x.a.is_between(1, 2), "((x.a >= 1) & (x.a <= 2))"),
        (lambda x: x.a.clip(0.0), "clip(x.a, low=0.0)"),
        (lambda x: abs(x.a), "absolute(x.a)"),
        (lambda x: x.t.is_in(["a", "b", "c"]), "(((x.t == 'a') | (x.t == 'b')) | (x.t == 'c'))"),
        (lambda x: x.t.is_in({"b", "a"}), "((x.t == 'a') | (x.t == 'b'))"),
    ],
)
def test_what_is_recorded(make, expected):
    """Each is the op of that name."""
    assert text_of(make) == expected


def test_is_in_and_contains_mean_what_they_say():
    """Null is in nothing, and is null; a pattern matches anywhere, line feeds or not."""
    table = pa.table({"t": ["a", "z", None, "x\nab"], "i": [1, 9, None, 2]})
    graph = transform(
        lambda x: {
            "t": x.t.is_in(["a", "b"]).fill_null(False),
            "null": x.t.is_in(["a"]).is_null(),
            "i": x.i.is_in((1, 2, 3)).fill_null(False),
            "has": x.t.str.contains("ab|z").fill_null(False),
        },
        Dataset.from_arrow(table),
    )
    assert [list(row.values()) for row in graph.apply(table).to_pylist()] == [
        [1.0, 0.0, 1.0, 0.0],
        [0.0, 0.0, 0.0, 1.0],
        [0.0, 1.0, 0.0, 0.0],
        [0.0, 0.0, 1.0, 1.0],
    ]


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda x: x.t.str.lowercase(), UnknownName, "lower"),
        (lambda x: x.w.dt.hours, UnknownName, "hour"),
        (lambda x: x.a.is_inn([1]), UnknownName, "is_in"),
        (lambda x: x.a.is_in("ab"), Misuse, "a list"),
        (lambda x: x.a.is_in(5), Misuse, "a list"),
        (lambda x: x.a.is_in([]), Misuse, "no value"),
        (lambda x: x.w.dt.at("Mars").hour, InvalidInput, "zone"),
        (lambda x: "a" in x.t, Misuse, "contains"),
    ],
)
def test_what_is_refused(make, error, words):
    """At the user's line, with the nearest name or what to write instead."""
    with pytest.raises(error, match=words) as caught:
        text_of(make)
    assert "test_accessors.py" in str(caught.value)
