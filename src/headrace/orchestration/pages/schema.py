"""The page of a schema: what every column must look like, in one table."""

from __future__ import annotations

from collections import Counter

from headrace.report import Cell, Column, Content, Context, Page, Report, Row, Section, meter, name, table, tag
from headrace.report.figures import NOTHING, count, figure, moment, plural, share
from headrace.schema import Feature
from headrace.schema import Schema as Noun

__all__ = ["Schema"]

_MOST_VALUES = 12


class Schema(Page):
    """Kinds, presence, ranges and domains."""

    def report(self, noun: Noun, context: Context) -> Report:
        """The page."""
        kinds = Counter(feature.kind for feature in noun.features)
        listed = ", ".join(
            f"{count(number)} {kind}" for kind, number in sorted(kinds.items(), key=lambda x: (-x[1], x[0]))
        )
        never = sum(feature.min_present == 1.0 for feature in noun.features)
        headline = (
            f"{plural(len(noun.features), 'column is', 'columns are')} described; {count(never)} may never be null"
        )
        return Report(
            "schema",
            context.name_of(noun),
            headline,
            lead=listed or None,
            facts={
                "Columns": count(len(noun.features)),
                "Never null": count(never),
                "With a range": count(sum(f.min is not None or f.max is not None for f in noun.features)),
                "With a domain": count(sum(f.has_domain for f in noun.features)),
                "Environments": ", ".join(noun.environments),
                **_of_all(noun),
            },
            sections=(Section("Columns", _features(noun), is_brief=True),),
        )


def _of_all(noun: Noun) -> dict[str, str]:
    """What is asked of the rows together, and of each by a condition; nothing where nothing is."""
    plain = noun.to_plain()
    found = {"Data set": ", ".join(f"{key} {_said(value)}" for key, value in plain.get("dataset", {}).items())}
    found["Free checks"] = ", ".join(check.name for check in noun.checks)
    found["Shared domains"] = ", ".join(plain.get("domains", {}))
    return {key: text for key, text in found.items() if text}


def _features(noun: Noun) -> Content:
    columns = [Column("Column"), Column("Kind"), Column("Present at least", "num"), Column("", "chart")]
    columns += [Column("From", "num"), Column("To", "num"), Column("Values it may take"), Column("Notes")]
    rows: list[Row] = []
    for feature in noun.features:
        text = moment if feature.kind == "timestamp" else figure
        limits = [Cell(NOTHING if limit is None else text(limit), limit) for limit in (feature.min, feature.max)]
        drawn = meter(f"{feature.name}: present in at least {share(feature.min_present)}", feature.min_present)
        present = Cell(share(feature.min_present), feature.min_present)
        rows.append(
            [
                name(feature.name),
                feature.kind,
                present,
                drawn,
                *limits,
                _domain(noun.domain_of(feature.name), feature),
                _notes(feature),
            ]
        )
    if all(feature.min is None and feature.max is None for feature in noun.features):
        columns, rows = columns[:4] + columns[6:], [[*row[:4], *row[6:]] for row in rows]
    return table(f"{plural(len(rows), 'column')}, in the order of the data", columns, rows)


def _domain(domain: tuple[str, ...] | None, feature: Feature) -> Content:
    if domain is None:
        return tag("span", "any" if feature.kind == "text" else "", class_="quiet")
    shown: list[Content] = []
    for index, value in enumerate(domain[:_MOST_VALUES]):
        shown += [", " if index else "", name(value, longest=40)]
    more = len(domain) - _MOST_VALUES
    return [*shown, tag("span", f" and {count(more)} more", class_="quiet")] if more > 0 else shown


_TOLD: tuple[str, ...] = ("pattern", "min_length", "max_length", "min_values", "max_values", "values_kind", "order")
_TOLD += ("limits", "min_present_in", "tolerance", "new_values", "severity", "max_drift", "max_skew", "stage", "role")


def _notes(feature: Feature) -> str:
    notes = [] if feature.allow_nan else ["no NaN"]
    notes += [] if feature.allow_infinite else ["no infinity"]
    notes += ["unique"] if feature.is_unique else []
    if feature.not_in:
        notes.append(f"absent in {', '.join(feature.not_in)}")
    plain = feature.to_plain()
    for key in _TOLD:
        if key in plain:
            value = plain[key]
            said = (
                value if isinstance(value, (str, int)) else ", ".join(f"{name} {_said(value[name])}" for name in value)
            )
            notes.append(f"{key.replace('_', ' ')} {said}")
    notes += ["sensitive"] if feature.is_sensitive else []
    return "; ".join(notes)


def _said(value: object) -> object:
    """Both ends of a limit, or the value itself."""
    return f"{value.get('min', '')}..{value.get('max', '')}" if isinstance(value, dict) else value
