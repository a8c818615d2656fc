"""A column's figures: the few that its type makes worth reading, set in the same places for every column."""

from __future__ import annotations

from collections.abc import Sequence

from headrace.orchestration.pages._spread import Spread
from headrace.report import Content, Html, strip, tag
from headrace.report.figures import count, figure, moment, share
from headrace.report.histogram import spark
from headrace.statistics import FeatureStatistics

__all__ = ["figures_of", "spark_of"]

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
    drawn: list[Content] = [tag("dl", [tag("div", tag("dt", word), tag("dd", text)) for word, text in pairs])]
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
    if one.type == "timestamp" and one.min is not None and one.max is not None:
        return [("first", moment(one.min)), ("last", moment(one.max))]
    if one.type == "boolean" and one.mean is not None:
        return [("true", share(one.mean))]
    if one.type == "text" and one.mean_length is not None:
        lengths = f"{figure(one.min_length)} to {figure(one.max_length)}"
        return [("length", figure(one.max_length) if one.min_length == one.max_length else lengths)]
    if one.type not in ("integer", "number") or one.min is None:
        return []
    more = [
        ("mean ± std dev", f"{figure(one.mean, 3)} ± {figure(one.std_dev, 3)}"),
        ("median", figure(one.median)),
        ("range", f"{figure(one.min)} to {figure(one.max)}"),
        ("zeros", share((one.num_zeros or 0) / max(1, one.num_present))),
    ]
    if one.num_nan or one.num_infinite:
        more.append(("NaN, infinite", f"{count(one.num_nan or 0)}, {count(one.num_infinite or 0)}"))
    return more


def spark_of(one: FeatureStatistics, spread: Spread | None) -> Html | str:
    """The column's spread, small enough for a table's cell."""
    if spread is None:
        return ""
    shares = spread.shares(spread.whole)
    if spread.values:
        shares = shares[:12]
    return spark(f"{one.name}: how its values are spread", shares) if shares else ""
