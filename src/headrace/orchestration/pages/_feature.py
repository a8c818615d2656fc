"""A column's figures: the few that its type makes worth reading, set in the same places for every column."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from headrace.orchestration.pages._spread import Spread
from headrace.report import Content, Html, strip, tag
from headrace.report.figures import count, figure, moment, share
from headrace.report.histogram import spark
from headrace.statistics import FeatureStatistics

__all__ = ["figures_of", "spark_of", "words_of"]

_LONGEST_PATTERN = 24
_WORTH_A_STRIP = 0.001  # of rows missing in some span
_UNEVEN = 0.2  # how much fewer are missing in another, of these


def figures_of(
    one: FeatureStatistics, *, is_hidden: bool = False, missing: Sequence[tuple[str, float]] = ()
) -> list[Content]:
    """The figures under a drawing, and a strip of nulls by span where there are any."""
    lack = one.num_missing / one.num_rows if one.num_rows else 0.0
    pairs = [("missing", f"{share(lack)}" if lack else "none")]
    approximate = "num_distinct" in one.error_bounds
    if one.num_distinct is not None:
        pairs.append(("distinct", ("about " if approximate else "") + count(one.num_distinct)))
    if not is_hidden:
        pairs += _more(one)
    said = [] if is_hidden else words_of(one)
    drawn: list[Content] = [tag("p", " ".join(said), class_="note")] if said else []
    drawn += [tag("dl", [tag("div", tag("dt", word), tag("dd", text)) for word, text in pairs])]
    shares = [value for _, value in missing]
    if shares and max(shares) - min(shares) >= _UNEVEN * max(shares) and max(shares) >= _WORTH_A_STRIP:
        most = max(shares)
        cells = [(span, value / most, share(value)) for span, value in missing]
        title = f"{one.name}: missing by span, at most {share(most)}"
        low, high = min(missing, key=lambda item: item[1]), max(missing, key=lambda item: item[1])
        words = f"missing by span: {share(low[1])} in {low[0]} to {share(high[1])} in {high[0]}"
        drawn += [tag("p", words, class_="note"), strip(title, cells)]
    return drawn


def _more(one: FeatureStatistics) -> list[tuple[str, str]]:
    found = _of_list(one) if one.type == "list" else []
    kind = one.value_type or one.type
    if kind == "timestamp" and one.min is not None and one.max is not None:
        found += [("first", moment(float(one.min))), ("last", moment(float(one.max)))]
    elif kind == "boolean" and one.mean is not None:
        found.append(("true", share(one.mean)))
    elif kind in ("text", "binary") and one.mean_length is not None:
        found += _of_text(one)
    elif kind in ("integer", "number", "decimal", "duration", "time") and one.min is not None:
        found += _of_numbers(one, _seconds if kind in ("duration", "time") else figure)
    return found


def words_of(one: FeatureStatistics) -> list[str]:
    """What a column's values are about, with the evidence, and their shape: a sentence each."""
    found = []
    if one.semantic is not None:
        found.append(f"{one.semantic.name.replace('_', ' ').capitalize()}: {one.semantic.evidence}.")
    if one.outline is not None:
        found.append(f"{one.outline.words.capitalize()}.")
    return found


def _of_list(one: FeatureStatistics) -> list[tuple[str, str]]:
    """How many values a row has."""
    number = f"{figure(one.min_values)} to {figure(one.max_values)}, mean {figure(one.mean_values, 3)}"
    found = [("values in a row", figure(one.max_values) if one.min_values == one.max_values else number)]
    if one.num_empty:
        found.append(("empty lists", count(one.num_empty)))
    if one.num_null_values:
        found.append(("null values", count(one.num_null_values)))
    return found


def _of_text(one: FeatureStatistics) -> list[tuple[str, str]]:
    lengths = f"{figure(one.min_length)} to {figure(one.max_length)}"
    found = [("length", figure(one.max_length) if one.min_length == one.max_length else lengths)]
    if one.num_empty and one.type != "list":
        found.append(("empty", share(one.num_empty / max(1, one.num_rows))))
    if one.patterns and one.patterns[0][1] > 1:
        pattern, number = one.patterns[0]
        total = (one.num_values or 0) - (one.num_null_values or 0) if one.type == "list" else one.num_present
        found.append(("pattern", f"{pattern[:_LONGEST_PATTERN] or '(empty)'} in {share(number / max(1, total))}"))
    return found


def _of_numbers(one: FeatureStatistics, text: Callable[[Any], str]) -> list[tuple[str, str]]:
    total = (one.num_values or 0) - (one.num_null_values or 0) if one.type == "list" else one.num_present
    found = [
        ("mean ± std dev", f"{text(one.mean)} ± {text(one.std_dev)}"),
        ("median", text(one.median)),
        ("range", f"{text(one.min)} to {text(one.max)}"),
        ("zeros", share((one.num_zeros or 0) / max(1, total))),
    ]
    if one.num_nan or one.num_infinite:
        found.append(("NaN, infinite", f"{count(one.num_nan or 0)}, {count(one.num_infinite or 0)}"))
    if one.weighted is not None and one.weighted.mean is not None:
        found.append(("weighted mean ± std dev", f"{text(one.weighted.mean)} ± {text(one.weighted.std_dev)}"))
    return found


def _seconds(value: Any) -> str:
    """Microseconds, in seconds."""
    return f"{figure(None if value is None else float(value) / 1e6)} s"


def spark_of(one: FeatureStatistics, spread: Spread | None) -> Html | str:
    """The column's spread, small enough for a table's cell."""
    if spread is None:
        return ""
    shares = spread.shares(spread.whole)
    if spread.values:
        shares = shares[:12]
    return spark(f"{one.name}: how its values are spread", shares) if shares else ""
