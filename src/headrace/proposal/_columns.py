"""What columns seem to be by name and figures: what names a row, when it happened, whom it is about."""

from __future__ import annotations

import re
from collections.abc import Sequence

from headrace.statistics import FeatureStatistics, Statistics

__all__ = ["choose_key", "choose_sensitive", "choose_slices", "choose_time", "is_group", "is_identifier", "num_missing"]

_ID = re.compile(
    r"(?i:(^|[_ .-])(id|uuid|guid|key|rowid|rownames?|index)$|^unnamed: ?\d+$)|[a-z](Id|ID|Key)$|^(Id|ID)$"
)
_PERSON = re.compile(
    r"(?i)((^|[_ .-])(e?mail|(tele)?phone|mobile|ssn|passport|iban|ip)($|[_ .-])|"
    r"(^|[_ .-])(address|street|name|birth_?date|date_?of_?birth)$|(first|last|sur|full|user|family|maiden)name$)"
)
_GROUP = re.compile(
    r"(?i)(^|[_ .-])(sex|gender|race|ethnicity|ethnic|religion|nationality|citizenship|disability|marital(_?status)?)"
    r"($|[_ .-])"
)
_MOST_SLICES = 12  # values
_MOST_GROUPS = 20  # values: more tell people apart
_SLICED_BY = 2


def num_missing(seen: FeatureStatistics) -> int:
    """Rows without a value: null, or NaN, which a model takes for null."""
    return seen.num_missing + (seen.num_nan or 0)


def is_identifier(seen: FeatureStatistics) -> bool:
    """Whether a column's name says that it names a row, or the thing that the row is about."""
    return _ID.search(seen.name) is not None


def _is_dense(seen: FeatureStatistics) -> bool:
    """Whole numbers without a gap, each once: a row's number, whatever its name."""
    if seen.type != "integer" or seen.min is None or seen.max is None or seen.num_rows < 10:
        return False
    is_dense = seen.num_rows == seen.max - seen.min + 1
    return is_dense and (seen.num_distinct or 0) * 20 >= seen.num_rows * 19  # many distinct values are estimated


def choose_key(statistics: Statistics, label: str) -> tuple[str, ...]:
    """The column that names a row, by which it is drawn into train or eval; () = the row's place does.

    One whose name says so: different in each row, or else with many values, so that rows about one thing stay together
    on one side of the split. Among several the one with most values; a number of rows only where there is no other.
    """
    best: tuple[bool, int, str] = (False, 0, "")
    for name in statistics.feature_names:
        seen = statistics[name]
        distinct = seen.num_distinct or 0
        if name == label or seen.type not in ("integer", "text") or seen.num_missing:
            continue
        if (is_identifier(seen) and distinct * 20 >= seen.num_rows and distinct > 1) or _is_dense(seen):
            best = max(best, (not _is_dense(seen), distinct, name), key=lambda item: item[:2])
    return (best[2],) if best[1] else ()


def choose_time(statistics: Statistics) -> str | None:
    """When a row happened: the only timestamp without nulls, if there is one."""
    found = [
        name
        for name in statistics.feature_names
        if statistics[name].type == "timestamp" and not statistics[name].num_missing
    ]
    return found[0] if len(found) == 1 else None


def choose_sensitive(statistics: Statistics, label: str) -> tuple[str, ...]:
    """Columns whose names say that they identify people, and with many values: these stay out of logs and reports."""
    return tuple(
        name
        for name in statistics.feature_names
        if name != label and _PERSON.search(name) and (statistics[name].num_distinct or 0) > _MOST_GROUPS
    )


def is_group(seen: FeatureStatistics) -> bool:
    """Whether a column's name says that it sorts people by something they should not be judged by."""
    return _GROUP.search(seen.name) is not None


def choose_slices(statistics: Statistics, unusable: Sequence[str]) -> tuple[str, ...]:
    """Up to two columns by whose values a report is read: groups of people first, then those with fewest values.

    Not by the label, nor by what alone tells it: a slice of one label has nothing to measure.
    """
    found = []
    for index, name in enumerate(statistics.feature_names):
        seen = statistics[name]
        is_likely = seen.type == "text" or seen.type == "boolean" or is_group(seen)
        if name not in unusable and is_likely and 2 <= (seen.num_distinct or 0) <= _MOST_SLICES:
            found.append((not is_group(seen), seen.type == "boolean", seen.num_distinct, index, name))
    return tuple(name for *_, name in sorted(found)[:_SLICED_BY])
