"""The Feature noun: what one column must look like, as a person writes it in the schema's file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from headrace.errors import InvalidInput, UnknownName
from headrace.kinds import KINDS, PLAIN_KINDS, Kind
from headrace.schema.checking import check_code, check_count, check_text, check_texts, limit_of, pairs_of, share_of

__all__ = ["DISTANCES", "FIGURES", "ORDERS", "ROLES", "SEVERITIES", "STAGES", "Feature"]

STAGES = ("planned", "alpha", "beta", "production", "deprecated", "debug")
ROLES = ("label", "key", "weight", "time")
ORDERS = ("increasing", "strictly_increasing", "decreasing", "strictly_decreasing")
NEW_VALUES = ("fail", "add", "quarantine")
SEVERITIES = ("error", "warning", "info")
# What drift and skew are measured by, where a person gives a threshold (`max_drift`, `max_skew`).
DISTANCES = (
    "wasserstein",
    "jensen_shannon",
    "nulls",
    "never_seen",
    "population_stability",
    "l_infinity",
    "normalized_difference",
    "g_test",
)
# The figures of a column that may be given limits: those of FeatureStatistics that are one number.
FIGURES: tuple[str, ...] = (
    "mean",
    "median",
    "std_dev",
    "skewness",
    "kurtosis",
    "min",
    "max",
    "num_present",
    "num_zeros",
    "num_distinct",
    "share_distinct",
    "mean_length",
)
FIGURES += tuple(f"p{percent}" for percent in range(1, 100))  # percentiles
_RANGED = ("integer", "number", "timestamp")
_COMPARED = (*sorted(PLAIN_KINDS), "binary")  # kinds whose values can be told apart
_ONE_OF = {"stage": STAGES, "role": ROLES, "order": ORDERS, "new_values": NEW_VALUES}
_PAIRED = ("severity", "tolerance", "min_present_in", "max_drift", "max_skew", "limits")

Pairs = tuple[tuple[str, float], ...] | Mapping[str, float]
Words = tuple[tuple[str, str], ...] | Mapping[str, str]
Ranges = tuple[tuple[str, tuple[float | None, float | None]], ...] | Mapping[str, Any]


@dataclass(frozen=True)
class Feature:
    """What one column must look like.

    Parameters
    ----------
    name : str
        The column's name.
    kind : Kind
        integer, number, boolean, text, timestamp, list ... (`headrace.kinds`).
    min_present : float
        The smallest share of rows (0..1) that must not be null; 1.0 = never null.
    domain : tuple of str or None
        The values a text may take; None = any. Null is never in it: `min_present` speaks of nulls.
    min, max : float or int or None
        The range a number, integer or timestamp (int64 microseconds UTC) may lie in, both ends included.
    allow_nan : bool
        Whether a number may be NaN.
    not_in : tuple of str
        Environments where the feature is absent; a label is not in "serving".
    min_present_in : mapping of str to float
        Another `min_present` in some environments: `{"serving": 0.9}`.
    allow_infinite : bool
        Whether a number may be infinite.
    domain_from : str or None
        The name of a domain in the schema's `domains`, instead of one of its own.
    new_values : "fail", "add" or "quarantine"
        What becomes of a text outside the domain: an error; it joins the domain, which is told as a warning; its row
        is set aside.
    pattern : str or None
        A regular expression that a whole text must match, in RE2's syntax (no look-around, no back-references).
    min_length, max_length : int or None
        Length of a text in characters, of binary in bytes; both ends included.
    min_values, max_values : int or None
        How many values a list in a row may hold, both ends included; a null row is `min_present`'s.
    values_kind : Kind or None
        The kind of a list's values.
    is_unique : bool
        Whether no value may come twice. Nulls may.
    order : str or None
        "increasing", "strictly_increasing", "decreasing" or "strictly_decreasing": how each value relates to the one
        before it in its file, nulls left out.
    limits : mapping of str to (min, max)
        Limits of the column's figures, None = open: `{"mean": (0, 30), "num_distinct": (None, 500)}`; `FIGURES` has
        the names, percentiles p1 to p99 among them.
    tolerance : mapping of str to float
        Code of a check of rows -> the share of rows (0..1) that may be at fault: `{"pattern": 0.01}`.
    severity : mapping of str to str
        Code -> "error", "warning" or "info": how grave this feature's findings of that code are.
    max_drift, max_skew : mapping of str to float
        Distance (`DISTANCES`) -> the most that the column may lie from what was before, or from what was served.
    stage : str
        "production": judged. "beta": what would be an error is a warning. "planned", "alpha", "deprecated", "debug":
        whatever is found is told, and may be missing.
    role : str or None
        "label", "key", "weight" or "time": the role that the data set must give this column, and no other.
    is_sensitive : bool
        Whether values are shown nowhere, as if the data set had said so.

    Raises
    ------
    InvalidInput
        A limit that the kind cannot have: a domain that is no text's, a range upside down or not finite, a pattern
        that is no regular expression.

    >>> Feature("late", "boolean", not_in=("serving",)).is_in("serving")
    False
    """

    name: str
    kind: Kind
    min_present: float = 0.0
    domain: tuple[str, ...] | None = None
    min: float | int | None = None
    max: float | int | None = None
    allow_nan: bool = True
    not_in: tuple[str, ...] = ()
    min_present_in: Pairs = ()
    allow_infinite: bool = True
    domain_from: str | None = None
    new_values: str = "fail"
    pattern: str | None = None
    min_length: int | None = None
    max_length: int | None = None
    min_values: int | None = None
    max_values: int | None = None
    values_kind: Kind | None = None
    is_unique: bool = False
    order: str | None = None
    limits: Ranges = ()
    tolerance: Pairs = ()
    severity: Words = ()
    max_drift: Pairs = ()
    max_skew: Pairs = ()
    stage: str = "production"
    role: str | None = None
    is_sensitive: bool = False

    def __post_init__(self) -> None:
        where = f"feature {self.name!r}"
        check_text(self.name, "name", "schema")
        if self.kind not in KINDS:
            raise UnknownName("kind", str(self.kind), KINDS, where=where)
        object.__setattr__(self, "min_present", share_of(self.min_present, "min_present", where))
        for what in ("allow_nan", "allow_infinite", "is_unique", "is_sensitive"):
            if not isinstance(getattr(self, what), bool):
                raise InvalidInput(f"{what} = {getattr(self, what)!r}", where=where, expected="true or false")
        for what in ("allow_nan", "allow_infinite"):
            if not getattr(self, what) and self.kind != "number":
                raise InvalidInput(f"{what} says nothing about kind {self.kind!r}", where=where, fix="leave it out")
        for what, known in _ONE_OF.items():
            word: Any = getattr(self, what)
            if word is not None and word not in known:
                raise UnknownName(what, str(word), known, where=where)
        self._check_domain(where)
        self._check_range(where)
        self._check_text(where)
        self._check_values(where)
        self._check_pairs(where)

    def _check_domain(self, where: str) -> None:
        for what in ("domain", "not_in"):
            if getattr(self, what) is not None:
                object.__setattr__(self, what, check_texts(getattr(self, what), what, where))
        has_domain = self.domain is not None or self.domain_from is not None
        if has_domain and self.kind != "text":
            raise InvalidInput(
                f"a domain with kind {self.kind!r}", where=where, expected="kind text", fix="use min, max"
            )
        if self.domain_from is not None:
            check_text(self.domain_from, "domain_from", where)
        if self.new_values != "fail" and not has_domain:
            raise InvalidInput(f"new_values = {self.new_values!r} without a domain", where=where, fix="give it one")

    def _check_range(self, where: str) -> None:
        for what in ("min", "max"):
            value = getattr(self, what)
            if value is None:
                continue
            if self.kind not in _RANGED:
                raise InvalidInput(f"a {what} with kind {self.kind!r}", where=where, expected=" or ".join(_RANGED))
            object.__setattr__(self, what, limit_of(value, self.kind, what, where))
        if self.min is not None and self.max is not None and self.min > self.max:
            raise InvalidInput(f"min {self.min} is above max {self.max}", where=where)
        if self.order is not None and self.kind not in _RANGED:
            raise InvalidInput(f"an order with kind {self.kind!r}", where=where, expected=" or ".join(_RANGED))

    def _check_text(self, where: str) -> None:
        self._check_ends("length", where)
        if (self.min_length, self.max_length) != (None, None) and self.kind not in ("text", "binary"):
            raise InvalidInput(f"a length with kind {self.kind!r}", where=where, expected="kind text or binary")
        if self.pattern is None:
            return
        check_text(self.pattern, "pattern", where)
        if self.kind != "text":
            raise InvalidInput(f"a pattern with kind {self.kind!r}", where=where, expected="kind text")
        import pyarrow as pa
        import pyarrow.compute as pc

        try:
            pc.match_substring_regex(pa.array([""]), f"(?:{self.pattern})")
        except pa.ArrowInvalid as error:
            raise InvalidInput(
                f"pattern = {self.pattern!r} is no regular expression: {str(error).rpartition(': ')[2]}",
                where=where,
                expected="RE2's syntax: no look-around, no back-references",
            ) from None

    def _check_values(self, where: str) -> None:
        self._check_ends("values", where)
        says = (self.min_values, self.max_values, self.values_kind) != (None, None, None)
        if says and self.kind != "list":
            raise InvalidInput(f"values in a row with kind {self.kind!r}", where=where, expected="kind list")
        if self.values_kind is not None and self.values_kind not in KINDS:
            raise UnknownName("kind", str(self.values_kind), KINDS, where=where)
        if self.is_unique and self.kind not in _COMPARED:
            raise InvalidInput(f"is_unique with kind {self.kind!r}", where=where, expected=" or ".join(_COMPARED))

    def _check_ends(self, what: str, where: str) -> None:
        low, high = getattr(self, f"min_{what}"), getattr(self, f"max_{what}")
        check_count(low, f"min_{what}", where)
        check_count(high, f"max_{what}", where)
        if low is not None and high is not None and low > high:
            raise InvalidInput(f"min_{what} {low} is above max_{what} {high}", where=where)

    def _check_pairs(self, where: str) -> None:
        known = {"max_drift": DISTANCES, "max_skew": DISTANCES, "limits": FIGURES}
        if self.limits and self.kind not in PLAIN_KINDS:
            raise InvalidInput(
                f"limits with kind {self.kind!r}", where=where, expected=" or ".join(sorted(PLAIN_KINDS))
            )
        for what in _PAIRED:
            pairs = pairs_of(getattr(self, what), what, where, known.get(what, ()))
            read: list[tuple[str, Any]] = []
            for name, value in pairs:
                named = f"{what}: {name}"
                if what in ("severity", "tolerance"):
                    check_code(name, f"a name in {what}", where)
                if what == "limits":
                    read.append((name, _ends(value, named, where)))
                elif what == "severity":
                    if value not in SEVERITIES:
                        raise UnknownName("severity", str(value), SEVERITIES, where=where)
                    read.append((name, value))
                elif what in ("max_drift", "max_skew"):
                    threshold = limit_of(value, "number", named, where)
                    if threshold < 0:
                        raise InvalidInput(f"{named} = {value!r}", where=where, expected="0 or more")
                    read.append((name, threshold))
                else:
                    read.append((name, share_of(value, named, where)))
            object.__setattr__(self, what, tuple(read))

    @property
    def is_nullable(self) -> bool:
        """Whether a null is allowed."""
        return self.min_present < 1.0

    @property
    def has_domain(self) -> bool:
        """Whether its values are listed, here or in a shared domain."""
        return self.domain is not None or self.domain_from is not None

    def is_in(self, environment: str) -> bool:
        """Whether the feature is there in that environment ("training", "serving", or any name in `not_in`)."""
        return environment not in self.not_in

    def tolerated(self, code: str) -> float:
        """The share of rows that may be at fault by the check of that code, 0..1."""
        return float(dict(self.tolerance).get(code, 0.0))

    def to_plain(self) -> dict[str, Any]:
        """As plain data, defaults left out; limits of timestamps are int64 microseconds UTC."""
        row: dict[str, Any] = {"name": self.name, "kind": self.kind}
        for item in fields(self)[2:]:
            value = getattr(self, item.name)
            if value == item.default:
                continue
            if item.name == "limits":
                value = {
                    name: {key: end for key, end in zip(("min", "max"), ends, strict=True) if end is not None}
                    for name, ends in value
                }
            elif item.name in _PAIRED:
                value = dict(value)
            row[item.name] = list(value) if isinstance(value, tuple) else value
        return row

    @classmethod
    def from_plain(cls, row: Mapping[str, Any]) -> Self:
        """What `to_plain` gave. Raises UnknownName for an unknown key, InvalidInput for a value that cannot be."""
        known = [item.name for item in fields(cls)]
        for key in row:
            if key not in known:
                raise UnknownName("key", key, known, where=f"feature {row.get('name')!r}")
        for key in ("name", "kind"):
            if key not in row:
                raise InvalidInput(f"a feature without {key}", where=f"feature {row.get('name')!r}")
        return cls(**row)


def _ends(value: Any, what: str, where: str) -> tuple[float | None, float | None]:
    """Two ends, from a pair or from keys min and max; at least one, and not upside down."""
    if isinstance(value, Mapping):
        for key in value:
            if key not in ("min", "max"):
                raise UnknownName("key", str(key), ("min", "max"), where=f"{where}, {what}")
        value = (value.get("min"), value.get("max"))
    if not isinstance(value, (tuple, list)) or len(value) != 2 or all(end is None for end in value):
        raise InvalidInput(f"{what} = {value!r}", where=where, expected="min, max or both")
    low, high = (None if end is None else float(limit_of(end, "number", what, where)) for end in value)
    if low is not None and high is not None and low > high:
        raise InvalidInput(f"{what}: min {low:g} is above max {high:g}", where=where)
    return low, high
