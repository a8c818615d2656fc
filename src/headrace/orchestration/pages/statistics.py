"""The page of statistics: what stands out, then every column, drawn, the newest span over those before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headrace.orchestration.pages._feature import figures_of, spark_of
from headrace.orchestration.pages._remarks import remarks, share_missing
from headrace.orchestration.pages._spread import Rows, Spread
from headrace.report import (
    Cell,
    Column,
    Content,
    Context,
    Html,
    Page,
    Report,
    Row,
    Section,
    legend,
    meter,
    name,
    table,
    tag,
)
from headrace.report.figures import NOTHING, count, figure, plural, share
from headrace.statistics import FeatureStatistics
from headrace.statistics import Statistics as Noun

__all__ = ["Statistics"]

_MOST_DRAWN = 80
_MOST_SPANS_DRAWN = 24
_MOST_PAIRS = 20


@dataclass(frozen=True)
class _Seen:
    """A column as the page shows it."""

    one: FeatureStatistics
    role: str
    is_hidden: bool
    spread: Spread | None = None
    sets: tuple[Rows, ...] = ()
    missing: tuple[tuple[str, float], ...] = ()
    shift: float | None = None


class _Parts:
    """The statistics of the spans and splits that are drawn, made once."""

    def __init__(self, noun: Noun) -> None:
        names = noun.span_names[-_MOST_SPANS_DRAWN:]
        self.spans = {name_: noun.span(name_) for name_ in names}
        self.splits = {name_: noun.split(name_) for name_ in noun.split_names}
        self.earlier = noun.of_parts(part for part in noun.parts if part[0] in names[:-1])


class Statistics(Page):
    """Distributions overlaid across spans; across splits where there is one span."""

    def report(self, noun: Noun, context: Context) -> Report:
        """The page. Cost: a few milliseconds a column and span, for the first 80 columns."""
        parts = _Parts(noun)
        seen = [
            _see(noun, parts, column, index, context)
            for index, column in enumerate([*noun.feature_names, *noun.nested_names])
        ]
        shifts = {item.one.name: item.shift for item in seen if item.shift is not None}
        noticed = remarks([item.one for item in seen], shifts, newest=noun.span_names[-1] if noun.span_names else "")
        sections = [Section("Worth a look", noticed, is_brief=True)] if noticed is not None else []
        sections.append(Section("All columns", _columns(seen, noun), is_brief=True))
        if not context.is_brief:
            sections.insert(len(sections) - 1, Section("Distributions", _tiles(seen, noun), _how(noun)))
            if noun.relations is not None:
                sections.append(Section("What goes together", _relations(noun), _of_which(noun)))
            sections.append(Section("Rows", _parts(noun)))
            if noun.slices_by_columns:
                sections.append(Section("Slices", _slices(noun)))
        return Report(
            "statistics",
            context.name_of(noun),
            _headline(noun, seen),
            lead=_splits(parts, seen) or None,
            facts=_facts(noun, seen),
            sections=tuple(sections),
        )


def _see(noun: Noun, parts: _Parts, column: str, index: int, context: Context) -> _Seen:
    one, role = noun[column], _role(noun, column)
    hidden = noun.column_of(column) in noun.roles.sensitive
    missing: tuple[tuple[str, float], ...] = ()
    if hidden or index >= _MOST_DRAWN:
        return _Seen(one, role, hidden)
    spread = Spread(column, noun.distribution(column), noun.unit_of(column))
    if context.is_brief:
        return _Seen(one, role, hidden, spread)
    sets: tuple[Rows, ...] = ()
    shift = None
    if len(parts.spans) > 1:
        found = {span: part.distribution(column) for span, part in parts.spans.items()}
        *_, newest = found
        sets = tuple(Rows(span, "accent" if span == newest else "pale", item) for span, item in found.items())
        missing = tuple((span, share_missing(item)) for span, item in found.items())
        shift = spread.distance(found[newest], parts.earlier.distribution(column))
    elif parts.splits:
        shapes = zip(parts.splits.items(), ("accent", "second", "third"), strict=False)
        sets = tuple(Rows(split, shape, part.distribution(column)) for (split, part), shape in shapes)
    return _Seen(one, role, hidden, spread, sets, missing, shift)


def _role(noun: Noun, column: str) -> str:
    roles = noun.roles
    words = [word for word in ("label", "weight", "time") if getattr(roles, word) == column]
    words += [word for word in ("key", "sensitive") if column in getattr(roles, word)]
    return ", ".join(words)


def _headline(noun: Noun, seen: Sequence[_Seen]) -> str:
    shape = f"{plural(noun.num_rows, 'row')} of {plural(len(noun.feature_names), 'column')}"
    seen = [item for item in seen if item.one.name in noun.feature_names]
    if len(noun.span_names) > 1:
        shape += f" in {plural(len(noun.span_names), 'span')}"
    lacking = [item for item in seen if item.one.num_missing]
    if not lacking:
        return f"{shape}; nothing is missing"
    worst = max(lacking, key=lambda item: share_missing(item.one))
    most = f"{worst.one.name[:60]} lacks {share(share_missing(worst.one))} of its values"
    return (
        f"{shape}; {plural(len(lacking), 'column has', 'columns have')} gaps, and {most}"
        if len(lacking) > 1
        else f"{shape}; {most}"
    )


def _splits(drawn: _Parts, seen: Sequence[_Seen]) -> str:
    """Whether the splits are alike, in a sentence."""
    names = list(drawn.splits)
    if len(names) < 2:
        return ""
    furthest, where = 0.0, ""
    for item in seen:
        if item.spread is None or item.one.num_distinct is None:
            continue
        if item.one.type == "text" and item.one.num_distinct > item.one.num_present / 20:
            continue  # of values that hardly ever repeat two samples never look alike
        found = [part.distribution(item.one.name) for part in drawn.splits.values()]
        for index, other in enumerate(found[1:], 1):
            apart = item.spread.distance(found[0], other) or 0.0
            if apart > furthest:
                furthest, where = apart, f"{item.one.name[:60]} ({names[0]} and {names[index]})"
    listed = ", ".join(names[:-1]) + f" and {names[-1]}"
    if not where:
        return f"Splits: {listed}."
    return (
        f"Splits: {listed}. They are furthest apart in {where}: {figure(furthest, 2)} on a scale from 0, alike, to 1."
    )


def _facts(noun: Noun, seen: Sequence[_Seen]) -> Mapping[str, Content]:
    facts: dict[str, Content] = {"Rows": count(noun.num_rows), "Columns": count(len(noun.feature_names))}
    if noun.nested_names:
        facts["Columns"] = [facts["Columns"], tag("small", f"and {count(len(noun.nested_names))} inside of them")]
    spans = noun.span_names
    if len(spans) > 1:
        facts["Spans"] = [count(len(spans)), tag("small", f"{spans[0]} to {spans[-1]}")]
    if noun.split_names:
        facts["Splits"] = [count(len(noun.split_names)), tag("small", ", ".join(noun.split_names))]
    facts["With gaps"] = count(sum(item.one.num_missing > 0 for item in seen))
    if noun.roles.label:
        facts["Label"] = name(noun.roles.label, longest=40)
    return facts


def _how(noun: Noun) -> str:
    left_out = len(noun.feature_names) + len(noun.nested_names) - _MOST_DRAWN
    words = "Shares of the rows that have a value. "
    if left_out > 0:
        words += f"The first {_MOST_DRAWN} columns are drawn; {count(left_out)} more are in the table below. "
    if len(noun.span_names) > 1:
        words += "What moved furthest comes first, until you sort them otherwise. "
    return words + "Long tails are cut off where that shows the rest, and then said."


def _tiles(seen: Sequence[_Seen], noun: Noun) -> list[Content]:
    spans = noun.span_names
    entries = [("area", "all rows")]
    if len(spans) > 1:
        entries += [("pale", "each earlier span"), ("accent", f"{spans[-1]}, the newest span")]
    elif noun.split_names:
        entries += list(zip(("accent", "second", "third"), noun.split_names, strict=False))
    # What moved furthest first, in steps that can be seen; then in the order of the columns.
    worst = sorted(seen, key=lambda item: -round(item.shift or 0.0, 1))
    places = {item.one.name: place for place, item in enumerate(seen)}
    tiles = [_tile(item, places[item.one.name]) for item in worst if item.spread is not None or item.is_hidden]
    has_shift = any(item.shift is not None for item in seen)
    ways = "distance missing name order" if has_shift else "missing name order"
    grid = tag("div", tiles[:_MOST_DRAWN], class_="grid", data_sort=ways if len(tiles) > 1 else None)
    return [legend(entries) if len(entries) > 1 else "", grid]


def _tile(item: _Seen, place: int) -> Html:
    """One column; the attributes are what the page's script sorts tiles by."""
    one = item.one
    type_ = f"{one.type} of {one.value_type}" if one.value_type else one.type
    kind = f"{type_}, {item.role}" if item.role else type_
    head = tag("header", tag("h3", name(one.name, longest=60)), tag("span", kind))
    if item.is_hidden or item.spread is None:
        body: list[Content] = [tag("p", "Sensitive: its values are not shown.", class_="note")]
    else:
        body = [item.spread.draw(item.sets)]
        if item.spread.remark:
            body.append(tag("p", item.spread.remark + ".", class_="note"))
    return tag(
        "article",
        head,
        body,
        figures_of(one, is_hidden=item.is_hidden, missing=item.missing),
        class_="tile",
        data_distance="" if item.shift is None else f"{item.shift:.4g}",
        data_missing=f"{share_missing(one):.4g}",
        data_name=one.name,
        data_order=place,
    )


def _columns(seen: Sequence[_Seen], noun: Noun) -> Html:
    has_shift = any(item.shift is not None for item in seen)
    columns = [
        Column("Column"),
        Column("Type"),
        Column("Values", "chart"),
        Column("Missing", "num"),
        Column("Distinct", "num"),
        Column("Mean", "num"),
        Column("Std dev", "num"),
        Column("Min", "num"),
        Column("Median", "num"),
        Column("Max", "num"),
    ]
    if has_shift:
        columns.append(Column("Shift", "num", "How far the newest span lies from those before it: 0 alike, 1 apart"))
    rows: list[Row] = []
    for item in seen:
        one = item.one
        kind = [
            f"{one.type} of {one.value_type}" if one.value_type else one.type,
            tag("span", f" {item.role}", class_="quiet") if item.role else "",
        ]
        lack = share_missing(one)
        row: list[Content | Cell] = [
            name(one.name, longest=60),
            kind,
            spark_of(one, item.spread),
            Cell(share(lack) if lack else tag("span", "0", class_="quiet"), lack),
            Cell(_about(one), one.num_distinct),
        ]
        plain = (one.value_type or one.type) in ("integer", "number", "decimal") and not item.is_hidden
        for figure_name in ("mean", "std_dev", "min", "median", "max"):
            value = getattr(one, figure_name) if plain else None
            row.append(Cell(figure(value), None if value is None else float(value)))
        if has_shift:
            row.append(Cell(NOTHING if item.shift is None else f"{item.shift:.2f}", item.shift))
        rows.append(row)
    return table(f"{plural(len(rows), 'column')}, over all rows", columns, rows)


def _about(one: FeatureStatistics) -> str:
    if one.num_distinct is None:
        return NOTHING
    return ("about " if "num_distinct" in one.error_bounds else "") + count(one.num_distinct)


def _parts(noun: Noun) -> Html:
    splits: list[Any] = noun.split_names or [None]
    plain = {(part["span"], part["split"]): part["num_rows"] for part in noun.to_plain()["parts"]}
    totals = {span: sum(plain.get((span, split), 0) for split in splits) for span in noun.span_names}
    largest = max(totals.values(), default=0) or 1
    columns = [Column("Span"), Column("Rows", "num"), Column("", "chart")]
    columns += [Column(split, "num") for split in splits if split is not None]
    rows: list[Row] = []
    for span, total in totals.items():
        row: list[Content | Cell] = [
            span,
            Cell(count(total), total),
            meter(f"{span}: {count(total)} rows", total / largest),
        ]
        row += [Cell(count(plain[span, split]), plain[span, split]) for split in splits if split is not None]
        rows.append(row)
    return table("Rows by span and split", columns, rows)


def _slices(noun: Noun) -> Html:
    hidden = set(noun.roles.sensitive)
    rows: list[Row] = [
        [name(item["slice"]), Cell(count(item["num_rows"]), item["num_rows"])]
        for item, values in zip(noun.to_plain()["slices"], noun.slices, strict=True)
        if not hidden & set(values)
    ]
    return table("Rows by slice", [Column("Slice"), Column("Rows", "num")], rows, most_rows=300)


def _of_which(noun: Noun) -> str:
    found = noun.relations
    assert found is not None
    rows = "All rows" if found.is_exact else f"{count(found.num_rows)} rows, drawn at random,"
    return (
        f"{rows} were looked at. Information is the share of the less varied column that the other tells, 0 to 1, both "
        "cut into 32 values or ranges; correlation of ranks is 1 where one rises with the other, -1 where it falls."
    )


def _relations(noun: Noun) -> Html:
    """The pairs that go together most; those of the label before all others."""
    found = noun.relations
    assert found is not None
    of_label = found.with_label[:_MOST_PAIRS]
    others = [one for one in found.pairs if one not in of_label and found.label not in (one.left, one.right)]
    rows: list[Row] = [
        [
            name(one.left, longest=60),
            name(one.right, longest=60),
            Cell(f"{one.share:.2f}", one.share),
            Cell(NOTHING if one.spearman is None else f"{one.spearman:.2f}", one.spearman),
            Cell(NOTHING if one.pearson is None else f"{one.pearson:.2f}", one.pearson),
            Cell(count(one.num_rows), one.num_rows),
        ]
        for one in [*of_label, *others[:_MOST_PAIRS]]
    ]
    columns = [
        Column("Column"),
        Column("Column"),
        Column("Information", "num"),
        Column("Ranks", "num"),
        Column("Values", "num"),
        Column("Rows", "num"),
    ]
    return table("Pairs of columns", columns, rows)
