"""A column as codes, each the rows of one value or range: what slices are put together from."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headrace.kinds import canonical_array, kind_of
from headrace.schema import format_moment

__all__ = ["CUT_KINDS", "Encoded", "Term", "encode_column"]

Term = tuple[str, str, str]
"""(column, operator, value as JSON), as in `headrace.slicing.Condition`."""

Codes = npt.NDArray[np.int16]
Bools = npt.NDArray[np.bool_]

_MOST_CODES = 1000
CUT_KINDS = ("text", "integer", "number", "boolean", "timestamp")


@dataclass(frozen=True)
class Encoded:
    """A column as codes.

    Parameters
    ----------
    name : str
        The column.
    codes : int16[num_rows]
        -1 where a row is of no value that enough rows have.
    terms : tuple of tuple of Term
        By code, what its rows meet.
    words : tuple of str
        By code, the same for people.
    """

    name: str
    codes: Codes
    terms: tuple[tuple[Term, ...], ...]
    words: tuple[str, ...]

    def of(self, rows: Bools) -> Encoded:
        """The marked rows."""
        return replace(self, codes=self.codes[rows])


def encode_column(name: str, column: pa.ChunkedArray, is_first: Bools, min_rows: int, num_bins: int) -> Encoded | None:
    """A column of text, numbers, booleans or moments; None for any other, and for one of which no value is frequent.

    Values and ranges are chosen by the rows marked in `is_first` alone: at least `min_rows` of them have each.
    """
    kind = kind_of(column.type)
    if kind not in CUT_KINDS or not len(column):
        return None
    array = column.combine_chunks()
    array = pa.concat_arrays(array.chunks) if isinstance(array, pa.ChunkedArray) else array
    array = canonical_array(array, name=name)
    if kind in ("integer", "number", "timestamp"):
        values = array.cast(pa.int64()) if kind == "timestamp" else array
        numbers = np.asarray(pc.fill_null(values.cast(pa.float64(), safe=False), float("nan")), np.float64)
        distinct = np.unique(numbers[is_first & ~np.isnan(numbers)])
        if len(distinct) > num_bins:
            return _ranges(name, kind, numbers, is_first, min_rows, num_bins)
    encoded = array.dictionary_encode()
    entries = encoded.dictionary.to_pylist() if kind != "timestamp" else encoded.dictionary.cast(pa.int64()).to_pylist()
    raw = np.asarray(pc.fill_null(encoded.indices, len(entries)), np.int64)
    if kind == "number":  # NaN is a value of its own to Arrow, and missing to us
        is_nan = np.array([value != value for value in entries] + [False])
        raw = np.where(is_nan[raw], len(entries), raw)
    counts = np.bincount(raw[is_first], minlength=len(entries) + 1)
    chosen: list[int] = np.flatnonzero(counts >= min_rows).tolist()
    chosen.sort(key=lambda code: (code == len(entries), str(entries[code]) if code < len(entries) else ""))
    chosen = chosen[:_MOST_CODES]
    terms, words = [], []
    for code in chosen:
        if code == len(entries):
            terms.append(((name, "is", "null"),))
            words.append(f"{name} missing")
        else:
            terms.append(((name, "==", json.dumps(_plain(entries[code], kind))),))
            words.append(f"{name} {_shown(entries[code], kind)}")
    return _encoded(name, raw, chosen, terms, words, len(entries) + 1)


def _ranges(
    name: str, kind: str, numbers: npt.NDArray[np.float64], is_first: Bools, min_rows: int, num_bins: int
) -> Encoded | None:
    known = numbers[is_first & ~np.isnan(numbers)]
    shares = np.arange(1, num_bins) / num_bins
    edges = np.unique(np.quantile(known, shares, method="higher"))
    edges = edges[(edges > known.min()) & np.isfinite(edges)]
    raw = np.searchsorted(edges, numbers, side="right")
    raw = np.where(np.isnan(numbers), len(edges) + 1, raw)
    counts = np.bincount(raw[is_first], minlength=len(edges) + 2)
    chosen = np.flatnonzero(counts >= min_rows).tolist()
    terms: list[tuple[Term, ...]] = []
    words: list[str] = []
    for code in chosen:
        if code == len(edges) + 1:
            terms.append(((name, "is", "null"),))
            words.append(f"{name} missing")
            continue
        ends = (edges[code - 1] if code else None, edges[code] if code < len(edges) else None)
        made = [
            (name, operator, json.dumps(_plain(end, kind)))
            for operator, end in zip((">=", "<"), ends, strict=True)
            if end is not None
        ]
        text = [None if end is None else _shown(end, kind) for end in ends]
        words.append(
            f"{name} below {text[1]}"
            if text[0] is None
            else f"{name} {text[0]} and above"
            if text[1] is None
            else f"{name} {text[0]} to {text[1]}"
        )
        terms.append(tuple(made))
    return _encoded(name, raw, chosen, terms, words, len(edges) + 2)


def _encoded(
    name: str, raw: npt.NDArray[np.int64], chosen: list[int], terms: Any, words: list[str], size: int
) -> Encoded | None:
    if not chosen:
        return None
    place = np.full(size, -1, np.int16)
    place[chosen] = np.arange(len(chosen), dtype=np.int16)
    return Encoded(name, place[raw], tuple(terms), tuple(words))


def _plain(value: Any, kind: str) -> Any:
    """A value as conditions write it."""
    if kind == "timestamp":
        return format_moment(int(value)) or str(int(value))
    if kind in ("integer", "number") and value == int(value) and abs(value) < 2**53:
        return int(value)
    return value.item() if isinstance(value, np.generic) else value


def _shown(value: Any, kind: str) -> str:
    plain = _plain(value, kind)
    return f"{plain:.6g}" if isinstance(plain, float) else json.dumps(plain) if isinstance(plain, bool) else str(plain)
