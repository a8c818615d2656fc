"""The page of a validation: accepted or not, then each finding, with the values before and now."""

from __future__ import annotations

from collections.abc import Sequence

from headrace.fold import GroupDistribution
from headrace.orchestration.pages._drifted import Drifted
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
    Tone,
    bars,
    legend,
    name,
    table,
    tag,
)
from headrace.report.figures import NOTHING, count, figure, plural, share
from headrace.validation import Item, Waiver
from headrace.validation import Validation as Noun

__all__ = ["Validation"]

_MOST_FINDINGS = 60
_MOST_DRAWN = 16
_NULLS_MOVED = 0.02  # of the rows: less is not drawn
_SHARES = ("presence", "range", "domain", "nan", "drift_nulls")  # whose figures are shares of rows
_TONES: dict[str, Tone] = {"error": "bad", "warning": "warn", "waived": "plain", "info": "plain"}


class Validation(Page):
    """Findings first: errors, then what was waived and warned of, each with example rows and distributions."""

    def report(self, noun: Noun, context: Context) -> Report:
        """The page. Cost: reading the columns that drifted, of the data set and of the one before it."""
        drifted = None if context.is_brief else _drifted(noun, context)
        findings = [item for item in noun.items if item.severity != "info"]
        told = [item for item in noun.items if item.severity == "info"]
        sections = []
        if findings:
            sections.append(Section("Findings", _findings(findings, drifted, context), is_brief=True))
        if told:
            notes = [tag("li", name(item.message, longest=500)) for item in told]
            sections.append(Section("Also noted", tag("ul", notes, class_="list"), is_brief=not findings))
        if noun.waivers and not context.is_brief:
            sections.append(Section("Waivers", _waivers(noun.waivers), "Who let which finding pass, and why."))
        if not context.is_brief:
            sections.append(Section("Judged", _subjects(noun, context)))
        counts = {word: sum(item.severity == word for item in noun.items) for word in ("error", "waived", "warning")}
        return Report(
            "validation",
            context.name_of(noun),
            _headline(noun, counts),
            tone="good" if noun.ok else "bad",
            word="accepted" if noun.ok else "not accepted",
            lead=_lead(noun),
            facts=_facts(noun, counts),
            sections=tuple(sections),
        )


def _headline(noun: Noun, counts: dict[str, int]) -> str:
    rows = plural(noun.num_rows, "row")
    if not noun.ok:
        return f"The data were not accepted: {plural(counts['error'], 'finding stands', 'findings stand')} in the way"
    beside = [plural(counts[word], word) for word in ("warning",) if counts[word]]
    beside += [f"{count(counts['waived'])} waived"] if counts["waived"] else []
    return f"The data were accepted: {rows}, " + (" and ".join(beside) if beside else "nothing wrong")


def _lead(noun: Noun) -> Content:
    if noun.ok:
        return None
    names = [item.name for item in noun.errors]
    return [
        "Put the data right, or waive by name: ",
        [[", " if i else "", tag("code", word)] for i, word in enumerate(names[:4])],
    ]


def _facts(noun: Noun, counts: dict[str, int]) -> dict[str, Content]:
    facts: dict[str, Content] = {"Rows judged": count(noun.num_rows), "Errors": count(counts["error"])}
    if counts["waived"]:
        facts["Waived"] = count(counts["waived"])
    facts["Warnings"] = count(counts["warning"])
    if noun.num_unlabelled:
        facts["Without a label"] = count(noun.num_unlabelled)
    if noun.num_quarantined:
        facts["Set aside"] = count(noun.num_quarantined)
    facts["Environment"] = noun.environment
    return facts


def _drifted(noun: Noun, context: Context) -> Drifted | None:
    if not any(_is_drift(item) for item in noun.items):
        return None
    digests = [noun.subjects.get(word) for word in ("dataset", "previous")]
    found = [context.load(digest) for digest in digests if digest]
    return Drifted(found[0], found[1]) if len(found) == 2 and None not in found else None


def _is_drift(item: Item) -> bool:
    return item.code.startswith("drift") and item.feature is not None


def _findings(items: Sequence[Item], drifted: Drifted | None, context: Context) -> list[Content]:
    shown: list[Content] = []
    if drifted is not None:
        before, now = drifted.names
        shown.append(legend([("area", f"before: {before}"), ("accent", f"now: {now}")]))
    drawn = 0
    for item in items[: 8 if context.is_brief else _MOST_FINDINGS]:
        picture: Content = None
        if drifted is not None and _is_drift(item) and drawn < _MOST_DRAWN:
            picture = _picture(item, drifted)
            drawn += picture is not None
        shown.append(_finding(item, picture, context))
    left_out = len(items) - (8 if context.is_brief else _MOST_FINDINGS)
    if left_out > 0:
        shown.append(tag("p", f"{count(left_out)} more findings are left out here.", class_="note"))
    return shown


def _finding(item: Item, picture: Content, context: Context) -> Html:
    chip = tag("span", item.severity, class_=f"tone {_TONES[item.severity]}")
    parts: list[Content] = [tag("p", chip, " ", tag("code", item.name)), tag("p", name(item.message, longest=800))]
    figures = _figures(item)
    if figures:
        parts.append(
            tag("dl", [tag("div", tag("dt", key), tag("dd", value)) for key, value in figures], class_="facts small")
        )
    beside: list[Content] = [tag("figure", picture)] if picture is not None else []
    if item.rows and not context.is_brief:
        beside.append(_examples(item))
    if beside:
        parts.append(tag("div", beside, class_="grid pairs"))
    kind = {"error": "is-bad", "warning": "is-warn"}.get(item.severity, "")
    return tag("article", parts, class_=f"finding {kind}".strip())


def _examples(item: Item) -> Html:
    if all(row.value is None for row in item.rows):  # the places alone then say all there is
        files: dict[tuple[str, str], list[int]] = {}
        for row in item.rows:
            files.setdefault((row.span, row.file), []).append(row.row_index)
        places = [
            tag("li", f"{span}, ", name(file), ": ", ", ".join(map(count, found)))
            for (span, file), found in files.items()
        ]
        words = "Example rows, counted from 0; what they hold is null, or not shown."
        return tag("div", tag("p", words, class_="note"), tag("ul", places, class_="list"))
    columns = [Column("Span"), Column("File"), Column("Row", "num"), Column("Value")]
    rows: list[Row] = [
        [row.span, name(row.file), Cell(count(row.row_index), row.row_index), _example(row.value)] for row in item.rows
    ]
    return tag("div", table("Example rows, counted from 0", columns, rows))


def _example(value: object) -> Content:
    if value is None:
        return tag("span", "null, or not shown", class_="quiet")
    return name(value) if isinstance(value, str) else figure(value, 8)


def _figures(item: Item) -> list[tuple[str, Content]]:
    figures: list[tuple[str, Content]] = []
    shown = share_of if item.code in _SHARES else _figure
    if item.before is not None or item.after is not None:
        figures += [("before", shown(item.before)), ("now", shown(item.after))]
    if item.value is not None and not isinstance(item.value, str):
        figures.append(("present" if item.code == "presence" else "found", shown(item.value)))
    if item.threshold is not None and not isinstance(item.threshold, str):
        figures.append(("asked for" if item.code == "presence" else "allowed", shown(item.threshold)))
    if item.num_rows is not None:
        figures.append(("rows", count(item.num_rows)))
    return figures


def share_of(value: float | int | str | None) -> Content:
    """A figure that is a share of rows."""
    return share(float(value)) if isinstance(value, (int, float)) else _figure(value)


def _figure(value: float | int | str | None) -> Content:
    if value is None:
        return NOTHING
    return name(value, longest=40) if isinstance(value, str) else figure(value)


def _picture(item: Item, drifted: Drifted) -> Content:
    both = drifted.of(item)
    if both is None or item.feature is None:
        return None
    before, now = both
    names = drifted.names
    caption: list[Content] = ["Values of ", name(item.feature), [" where ", name(item.slice)] if item.slice else ""]
    shares = [found.num_missing / found.num_rows if found.num_rows else 0.0 for found in both]
    drawn: list[Content] = [tag("figcaption", caption)]
    if before.num_finite and now.num_finite:
        drawn.append(_Both(item.feature, before, now).draw([Rows(names[1], "accent", now)], width=480, height=130))
    if abs(shares[1] - shares[0]) >= _NULLS_MOVED:
        lines = [(f"missing, {side}", part) for side, part in zip(("before", "now"), shares, strict=True)]
        drawn.append(
            bars(f"{item.feature}: missing before and now", [(word, part, ()) for word, part in lines], width=480)
        )
    return drawn


class _Both(Spread):
    """A spread whose bins hold two sets of rows, the second of which may lie elsewhere."""

    def __init__(self, feature: str, before: GroupDistribution, now: GroupDistribution) -> None:
        first, second = Spread(feature, before), Spread(feature, now)
        super().__init__(feature, before)
        if first.edges and second.edges:
            low, high = min(first.edges[0], second.edges[0]), max(first.edges[-1], second.edges[-1])
            self.edges = [low + (high - low) * place / 40 for place in range(41)]
        if first.values or second.values:
            self.values = list(dict.fromkeys([*first.values[:5], *second.values[:5], *first.values]))[:50]


def _waivers(waivers: Sequence[Waiver]) -> Html:
    rows: list[Row] = [[tag("code", item.name), name(item.by), name(item.because, longest=400)] for item in waivers]
    return table("Findings that were let pass", [Column("Finding"), Column("By"), Column("Because")], rows)


def _subjects(noun: Noun, context: Context) -> Html:
    rows: list[Row] = [[word.capitalize(), context.artifact(digest)] for word, digest in noun.subjects.items()]
    return table("What was looked at, and what came of it", [Column("What"), Column("Artifact")], rows)
