"""What the texts of a CSV column are: the narrowest kind that takes them all, and the values in it.

A column's kind is the join of the kinds of its values, so neither the order of rows, nor where blocks or files end, nor
how many there are can be seen in it:

    null < integer < number < text        null < boolean < text        null < timestamp < text

| kind | a value of it | Arrow type |
|---|---|---|
| integer | `0`, `-17`: fits 64 bits | int64 |
| number | `1.5`, `-2e8`, `-0`, `nan`, `inf`, and every integer | float64 |
| boolean | `true`, `FALSE`: in any case | bool |
| timestamp | `2013-01-31`, `2013-01-31 10:00`, `2013-01-31T10:00:00.123+02:00`; no zone is UTC | timestamp[us, UTC] |
| text | everything else: `007`, `+41`, `1,5`, `0x1F`, `yes`, digits beyond 64 bits | string |

What begins with a zero or a plus is a code or a telephone number, not a quantity, and stays as it is written. Spaces
around a value count in texts alone, and a quoted empty value is null in all other kinds.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["TYPES", "convert", "find_strays", "join", "narrow"]

TYPES: Final[dict[str, pa.DataType]] = {
    "null": pa.null(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "text": pa.string(),
}

_WIDER = {
    "null": ("integer", "number", "boolean", "timestamp"),
    "integer": ("integer", "number"),
    "number": ("number",),
    "boolean": ("boolean",),
    "timestamp": ("timestamp",),
    "text": (),
}
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_ZONE = r"(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)"
_MOMENT = rf"^{_DATE}(?:[ T][0-9]{{2}}:[0-9]{{2}}(?::[0-9]{{2}}(?:\.[0-9]{{1,9}})?)?{_ZONE}?)?$"
_ZONED = rf"^{_DATE}[ T].*{_ZONE}$"
_LONGEST_INTEGER = 18  # that many digits always fit 64 bits


def join(left: str, right: str) -> str:
    """The narrowest kind that takes the values of both.

    >>> join("integer", "number"), join("integer", "boolean"), join("null", "timestamp")
    ('number', 'text', 'timestamp')
    """
    if left == right or right == "null":
        return left
    if left == "null":
        return right
    return "number" if {left, right} == {"integer", "number"} else "text"


def narrow(values: pa.Array, so_far: str = "null") -> str:
    """The kind of a column that was `so_far` and holds these texts too.

    Parameters
    ----------
    values : pyarrow.StringArray
        As written; null where nothing was written.
    so_far : str
        The kind of what was seen before.

    Cost: some 40 ns a value for numbers, 5 ns for what is text already.

    >>> narrow(pa.array(["1", None, " 2.5"])), narrow(pa.array(["007"])), narrow(pa.array(["True"]), "null")
    ('number', 'text', 'boolean')
    """
    if values.null_count == len(values):
        return so_far
    for kind in _WIDER[so_far]:
        found = _read(values, kind)
        if found is not None:
            return so_far if found.null_count == len(found) else kind
    return "text"


def convert(values: pa.Array, kind: str) -> pa.Array:
    """The values in a kind that `narrow` found for a column that holds them.

    >>> convert(pa.array(["2013-01-31", None]), "timestamp").cast(pa.string()).to_pylist()
    ['2013-01-31 00:00:00.000000Z', None]
    """
    if kind == "text":
        return values
    if kind == "null":
        return pa.nulls(len(values))
    found = _read(values, kind)
    if found is None:
        raise ValueError(f"not all values are {kind}")
    return found


def find_strays(values: pa.Array, kind: str, most: int) -> list[int]:
    """The places of the first values, `most` at most, that are not of a kind: what makes a column of numbers text.

    Cost: where one value is no number, two readings of all; the more there are, the sooner `most` are found.

    >>> find_strays(pa.array(["1", None, "forty", "2.5", "007"]), "number", 10)
    [2, 4]
    """
    if not most or not len(values) or _read(values, kind) is not None:
        return []
    if len(values) == 1:
        return [0]
    half = len(values) // 2
    found = find_strays(values.slice(0, half), kind, most)
    return found + [half + place for place in find_strays(values.slice(half), kind, most - len(found))]


def _read(values: pa.Array, kind: str) -> pa.Array | None:
    """The values in a kind; None where one is of another. Trimming is tried second: nearly no file needs it."""
    found = _READERS[kind](values)
    if found is None:
        trimmed = pc.ascii_trim_whitespace(values)
        trimmed = pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)
        if not trimmed.equals(values):
            found = _READERS[kind](trimmed)
    return found


def _first_bytes(values: pa.Array) -> tuple[npt.NDArray[np.int32], list[npt.NDArray[np.uint8]]]:
    """Each value's length, and its first three bytes; 0 beyond its end."""
    _, offsets, data = values.buffers()
    ends = np.frombuffer(offsets, np.int32, len(values) + 1, 4 * values.offset)
    text = np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)
    lengths = np.diff(ends)
    padded = text if len(text) > ends[-1] + 2 else np.concatenate([text[: ends[-1]], np.zeros(3, np.uint8)])
    return lengths, [np.where(lengths > place, padded[ends[:-1] + place], 0) for place in range(3)]


def _is_code(values: pa.Array) -> npt.NDArray[np.bool_]:
    """Which of some texts, that can be read as numbers, are written as nobody writes a quantity."""
    _, (first, second, third) = _first_bytes(values)
    first, second = np.where(first == ord("-"), second, first), np.where(first == ord("-"), third, second)
    found: npt.NDArray[np.bool_] = (first == ord("+")) | (
        (first == ord("0")) & (second >= ord("0")) & (second <= ord("9"))
    )
    return found


def _integers(values: pa.Array) -> pa.Array | None:
    try:
        found = values.cast(pa.int64())
    except pa.ArrowInvalid:
        return None
    lengths, (first, second, _) = _first_bytes(values)
    is_zero_led = ((first == ord("0")) & (lengths > 1)) | ((first == ord("-")) & (second == ord("0")))
    return None if is_zero_led.any() else found


def _numbers(values: pa.Array) -> pa.Array | None:
    try:
        found = values.cast(pa.float64())
    except pa.ArrowInvalid:
        return None
    if _is_code(values).any():
        return None
    lengths, _ = _first_bytes(values)
    if (lengths > _LONGEST_INTEGER).any():
        # A float would lose digits that an identifier is made of.
        digits = values.filter(pc.match_substring_regex(values, r"^-?[0-9]{19,}$").fill_null(False))
        try:
            digits.cast(pa.int64())
        except pa.ArrowInvalid:
            return None
    return found


def _booleans(values: pa.Array) -> pa.Array | None:
    lower = pc.ascii_lower(values)
    is_true = pc.equal(lower, "true")
    is_either = pc.or_(is_true, pc.equal(lower, "false"))
    return is_true if pc.all(is_either, min_count=0).as_py() else None


def _timestamps(values: pa.Array) -> pa.Array | None:
    head = values.slice(0, 64).drop_null()
    if len(head) and not pc.all(pc.match_substring_regex(head, _MOMENT)).as_py():
        return None  # before all are made distinct
    encoded = values.dictionary_encode()
    texts = encoded.dictionary
    if not pc.all(pc.match_substring_regex(texts, _MOMENT), min_count=0).as_py():
        return None
    texts = pc.replace_substring_regex(texts, r"(\.[0-9]{6})[0-9]+", r"\1")
    is_date = pc.equal(pc.binary_length(texts), 10)
    is_zoned = pc.match_substring_regex(texts, _ZONED)
    endings: Any = pc.if_else(is_date, "T00:00:00Z", pc.if_else(is_zoned, "", "Z"))
    try:
        moments = pc.binary_join_element_wise(texts, endings, "").cast(TYPES["timestamp"])
    except pa.ArrowInvalid:  # the 31st of February
        return None
    return moments.take(encoded.indices)


_READERS = {"integer": _integers, "number": _numbers, "boolean": _booleans, "timestamp": _timestamps}
