"""Folds and works as plain data."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from headrace.engine import build, describe
from headrace.errors import InvalidInput, UnknownName
from headrace.fold import Counts, Distribution, Sums
from headrace.slicing import SliceSpec


@dataclass(frozen=True)
class _FromElsewhere:
    x: int = 1


@pytest.mark.parametrize("work", [Distribution("x", "number"), Counts("é", "text"), SliceSpec(("a", "b")), SliceSpec()])
def test_round_trip_through_json(work: Any) -> None:
    """What travels as JSON comes back equal, tuples and all."""
    assert build(json.loads(json.dumps(describe(work)))) == work


def test_nested_parameters() -> None:
    """Parameters that are records themselves travel too."""
    plain = describe(Distribution("x", "number"))
    assert plain["class"].startswith("headrace.fold.")
    assert plain["parameters"]["column"] == "x"


def test_code_from_elsewhere_does_not_travel() -> None:
    """A class outside headrace and its entry points is refused on both ends."""
    with pytest.raises(InvalidInput, match="cannot travel"):
        describe(_FromElsewhere())
    for name in (
        f"{__name__}:_FromElsewhere",
        "os:system",
        "subprocess:Popen",
        "headrace.disk:remove_folder",
        "headrace.disk:shutil",
        "headrace.fold.sums:np",
        "headrace.engine.reference:_plain",
        "headrace.nothing:Sums",
        "headrace.fold.sums",
        "",
    ):
        with pytest.raises(UnknownName):
            build({"class": name, "parameters": {}})


def test_wrong_parameters_are_named() -> None:
    """A description whose parameters the class does not take is an InvalidInput."""
    with pytest.raises(InvalidInput, match="does not take"):
        build({"class": f"{Sums.__module__}:Sums", "parameters": {"colour": 1}})
