"""parse_rule: the text of a rule to a Rule, with errors that point at the character."""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Sequence
from typing import Any, NoReturn, cast

from headrace.errors import InvalidInput
from headrace.rules._rule import AMONG_SLICES, BARE, NAME, OPERATORS, Rule

__all__ = ["parse_rule"]

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?![\w.])")
_COUNT = re.compile(r"[0-9]+(?![\w.])")
_OPERATOR = re.compile(r"[<>=!~]+")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_SPACE = re.compile(r"\s*")
_TOKEN = re.compile(r"[<>=!~]+|[\w.]+|\S")
_SCOPES = ("overall", "every", "worst")


def parse_rule(text: str) -> Rule:
    """Read a rule.

    Use it to check a rule before anything is computed; `gate` calls it on each rule it is given.

    Parameters
    ----------
    text : str
        `<metric> <op> <number | champion | baseline | overall | highest | lowest> [+-* number]
        [on overall | every C | worst C | C=v] [with N rows] [by value]`. C may be several columns, `carrier,origin`
        (`carrier=AA,origin=JFK`). Columns and values with spaces, commas, quotes or = are written as JSON strings;
        null, bare, is the slice of rows without a value.

    Raises InvalidInput that points at the character, says what was expected there, and proposes the nearest; its
    `position` is the 0-based character.

    >>> parse_rule("roc_auc >= champion-0.02 on every carrier with 1000 rows").min_rows
    1000
    >>> str(parse_rule('log_loss<.5 on city="New York"'))
    'log_loss < 0.5 on city="New York"'
    """
    if not isinstance(text, str):
        raise InvalidInput(f"a rule is text, not {type(text).__name__}", expected="such as 'roc_auc >= 0.85'")
    return _Parser(text).rule()


class _Parser:
    """One pass from left to right; `position` is where what comes next starts."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self._skip()

    def _skip(self) -> None:
        match = _SPACE.match(self.text, self.position)
        assert match is not None
        self.position = match.end()

    def _take(self, pattern: re.Pattern[str]) -> str | None:
        match = pattern.match(self.text, self.position)
        if match is None:
            return None
        self.position = match.end()
        self._skip()
        return match.group()

    def _word(self, *words: str) -> str | None:
        """The word that comes next, if it is one of these."""
        start = self.position
        found = self._take(NAME)
        if found in words:
            return found
        self.position = start
        return None

    def _fail(self, expected: str, near: Sequence[str] = (), *, at: int | None = None, fix: str = "") -> NoReturn:
        position = self.position if at is None else at
        match = _TOKEN.match(self.text, position)
        found = match.group() if match else ""
        close = difflib.get_close_matches(found.lower(), near, n=1, cutoff=0.5) if found else []
        fix = fix or (f"did you mean {close[0]!r}?" if close else "")
        error = InvalidInput(
            f"cannot read the rule {self.text!r}: {found!r} is not what comes here"
            if found
            else f"the rule {self.text!r} stops too early",
            where=f"character {position + 1}",
            expected=expected,
            fix=f"{fix or 'here:'}\n    {self.text}\n    {' ' * position}^",
        )
        error.position = position  # type: ignore[attr-defined]  # promised by the docstring of parse_rule
        raise error

    def rule(self) -> Rule:
        parts: dict[str, Any] = {"metric": self._metric(), "op": self._operator()}
        parts.update(self._bound())
        left = ["+, - or *", "on", "with", "by value"]
        if self._word("on"):
            parts.update(self._scope())
            left = left[2:]
        elif "adjustment" in parts:
            left = left[1:]
        if self._word("with"):
            parts["min_rows"] = self._count()
            left = left[-1:]
        if self._word("by"):
            if not self._word("value"):
                self._fail("'value'", ["value"])
            parts["by_value"] = True
            left = []
        if self.position < len(self.text):
            self._fail(", ".join([*left, "or the end"]) if left else "the end", ["on", "with", "by"])
        return Rule(**parts)

    def _metric(self) -> str:
        found = self._take(NAME)
        if found is None:
            self._fail("the name of a metric, such as roc_auc")
        return found

    def _operator(self) -> str:
        start = self.position
        found = self._take(_OPERATOR)
        if found not in OPERATORS:
            meant = {"=": "", "==": "", "=>": ">=", "=<": "<=", ">>": ">", "<<": "<"}.get(found or "", "")
            self._fail(">=, >, <= or <", at=start, fix=f"did you mean {meant!r}?" if meant else "")
        return found

    def _finite(self) -> float:
        start = self.position
        found = self._take(_NUMBER)
        if found is None:
            self._fail("a number")
        value = float(found)
        if not math.isfinite(value):
            self._fail("a number that a float64 can hold", at=start)
        return value

    def _bound(self) -> dict[str, Any]:
        parts: dict[str, Any] = {}
        reference = self._word("champion", "baseline", *AMONG_SLICES)
        if reference:
            parts["reference"] = reference
        elif _NUMBER.match(self.text, self.position):
            parts["number"] = self._finite()
        else:
            self._fail("a number, champion or baseline", ["champion", "baseline", *AMONG_SLICES])
        adjustment = self._take(re.compile(r"[+*-]"))
        if adjustment:
            parts["adjustment"], parts["amount"] = adjustment, self._finite()
        return parts

    def _atom(self, what: str) -> tuple[str, bool]:
        """A column or a value, and whether it was quoted."""
        start = self.position
        quoted = self._take(_QUOTED)
        if quoted is not None:
            try:
                return cast(str, json.loads(quoted)), True
            except json.JSONDecodeError:
                self._fail("a JSON string", at=start)
        bare = self._take(BARE)
        if bare is None:
            self._fail(what)
        return bare, False

    def _comma(self) -> bool:
        return self._take(re.compile(",")) is not None

    def _column(self, columns: list[str]) -> None:
        start = self.position
        column, _ = self._atom("a column")
        if column in columns:
            self._fail("each column once", at=start)
        if not column:
            self._fail("a column", at=start)
        columns.append(column)

    def _scope(self) -> dict[str, Any]:
        start = self.position
        what = "overall, every COLUMN, worst COLUMN or COLUMN=value"
        first, is_quoted = self._atom(what)
        columns: list[str] = []
        if self.text.startswith(("=", ","), self.position):
            self.position = start
            return self._slice()
        if is_quoted or first not in _SCOPES:
            close = difflib.get_close_matches(first.lower(), _SCOPES, n=1, cutoff=0.6)
            self._fail(what, at=start, fix=f"did you mean '{close[0] if close else 'every ' + first}'?")
        if first == "overall":
            return {"scope": "overall"}
        self._column(columns)
        while self._comma():
            self._column(columns)
        return {"scope": first, "columns": tuple(columns)}

    def _slice(self) -> dict[str, Any]:
        columns: list[str] = []
        values: list[str | None] = []
        while True:
            self._column(columns)
            if self._take(re.compile("=")) is None:
                self._fail("= and a value")
            value, is_quoted = self._atom("a value")
            values.append(None if value == "null" and not is_quoted else value)
            if not self._comma():
                return {"scope": "slice", "columns": tuple(columns), "values": tuple(values)}

    def _count(self) -> int:
        start = self.position
        found = self._take(_COUNT)
        if found is None:
            self._fail("a number of rows, such as 1000")
        if int(found) == 0 or len(found) > 15:
            self._fail("at least 1 row", at=start)
        if not self._word("rows"):
            self._fail("'rows'", ["rows"])
        return int(found)
