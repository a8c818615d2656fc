"""What a schema's values may be: texts, limits, shares and names, each refused with where it stands."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from headrace.errors import InvalidInput, UnknownName
from headrace.kinds import Kind

__all__ = ["check_code", "check_count", "check_text", "check_texts", "limit_of", "pairs_of", "share_of"]

Pairs = tuple[tuple[str, Any], ...]


def check_text(value: object, what: str, where: str) -> None:
    """Text that Arrow and a file can hold: lone surrogates can be neither."""
    try:
        if not isinstance(value, str):
            raise InvalidInput(f"{what} = {value!r} is not text", where=where, expected="text", fix="put it in quotes")
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidInput(f"{what} = {value!r} holds a lone surrogate", where=where, expected="text") from None


def check_texts(values: object, what: str, where: str) -> tuple[str, ...]:
    """A list of distinct texts, as a tuple."""
    if isinstance(values, (str, Mapping)) or not isinstance(values, Iterable):
        raise InvalidInput(f"{what} = {values!r}", where=where, expected="a list of texts")
    found = tuple(values)
    seen: set[str] = set()
    for value in found:
        check_text(value, f"a value of {what}", where)
        if value in seen:
            raise InvalidInput(f"{what} holds {value!r} twice", where=where)
        seen.add(value)
    return found


def check_code(value: object, what: str, where: str) -> None:
    """The code of a check, as its file is called; whether there is one, `validate` says."""
    check_text(value, what, where)
    if not str(value).replace("_", "a").isalnum() or not str(value).isascii():
        raise InvalidInput(f"{what} = {value!r}", where=where, expected="the code of a check, such as domain")


def limit_of(value: object, kind: Kind, what: str, where: str) -> int | float:
    """A limit in the one form its kind has, so that 5 and 5.0 are the same schema."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise InvalidInput(f"{what} = {value!r}", where=where, expected="a finite number; leave it out for no limit")
    if kind == "number":
        exact = float(value) + 0.0  # -0.0 and 0.0 are one limit
        if exact != value:
            raise InvalidInput(f"{what} = {value!r} is no float64", where=where, expected=f"{exact!r}, the nearest one")
        return exact
    if value != int(value) or not -(2**63) <= value < 2**63:
        raise InvalidInput(f"{what} = {value!r}", where=where, expected="a whole number that fits int64")
    return int(value)


def share_of(value: object, what: str, where: str) -> float:
    """A share, 0 to 1, as a float."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.0 <= value <= 1.0:
        raise InvalidInput(f"{what} = {value!r}", where=where, expected="0 to 1")
    return float(value) + 0.0


def check_count(value: object, what: str, where: str) -> None:
    """A number of things: a whole number from 0, or None."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63):
        raise InvalidInput(f"{what} = {value!r}", where=where, expected="a whole number from 0")


def pairs_of(value: Any, what: str, where: str, known: Sequence[str] = ()) -> Pairs:
    """A mapping from text, or what it was made into before, as pairs in the order of their names.

    Raises UnknownName for a name that is not among `known`, where there are any.

    >>> pairs_of({"b": 1, "a": 2}, "limits", "feature 'x'")
    (('a', 2), ('b', 1))
    """
    if isinstance(value, Mapping):
        value = value.items()
    try:
        found = [(name, item) for name, item in value]
    except (TypeError, ValueError):
        raise InvalidInput(f"{what} = {value!r}", where=where, expected="names with values") from None
    for name, _ in found:
        check_text(name, f"a name in {what}", where)
        if known and name not in known:
            raise UnknownName(f"name in {what}", name, known, where=where)
    if len({name for name, _ in found}) != len(found):
        raise InvalidInput(f"{what} holds a name twice", where=where)
    return tuple(sorted(found, key=lambda pair: pair[0]))
