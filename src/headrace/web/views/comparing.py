"""Comparing: two runs side by side: what they are, and in what they differ; what `headrace diff` prints."""

from __future__ import annotations

from typing import Any

from headrace.access import mask
from headrace.errors import InvalidInput
from headrace.orchestration.comparing import SECTIONS, cell_text, compare_runs
from headrace.report import Cell, Column, Content, Html, name, table, tag
from headrace.store import RunRow
from headrace.web.asking import Ask, Done, Page
from headrace.web.grants import sensitive_columns
from headrace.web.views._rows import run_href, run_rows

__all__ = ["before_of", "show"]

_MOST = 200
_HIDDEN = "hidden"
_NUMBERS = ("change", "rows")
_TITLES = {
    "metrics": "Metrics, by slice",
    "statistics": "Statistics of the data",
    "schema": "Schema",
    "not compared": "What could not be compared",
}
# What a person asks first comes first.
_ORDER = (
    "verdicts",
    "metrics",
    "endpoints",
    "parameters",
    "code",
    "data",
    "statistics",
    "schema",
    "packages",
    "not compared",
)


def show(ask: Ask) -> Page | Done:
    """`/compare?run=A&run=B`: the older run first, as "before"; with other than two, back to the list."""
    wanted = list(dict.fromkeys(one for one in ask.choices.get("run", ()) if one))
    if len(wanted) != 2:
        told = f"{len(wanted) or 'no'} run{'' if len(wanted) == 1 else 's'} ticked"
        if wanted and ask.wants_data:
            raise InvalidInput(told, expected="two, as /compare.json?run=A&run=B")
        return Done("/runs", f"Tick two runs to compare them: there {'was' if len(wanted) == 1 else 'were'} {told}.")
    before, now = sorted((ask.run(one) for one in wanted), key=lambda run: run.created_us)
    hidden = sensitive_columns(before) | sensitive_columns(now)
    found = {
        section: [_without_values(row, hidden) for row in rows]
        for section, rows in compare_runs(ask.store, before, now).items()
    }
    rows = run_rows(ask.store, [before, now])
    values = [run.plan.get("parameters", {}) for run in (before, now)]
    parameters = {key: [one.get(key) for one in values] for key in dict.fromkeys([*values[0], *values[1]])}
    data: dict[str, Any] = {
        "before": {key: value for key, value in rows[0].items() if key != "steps"},
        "now": {key: value for key, value in rows[1].items() if key != "steps"},
        "parameters": parameters,
        "differs": {section: found[section] for section in _ORDER},
        "num_differences": sum(map(len, found.values())),
    }
    sections = [_section(section, found[section]) for section in _ORDER if found[section]]
    title = f"Run {before.run_id} beside run {now.run_id}"
    return Page(
        "compare", title, data, {"sections": sections, "hrefs": [run_href(before.run_id), run_href(now.run_id)]}
    )


def _without_values(row: dict[str, Any], hidden: frozenset[str]) -> dict[str, Any]:
    """A row without the values of sensitive columns."""
    if not hidden:
        return row
    if row.get("feature") in hidden:
        return {key: _HIDDEN if key in ("before", "now") else value for key, value in row.items()}
    return {key: mask(value, hidden) if isinstance(value, str) else value for key, value in row.items()}


def _section(section: str, found: list[dict[str, Any]]) -> dict[str, Any]:
    """One table: rows that only follow from there being more rows come last, and paler."""
    rows = sorted(found, key=lambda row: bool(row.get("follows")))
    texts = [{column: cell_text(column, row) for column in SECTIONS[section]} for row in rows]
    columns = [column for column in SECTIONS[section] if any(text[column] for text in texts)]
    made = table(
        f"{len(rows)} difference{'s' if len(rows) != 1 else ''}",
        [Column(column.capitalize(), "num" if column in _NUMBERS else "text") for column in columns],
        [[_cell(column, row, text[column]) for column in columns] for row, text in zip(rows, texts, strict=True)],
        muted=[bool(row.get("follows")) for row in rows],
        most_rows=_MOST,
    )
    return {"title": _TITLES.get(section, section.capitalize()), "body": made}


def _cell(column: str, row: dict[str, Any], text: str) -> Content | Cell:
    if column == "effect" and text:
        return _tone(text)
    if column in _NUMBERS and isinstance(row.get(column), (int, float)):
        return Cell(text, float(row[column]))
    return name(text, longest=300) if text else ""


def _tone(effect: str) -> Html:
    return tag("span", effect, class_=f"tone {'good' if effect == 'better' else 'bad'}")


def before_of(ask: Ask, run: RunRow) -> str | None:
    """The page that compares a run with the one of its pipeline before it; None for the first."""
    for one in ask.store.runs(pipeline=run.pipeline, limit=_MOST):
        if one.created_us < run.created_us:
            return f"/compare?run={one.run_id}&run={run.run_id}"
    return None
