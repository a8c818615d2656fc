"""One Python value into its lane's form: the slow, exact reading that every faster path must equal."""

from __future__ import annotations

import datetime
import re
import reprlib
from collections.abc import Callable
from typing import Any

import numpy as np

from headrace.errors import InvalidRequest
from headrace.model.columns import NULL_TEXT, InputColumn

__all__ = ["EXPECTED", "Reader", "is_bad_text", "parse_timestamp", "reader_of", "refuse", "show"]

# A value in (null included), its lane's value out; None out = null. Raises ValueError when the value does not fit.
Reader = Callable[[Any], Any]

EXPECTED = {
    "number": "a number",
    "integer": "a whole number of 64 bits such as 2013",
    "boolean": "true or false",
    "text": "a text",
    "list": "a list of values",
    "binary": 'a picture, in JSON as {"b64": "<base64 of PNG or JPEG>"}',
    "timestamp": 'an RFC 3339 timestamp such as "2013-01-31T05:00:00Z", or a day',
}

_INT64_LIMIT = 1 << 63
# From here on neighbouring whole numbers share one float: 9007199254740993.0 was read as ...992.0 long before us.
_EXACT_FLOAT_LIMIT = float(1 << 53)

_EPOCH = datetime.datetime(1970, 1, 1)
_EPOCH_UTC = _EPOCH.replace(tzinfo=datetime.UTC)
_MICROSECOND = datetime.timedelta(microseconds=1)
# Python's own parser takes week dates, ordinal dates and missing zones too, by version; RFC 3339 does not.
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ](?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}(?:\.([0-9]+))?"
    r"(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)


def show(value: Any, limit: int = 60) -> str:
    """A value for a message: its repr without lone surrogates, cut to `limit` characters, never deep or long."""
    try:
        text = repr(value[: limit + 1]) if isinstance(value, (str, bytes)) else reprlib.repr(value)
    except (ValueError, RecursionError):  # a whole number of thousands of digits; an object's own doing
        text = f"a {type(value).__name__}"
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= limit else text[: limit - 3] + "..."


def refuse(column: InputColumn, row: int | None, what: str) -> InvalidRequest:
    """The error for one value: what it is, the row and column, what was expected."""
    where = f"column {show(column.name)}" if row is None else f"row {row}, column {show(column.name)}"
    expected = EXPECTED[column.kind]
    if column.min is not None or column.max is not None:
        low = "" if column.min is None else f" from {column.min}"
        high = "" if column.max is None else f" up to {column.max}"
        expected += low + high + (" (microseconds since 1970, UTC)" if column.kind == "timestamp" else "")
    return InvalidRequest(what, where=where, expected=expected + (" or null" if column.is_nullable else ""))


def is_bad_text(text: str) -> bool:
    """Whether no model may hold this text: it begins with U+0000 (reserved for null) or has a lone surrogate."""
    if text.startswith("\x00"):
        return True
    if text.isascii():
        return False
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def parse_timestamp(text: str) -> int:
    """RFC 3339 text as int64 microseconds UTC; digits after the sixth are cut off (towards the past).

    A day alone is its first moment, as it is where a CSV file is read.

    Raises ValueError. A leap second (":60") and the year 0 do not exist here.

    >>> parse_timestamp("1970-01-01T01:00:00.0000019+01:00")
    1
    """
    # The commonest form, 2013-01-31T05:00:00Z, needs no regular expression.
    if (
        len(text) != 20
        or text[19] != "Z"
        or text[10] != "T"
        or text[4] != "-"
        or text[7] != "-"
        or text[13] != ":"
        or text[16] != ":"
    ):
        if _DAY.fullmatch(text):
            return (datetime.datetime.fromisoformat(text) - _EPOCH) // _MICROSECOND
        match = _RFC_3339.fullmatch(text)
        if match is None:
            raise ValueError("not RFC 3339")
        fraction = match.group(1)
        if fraction is not None:
            text = text.replace(f".{fraction}", f".{fraction[:6]:0<6}")
        text = text.upper()
        return (datetime.datetime.fromisoformat(text) - _EPOCH_UTC) // _MICROSECOND
    if not text.isascii() or text[11:13] > "23":
        raise ValueError("not RFC 3339")
    return (datetime.datetime.fromisoformat(text[:19]) - _EPOCH) // _MICROSECOND


def _read_number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError
    return float(value)


def _read_integer(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError
    if isinstance(value, float) and (not value.is_integer() or abs(value) >= _EXACT_FLOAT_LIMIT):
        raise ValueError
    number = int(value)
    if not -_INT64_LIMIT <= number < _INT64_LIMIT:
        raise ValueError
    return number


def _read_boolean(value: Any) -> Any:
    if not isinstance(value, bool):
        raise ValueError
    return int(value)


def _read_text(value: Any) -> Any:
    if not isinstance(value, str) or is_bad_text(value):
        raise ValueError
    return value if type(value) is str else str.__str__(value)


def _read_timestamp(value: Any) -> Any:
    if isinstance(value, str):
        return parse_timestamp(value)
    if isinstance(value, datetime.datetime):
        if value != value:  # pandas' NaT calls itself a datetime
            return None
        return (value - (_EPOCH if value.tzinfo is None else _EPOCH_UTC)) // _MICROSECOND
    if isinstance(value, datetime.date):
        return (datetime.datetime(value.year, value.month, value.day) - _EPOCH) // _MICROSECOND
    raise ValueError


_READ: dict[str, Reader] = {
    "number": _read_number,
    "integer": _read_integer,
    "boolean": _read_boolean,
    "text": _read_text,
    "timestamp": _read_timestamp,
}
_NULL: dict[str, Any] = {"number": float("nan"), "text": NULL_TEXT}


def reader_of(column: InputColumn) -> Callable[[Any, int], tuple[Any, bool]]:
    """The reading of one column: (value, row index) to (the lane's value, whether it is present).

    Beyond JSON's types it takes what Python rows hold: NumPy scalars, datetime and date (without a zone: UTC).
    Raises InvalidRequest that names row and column.
    """
    read, null = _READ[column.kind], _NULL.get(column.kind, 0)
    low, high = column.min, column.max

    def convert(value: Any, row: int) -> tuple[Any, bool]:
        if isinstance(value, np.generic):
            value = value.item()
        try:
            found = None if value is None else read(value)
        except (ValueError, OverflowError):
            what = f"{show(value)} is no {column.kind}"
            if isinstance(value, str) and column.kind in ("number", "integer", "boolean"):
                what = f"{show(value)} is a text"
            elif isinstance(value, str) and column.kind == "text":
                what = f"{show(value)} begins with U+0000 or holds a lone surrogate"
            raise refuse(column, row, what) from None
        if found is None:
            if not column.is_nullable:
                raise refuse(column, row, "null where none is allowed")
            return null, False
        if found != found and column.refuses_nan:
            raise refuse(column, row, "NaN where none is allowed")
        if (low is not None and found < low) or (high is not None and found > high):
            raise refuse(column, row, f"{show(value)} is out of range")
        return found, True

    return convert
