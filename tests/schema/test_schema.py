"""The Schema noun: one form for one meaning, and nothing in it that a column could not have."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from headrace.errors import InvalidInput, UnknownName
from headrace.schema import Feature, Schema


def test_equal_meanings_have_equal_digests() -> None:
    """5 and 5.0, 0.0 and -0.0, a list and a tuple say the same, so the digest is the same."""
    one = Schema((Feature("x", "number", min_present=1, min=0, max=5),))
    other = Schema((Feature("x", "number", min_present=1.0, min=-0.0, max=5.0),))
    assert one == other and one.digest == other.digest
    listed = Feature("c", "text", domain=["a", "b"])  # type: ignore[arg-type]  # what a person passes
    assert listed == Feature("c", "text", domain=("a", "b")) and hash(listed)


def test_digest_sees_every_field_but_the_review() -> None:
    """Changing any field of a feature changes the digest; having been looked at does not."""
    feature = Feature("x", "number")
    changes: list[dict[str, Any]] = [
        {"name": "y"},
        {"kind": "integer"},
        {"min_present": 0.5},
        {"min": 1},
        {"max": 1},
        {"allow_nan": False},
        {"not_in": ("serving",)},
    ]
    digests = {Schema((feature,)).digest, *(Schema((replace(feature, **change),)).digest for change in changes)}
    assert len(digests) == len(changes) + 1
    assert Schema((feature,), is_reviewed=False).digest == Schema((feature,)).digest


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"kind": "number", "min_present": 1.5}, "0 to 1"),
        ({"kind": "number", "min_present": True}, "0 to 1"),
        ({"kind": "number", "min": math.nan}, "finite"),
        ({"kind": "number", "max": math.inf}, "finite"),
        ({"kind": "number", "max": True}, "finite"),
        ({"kind": "number", "max": 2**53 + 1}, "no float64"),
        ({"kind": "integer", "max": 2**63}, "fits int64"),
        ({"kind": "integer", "max": 1.5}, "whole number"),
        ({"kind": "integer", "min": 2, "max": 1}, "above max"),
        ({"kind": "text", "min": 1}, "a min with kind 'text'"),
        ({"kind": "number", "domain": ("a",)}, "expected kind text"),
        ({"kind": "text", "domain": "abc"}, "a list of texts"),
        ({"kind": "text", "domain": ("a", "a")}, "twice"),
        ({"kind": "text", "domain": ("a", None)}, "not text"),
        ({"kind": "text", "domain": ("\ud800",)}, "surrogate"),
        ({"kind": "text", "allow_nan": False}, "says nothing"),
        ({"kind": "text", "not_in": ("a", "a")}, "twice"),
    ],
)
def test_what_cannot_be_is_refused(arguments: dict[str, Any], said: str) -> None:
    """A limit that the kind cannot have is refused, naming the feature."""
    with pytest.raises(InvalidInput, match=said) as caught:
        Feature("x", **arguments)
    assert "feature 'x'" in str(caught.value)


def test_unknown_kind_names_the_nearest() -> None:
    """A kind that there is not is answered with the nearest there is."""
    with pytest.raises(UnknownName, match="did you mean 'number'"):
        Feature("x", "numbre")  # type: ignore[arg-type]  # the mistake under test


def test_plain_form_round_trips() -> None:
    """from_plain reads what to_plain gave, and refuses keys it does not know."""
    schema = Schema((Feature("a", "integer", min=-(2**63)), Feature("b", "text", domain=(), not_in=("serving",))))
    assert Schema.from_plain(schema.to_plain()) == schema
    with pytest.raises(UnknownName, match="did you mean 'domain'"):
        Schema.from_plain({"format": 1, "features": [{"name": "a", "kind": "text", "domian": []}]})
    with pytest.raises(InvalidInput, match="format 3"):
        Schema.from_plain({"format": 3, "features": []})
    with pytest.raises(InvalidInput, match="without kind"):
        Schema.from_plain({"format": 1, "features": [{"name": "a"}]})


def test_look_up_and_environments() -> None:
    """Features are found by name; environments are the two known ones and those that features are not in."""
    schema = Schema((Feature("a", "integer"), Feature("y", "boolean", not_in=("serving", "replay"))))
    assert "a" in schema and "b" not in schema and schema["y"].kind == "boolean"
    assert schema.environments == ("replay", "serving", "training")
    assert schema["a"].is_in("serving") and not schema["y"].is_in("serving")
    with pytest.raises(UnknownName, match="no feature named 'b'"):
        schema["b"]
    with pytest.raises(InvalidInput, match="twice"):
        Schema((Feature("a", "integer"), Feature("a", "text")))


def test_from_arrow_says_what_types_say() -> None:
    """Arrow types give kinds and nothing else: nullable, no domain, no range."""
    schema = Schema.from_arrow(pa.schema([("a", pa.int8()), ("b", pa.dictionary(pa.int32(), pa.string()))]))
    assert [feature.kind for feature in schema.features] == ["integer", "text"]
    assert all(feature == Feature(feature.name, feature.kind) for feature in schema.features)
    assert not schema.is_reviewed
