"""`infer_schema`: a first schema from what was seen, for a person to review."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import pyarrow.compute as pc

from headrace.schema import Feature, Schema
from headrace.statistics import FeatureStatistics, Statistics

__all__ = ["MAX_DOMAIN", "MAX_SHARE_RARE", "NUM_ROWS_OFTEN", "infer_schema"]

MAX_DOMAIN = 100
NUM_ROWS_OFTEN = 20
MAX_SHARE_RARE = 0.1
MIN_FORMED = 100


def infer_schema(statistics: Statistics) -> Schema:
    """The strictest schema that is likely to hold for the next data too, from the statistics of some.

    The rules, each kept simple enough to be checked by eye:

    - *kind*: as seen.
    - *min_present*: 1.0 where no null was seen. Else twice the share of nulls seen and one row in a hundred more may be
      null, rounded down to a hundredth: 2.5 % null gives 0.94, half null gives 0.0.
    - *domain*: for text whose values look complete: at most 100 distinct, at most one in ten of them in fewer than 20
      rows, none seen only once, and none in only one span where there are several. The chance that the next row brings
      a new value is estimated by the values met once, in rows (Good) and in spans (Chao): where there are none,
      another value would be news. Identifiers, free text, long-tailed codes and sensitive columns get no domain.
    - *allow_nan*: false where no NaN was seen.
    - *min, max*: never from what was seen: the next month's delay may well be the longest yet. Of what is recognised as
      latitude or longitude the degrees that there are.
    - *pattern*: for text recognised as e-mail addresses, URLs, dates of one form or UUIDs, where all of 100 distinct
      values or more match it.
    - *not_in*: ("serving",) for the label.
    - *fields* of structs are features of their own, `a.b`, as far as they lie in no list; they get no domain.
    - *values_kind* of lists: as seen; *min_values, max_values*: where 20 rows or more have all as many values.

    Parameters
    ----------
    statistics : Statistics
        Of all rows (`analyze`).

    Returns
    -------
    Schema
        `is_reviewed` is False. The data it came from always validate against it.

    Cost: none to speak of; no row is read.

    >>> import pyarrow as pa
    >>> from headrace.dataset import Dataset
    >>> from headrace.statistics import analyze
    >>> table = pa.table({"carrier": ["AA", "UA"] * 50, "delay": [1.5, None] * 50})
    >>> schema = infer_schema(analyze(Dataset.from_arrow(table)))
    >>> schema["carrier"].domain, schema["delay"].min_present
    (('AA', 'UA'), 0.0)

    Source: I. J. Good, The population frequencies of species and the estimation of population parameters, 1953;
    A. Chao, Estimating the population size for capture-recapture data with unequal catchability, 1987.
    """
    label = statistics.roles.label
    # A schema is a file that people send around: no value of a sensitive column goes into it.
    complete = {name for name in statistics.feature_names if statistics[name].type == "text"}
    complete -= set(statistics.roles.sensitive)
    features = []
    for name in [*statistics.feature_names, *_fields(statistics)]:
        seen = statistics[name]
        features.append(
            Feature(
                name,
                seen.type,
                min_present=_min_present(seen.num_missing, seen.num_rows),
                domain=_domain(statistics, name, seen) if name in complete else None,
                allow_nan=seen.type != "number" or bool(seen.num_nan),
                not_in=("serving",) if name == label else (),
                **_lists(seen),
                **_meant(statistics, seen),
            )
        )
    return Schema(tuple(features), is_reviewed=False)


def _fields(statistics: Statistics) -> list[str]:
    """The names of what lies in structs that no list holds."""
    structs = {name for name in statistics.feature_names if statistics[name].type == "struct"}
    found = []
    for name in statistics.nested_names:  # a struct comes before what is in it
        above = name.rpartition(".")[0]
        while above and above not in structs:
            above = above.rpartition(".")[0]
        if above and "[]" not in name and not name.endswith("'"):
            found.append(name)
            if statistics[name].type == "struct":
                structs.add(name)
    return found


def _lists(seen: FeatureStatistics) -> dict[str, Any]:
    """What is said of a list: what is in it, and how many, where every row of many has as many."""
    if seen.type != "list":
        return {}
    is_fixed = seen.num_present >= NUM_ROWS_OFTEN and seen.min_values == seen.max_values
    length = seen.max_values if is_fixed else None
    kind = seen.value_type if seen.value_type != "null" else None
    return {"values_kind": kind, "min_values": length, "max_values": length}


# What a value of a semantic type looks like, in RE2's syntax.
_FORMS = {
    "email": (r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+",),
    "url": (r"([a-zA-Z][a-zA-Z0-9+.-]*://|www\.)\S+",),
    "identifier": ("[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}",),
    "date_text": (
        "[0-9]{4}-[0-9]{2}-[0-9]{2}",
        "[0-9]{4}/[0-9]{2}/[0-9]{2}",
        "[0-9]{8}",
        r"[0-9]{2}\.[0-9]{2}\.[0-9]{4}",
        "[0-9]{2}/[0-9]{2}/[0-9]{4}",
    ),
}
_DEGREES = {"latitude": 90.0, "longitude": 180.0}


def _meant(statistics: Statistics, seen: FeatureStatistics) -> dict[str, Any]:
    """What follows from what the values are about: a range of degrees, or a form that every value has."""
    about = seen.semantic.name if seen.semantic is not None else ""
    if about in _DEGREES and seen.type == "number" and not seen.num_infinite:
        return {"min": -_DEGREES[about], "max": _DEGREES[about]}
    if about not in _FORMS or seen.type != "text" or (seen.num_distinct or 0) < MIN_FORMED or seen.num_invalid_utf8:
        return {}
    found = statistics.distribution(seen.name)
    if not found.is_exact:
        return {}
    for pattern in _FORMS[about]:
        if pc.all(pc.match_substring_regex(found.values, rf"\A(?:{pattern})\z")).as_py():
            return {"pattern": pattern}
    return {}


def _min_present(num_missing: int, num_rows: int) -> float:
    if num_rows == 0:
        return 0.0
    if num_missing == 0:
        return 1.0
    return max(0, (99 * num_rows - 200 * num_missing) // num_rows) / 100  # whole numbers: no rounding to doubt


def _domain(statistics: Statistics, name: str, seen: FeatureStatistics) -> tuple[str, ...] | None:
    num_distinct = seen.num_distinct or 0
    if not 0 < num_distinct <= MAX_DOMAIN or seen.num_invalid_utf8:  # a schema is text
        return None
    index = statistics.feature_names.index(name)
    # `top_values` ends at twenty; the states beneath hold every value, span by span.
    counts: Counter[str] = Counter()
    spans: dict[str, set[str]] = defaultdict(set)
    for (span, _), states in statistics.parts.items():
        part = statistics.folds[index].extract(states[index])[0]  # type: ignore[arg-type]  # its own fold's state
        for value, count in zip(part.values.to_pylist(), part.counts.tolist(), strict=True):
            counts[value] += count
            spans[value].add(span)
    num_rare = sum(count < NUM_ROWS_OFTEN for count in counts.values())
    if num_rare > num_distinct * MAX_SHARE_RARE or min(counts.values()) < 2:
        return None
    if len(statistics.span_names) > 1 and min(map(len, spans.values())) < 2:
        return None
    return tuple(sorted(counts))
