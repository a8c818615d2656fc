"""A feature for each column that can be one, with the reason; and why the others are left out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from headrace.kinds import PLAIN_KINDS
from headrace.proposal._columns import is_group, is_identifier, num_missing
from headrace.schema import format_moment
from headrace.statistics import FeatureStatistics, Statistics

__all__ = ["FeatureChoice", "LeftOut", "choose_features", "has_hours"]

_FEW = 20  # whole numbers with so few values mean something as they are
_MANY = 50  # texts beyond so many are hashed
_LONG_TAIL = 5.0  # skewness
_GAPS = 0.2  # share of rows without a value
_DATE = re.compile(r" *\d{1,4}([/.-])\d{1,2}\1\d{1,4}(?!\d)")
_COMMA = re.compile(r"[+-]?\d+(,\d+)?")
_HOUR_US, _DAY_US = 3_600_000_000, 86_400_000_000


@dataclass(frozen=True)
class FeatureChoice:
    """One feature.

    Parameters
    ----------
    name : str
        Of the feature.
    column : str
        What it is made of.
    template : str
        The expression, `{x}` where the column stands: "ops.z_score({x})".
    reason : str
        Why, in a few words: what was seen.
    """

    name: str
    column: str
    template: str
    reason: str


@dataclass(frozen=True)
class LeftOut:
    """A column of which no feature is made, and why."""

    column: str
    reason: str


def choose_features(
    statistics: Statistics,
    label: str,
    key: Sequence[str],
    sensitive: Sequence[str],
    types: Mapping[str, str],
    leaks: Sequence[str] = (),
) -> tuple[tuple[FeatureChoice, ...], tuple[LeftOut, ...]]:
    """Features in the columns' order, and the columns left out; every column but the label is in one of the two.

    `types` names every column of the data set, in order, with its type as text; `leaks` those that alone tell the
    label, which come first among the columns left out.
    """
    features: list[FeatureChoice] = []
    left_out = [LeftOut(column, "alone tells the label: is it known when you predict?") for column in leaks]
    names = {name for name in types if _is_name(name)}
    for column, type_text in types.items():
        if column == label or column in leaks:
            continue
        if column not in statistics.feature_names:
            left_out.append(LeftOut(column, "missing in some spans, or of another type there"))
            continue
        seen = statistics[column]
        reason = (
            f"{type_text}: cast or flatten it before"
            if seen.type not in PLAIN_KINDS
            else _unusable(seen, key, sensitive)
        )
        if reason:
            left_out.append(LeftOut(column, reason))
            continue
        for suffix, template, why in _choices(seen):
            name = column
            if suffix or not _is_name(column):
                name = _unused("_".join(filter(None, [column.replace("\0", "") or "unnamed", suffix])), names)
            names.add(name)
            features.append(FeatureChoice(name, column, template, why))
    return tuple(features), tuple(left_out)


def _is_name(column: str) -> bool:
    """Whether a feature can have the column's name."""
    return bool(column) and "\0" not in column


def _unused(name: str, names: set[str]) -> str:
    while name in names:
        name += "_"
    return name


def _unusable(seen: FeatureStatistics, key: Sequence[str], sensitive: Sequence[str]) -> str:
    """Why a column of a kind that features can be made of is none; "" where it is one."""
    present = seen.num_rows - num_missing(seen)
    if not present:
        return "null in every row"
    if seen.num_distinct == 1 and not num_missing(seen) and not seen.num_infinite:
        return "one value in all rows"
    if key == (seen.name,):  # the columns of a key of several may well say something each
        return "names the row"
    if seen.name in sensitive:
        return "identifies people"
    if seen.type == "text" and seen.top_values and _has_decimal_commas([text for text, _ in seen.top_values]):
        return "numbers with a decimal comma: write them with a point, 1.5 for 1,5"
    distinct = seen.num_distinct or 0
    if is_identifier(seen) and seen.type in ("integer", "text") and distinct * 2 > present:
        return f"an identifier: {distinct:,} values"
    if seen.num_invalid_utf8:
        return "holds bytes that are no UTF-8"
    if seen.type == "text" and distinct > _MANY and distinct * 2 > present:
        return f"{distinct:,} different texts{_hint([text for text, _ in seen.top_values])}"
    return ""


def _hint(texts: Sequence[str]) -> str:
    """What texts would be, were they written otherwise."""
    if all(_DATE.match(text) for text in texts):
        return ", days all of them: write them as 2024-01-31"
    return ", numbers all of them: cast it before" if all(map(_is_number, texts)) else ""


def _has_decimal_commas(texts: Sequence[str]) -> bool:
    return any("," in text for text in texts) and all(_COMMA.fullmatch(text.strip()) for text in texts)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _choices(seen: FeatureStatistics) -> Iterator[tuple[str, str, str]]:
    """(suffix of the name, template, reason) of each feature of a column."""
    missing = num_missing(seen)
    share = missing / seen.num_rows
    gaps = f"; {100 * share:.2g} % null" if missing else ""
    if seen.num_distinct == 1 and not seen.num_infinite:
        yield "missing", "{x}.is_null()", f"one value or null{gaps}"
        return
    if seen.type == "timestamp":
        yield from _times(seen, gaps)
    elif seen.type == "text" or (seen.type == "integer" and is_identifier(seen)):
        distinct = seen.num_distinct or 0
        hint = "; about people: is it fair to use?" if is_group(seen) else ""
        if distinct > _MANY:
            yield (
                "",
                f"ops.vocabulary({{x}}, top_k={_MANY}, num_oov=16)",
                f"{distinct:,} values, rare ones hashed{gaps}",
            )
        else:
            yield "", "ops.vocabulary({x})", f"{distinct} values{gaps}{hint}"
    else:
        yield "", *_number(seen, gaps)
    if share >= _GAPS:
        yield "missing", "{x}.is_null()", f"{100 * share:.2g} % null"


def _number(seen: FeatureStatistics, gaps: str) -> tuple[str, str]:
    if seen.type == "boolean":
        return "{x}", f"true or false{gaps}"
    span = "" if seen.min is None or seen.max is None else f"{seen.min:.5g} to {seen.max:.5g}"
    if seen.num_infinite:
        return "ops.bucketize({x}, num_buckets=20)", f"{span}, infinite in {seen.num_infinite:,} rows{gaps}"
    if abs(seen.skewness or 0.0) > _LONG_TAIL and (seen.num_distinct or 0) > _FEW:
        return "ops.bucketize({x}, num_buckets=50)", f"{span}, a long tail{gaps}"
    hint = "; about people: is it fair to use?" if is_group(seen) else ""
    if seen.type == "integer" and (seen.num_distinct or 0) <= _FEW:
        return "{x}", f"{span}, {seen.num_distinct} values{gaps}{hint}"
    return "ops.z_score({x})", f"{span}{gaps}{hint}"


def has_hours(seen: FeatureStatistics) -> bool:
    """Whether moments are more than days."""
    return any(int(moment or 0) % _DAY_US for moment in (seen.min, seen.max, seen.mode))


def _times(seen: FeatureStatistics, gaps: str) -> Iterator[tuple[str, str, str]]:
    """Hour and day of the week, where they vary: a moment itself never comes again."""
    low, high = int(seen.min or 0), int(seen.max or 0)
    if has_hours(seen):
        yield "hour", f'{{x}}.cast("integer") // {_HOUR_US:_} % 24', f"UTC{gaps}"
    if high - low >= 7 * _DAY_US:
        yield "weekday", f'({{x}}.cast("integer") // {_DAY_US:_} + 3) % 7', f"0 is Monday{gaps}"
    elif not has_hours(seen):
        yield "", "ops.z_score({x})", f"{format_moment(low)} to {format_moment(high)}{gaps}"
