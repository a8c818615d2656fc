"""Enforcing: rows outside the schema are refused, marked or let pass; what cannot be read is refused."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from headrace.errors import InvalidInput, InvalidRequest, UnknownName
from headrace.model.codec import Codec
from headrace.model.columns import InputColumn
from headrace.serving.answering import ask
from headrace.serving.core import Served, Serving
from headrace.serving.counting import FIRST_MARKED, FIRST_REFUSED, REASONS, Counters
from headrace.serving.enforcing import Enforcement
from headrace.serving.exchange import Asking

COLUMNS = (
    InputColumn("distance", "number", min=0.0, max=100.0),
    InputColumn("hour", "integer", min=0, max=23),
    InputColumn("carrier", "text", is_nullable=False),
)


class Model:
    """Adds up distance and hour."""

    def __init__(self):
        self.columns = COLUMNS
        self.codec = Codec(COLUMNS)
        self.signature = SimpleNamespace(columns=COLUMNS, label=None, ignored=())

    def predict_lanes(self, lanes, options=None):
        """One number a row."""
        return {"prediction": np.nan_to_num(lanes["number"][:, 0]) + lanes["integer"][:, 0]}


def reply(mode, *rows):
    """What comes of these rows, and the counter."""
    serving = Serving()
    serving.counters = Counters(None, 0)
    serving.enforcement = Enforcement([mode] if mode else [])
    serving.flip(Served("late", 1, "0" * 64, Model()))
    body = json.dumps({"instances": list(rows)}).encode()
    found = ask(serving, Asking("late", lambda served: served.model.codec.from_json(body), 1), lambda one: one)
    cells = serving.counters.of("late", 1).cells
    told = {
        name: {reason: cells[first + place] for place, reason in enumerate(REASONS) if cells[first + place]}
        for name, first in (("refused", FIRST_REFUSED), ("marked", FIRST_MARKED))
    }
    return found, told


GOOD = {"distance": 50.0, "hour": 5, "carrier": "AA"}
FAR = {"distance": 500.0, "hour": 5, "carrier": "AA"}
NOBODY = {"distance": None, "hour": None, "carrier": "AA"}


def test_ranges_are_refused_by_default():
    """Without a setting a number outside its range is refused, with the row and the column, and counted."""
    found, told = reply("", GOOD, FAR)
    assert isinstance(found.problem, InvalidRequest) and "row 1" in str(found.problem)
    assert told == {"refused": {"range": 2}, "marked": {}}


def test_warn_answers_and_counts():
    """With warn all rows are answered, and those outside are counted; nulls are none of them."""
    found, told = reply("late: warn", GOOD, FAR, NOBODY, {**GOOD, "hour": 24})
    assert found.prediction.tolist() == [55.0, 505.0, 0.0, 74.0]
    assert told == {"refused": {}, "marked": {"range": 2}}


def test_pass_answers():
    """With pass they are answered, and not counted."""
    found, told = reply("pass", FAR)
    assert found.prediction.tolist() == [505.0]
    assert told == {"refused": {}, "marked": {}}


@pytest.mark.parametrize("mode", ["reject", "warn", "pass"])
@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({**GOOD, "distance": "5"}, "type"),
        ({**GOOD, "dist": 5}, "column"),
        ({"distance": 5.0, "hour": 5}, "missing"),
        ({**FAR, "hour": 1.5}, "type"),
    ],
)
def test_what_cannot_be_read_is_refused(mode, row, reason):
    """No mode lets a row pass that a model cannot be asked about."""
    found, told = reply(mode, row)
    assert found.problem is not None
    assert told == {"refused": {reason: 1}, "marked": {}}


def test_settings_are_checked():
    """An unknown mode names the nearest, an endpoint must be named before a colon."""
    with pytest.raises(UnknownName, match="did you mean 'warn'"):
        Enforcement(["wran"])
    with pytest.raises(InvalidInput, match="names no endpoint"):
        Enforcement([": warn"])
