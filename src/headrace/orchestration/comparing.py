"""Two runs side by side: parameters, code, packages, data, schema, statistics, metrics, verdicts, endpoints.

What differs is listed, what does not is left out; each list is plain data, the rows of a table.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from headrace.errors import HeadraceError
from headrace.orchestration.changes import Change, shown
from headrace.orchestration.explaining import key_changes

if TYPE_CHECKING:
    from headrace.rules import Value
    from headrace.schema import Schema
    from headrace.statistics import FeatureStatistics
    from headrace.store import AttemptRow, RunRow, Store

__all__ = ["SECTIONS", "cell_text", "compare_runs"]

Rows = list[dict[str, Any]]

# section -> the columns of its table.
SECTIONS: dict[str, tuple[str, ...]] = {
    "parameters": ("step", "name", "before", "now"),
    "code": ("step", "what", "where"),
    "packages": ("name", "before", "now"),
    "data": ("step", "what"),
    "schema": ("feature", "field", "before", "now"),
    "statistics": ("feature", "figure", "before", "now", "change"),
    "metrics": ("metric", "slice", "before", "now", "change", "effect", "rows"),
    "verdicts": ("step", "before", "now"),
    "endpoints": ("endpoint", "before", "now"),
    "not compared": ("step", "why"),
}
# Figures measured in standard deviations of the first run, and those measured by their own size.
_PLACES = ("mean", "median", "min", "max")
_SIZES = ("std_dev", "num_distinct")
# What weighs most comes first: another type, then where values lie, then nulls, then ends and counts.
_RANKS = {"type": 0, "mean": 1, "median": 1, "std_dev": 1, "missing": 2, "min": 3, "max": 3, "num_distinct": 4}
_LAST_RANK = 5
_AS_ROWS = 1.05  # num_distinct is an estimate


def compare_runs(store: Store, before: RunRow, now: RunRow) -> dict[str, Rows]:
    """What differs between two runs, by section (`SECTIONS`); in statistics and metrics the largest change first.

    A row of statistics with `follows` True says only that there are more rows, or fewer. `effect` of a metric is
    "better" or "worse", by its own direction.

    What a run did not come to is not compared, and what cannot be read any more is told under "not compared".

    Cost: loading schemas, statistics and evaluations that differ; some milliseconds a feature.
    """
    changes = [(step, change) for step, several in key_changes(store, before, now).items() for change in several]
    last = [_last(store, run) for run in (before, now)]
    problems: Rows = []
    return {
        "parameters": [*_pipeline_parameters(before, now), *_parameters(changes)],
        "code": [
            {"step": step, "what": change.text.removesuffix(f" ({change.where})"), "where": change.where}
            for step, change in changes
            if change.what in ("code", "feature", "step")
        ],
        "packages": _packages(changes),
        "data": [*_data(changes), *_rows(last)],
        "schema": list(_schemas(store, last, problems)),
        "statistics": list(_statistics(store, last, problems)),
        "metrics": list(_metrics(store, last, problems)),
        "verdicts": list(_verdicts(last)),
        "endpoints": list(_endpoints(store, (before, now), last)),
        "not compared": problems,
    }


def _last(store: Store, run: RunRow) -> dict[str, AttemptRow]:
    return {row.step: row for row in store.attempts(run.run_id)}


def _pipeline_parameters(before: RunRow, now: RunRow) -> Rows:
    values = [run.plan["parameters"] for run in (before, now)]
    if before.pipeline != now.pipeline:
        return [{"step": "", "name": "pipeline", "before": before.pipeline, "now": now.pipeline}]
    return [
        {"step": "", "name": name, "before": values[0].get(name), "now": values[1].get(name)}
        for name in dict.fromkeys([*values[0], *values[1]])
        if values[0].get(name) != values[1].get(name)
    ]


def _parameters(changes: list[tuple[str, Change]]) -> Rows:
    return [
        {"step": step, "name": change.name, "before": change.before, "now": change.now}
        for step, change in changes
        if change.what == "parameter"
    ]


def _packages(changes: list[tuple[str, Change]]) -> Rows:
    found = {change.name: change for _, change in changes if change.what == "package" and change.before and change.now}
    return [{"name": name, "before": change.before, "now": change.now} for name, change in sorted(found.items())]


def _data(changes: list[tuple[str, Change]]) -> Rows:
    return [
        {"step": step, "what": change.text.removesuffix(f" ({change.where})").removeprefix(f"{step}: ")}
        for step, change in changes
        if change.what in ("span", "file", "look-up")
    ]


def _rows(last: list[dict[str, AttemptRow]]) -> Iterator[dict[str, Any]]:
    for step in dict.fromkeys([*last[0], *last[1]]):
        numbers = [((rows[step].result if step in rows else None) or {}).get("num_rows") for rows in last]
        if "[" not in step and None not in numbers and numbers[0] != numbers[1]:
            yield {"step": step, "what": f"rows: {numbers[0]:,} -> {numbers[1]:,}"}


def _artifacts(
    store: Store, last: list[dict[str, AttemptRow]], kind: str, problems: Rows
) -> Iterator[tuple[str, Any, Any]]:
    """Outputs of this kind that both runs have and that differ: the step's name, and both, loaded."""
    from headrace.orchestration.values import load_value

    for step in last[1]:
        if step not in last[0]:
            continue
        for name, item in last[1][step].outputs.items():
            other = last[0][step].outputs.get(name)
            if item.kind != kind or other is None or other.kind != kind or other.digest == item.digest:
                continue
            try:
                yield step, load_value(store, other.digest), load_value(store, item.digest)
            except HeadraceError as error:  # its bytes are gone, or of a format that is read no more
                problems.append({"step": step, "why": str(error)})


def _schemas(store: Store, last: list[dict[str, AttemptRow]], problems: Rows) -> Iterator[dict[str, Any]]:
    """The schemas that data were judged by, feature by feature."""
    from headrace.orchestration.values import load_value

    for step in last[1]:
        rows = [attempts.get(step) for attempts in last]
        keys = [None if row is None or not row.key else store.key_parts(row.key) for row in rows]
        used = [None if key is None else key.parts["arguments"].get("schema") for key in keys]
        if not all(isinstance(item, dict) and item.get("@") for item in used) or used[0] == used[1]:
            continue
        try:
            schemas = [load_value(store, item["@"]) for item in used if item is not None]
        except HeadraceError as error:
            problems.append({"step": step, "why": str(error)})
            continue
        yield from _schema_changes(*schemas)


_FEATURE_PARTS = ("format", "features")  # the rest is about the data set


def _schema_changes(before: Schema, now: Schema) -> Iterator[dict[str, Any]]:
    for name in dict.fromkeys(feature.name for schema in (before, now) for feature in schema.features):
        if name not in before or name not in now:
            texts = [schema[name].kind if name in schema else None for schema in (before, now)]
            yield {"feature": name, "field": "kind", "before": texts[0], "now": texts[1]}
            continue
        for item in fields(before[name]):
            old, new = getattr(before[name], item.name), getattr(now[name], item.name)
            if old != new:
                plain = [schema[name].to_plain().get(item.name) for schema in (before, now)]
                values = [old if plain[0] is None else plain[0], new if plain[1] is None else plain[1]]
                values = [list(value) if isinstance(value, tuple) else value for value in values]
                yield {"feature": name, "field": item.name, "before": values[0], "now": values[1]}
    parts = [
        {key: value for key, value in one.to_plain().items() if key not in _FEATURE_PARTS} for one in (before, now)
    ]
    for key in dict.fromkeys([*parts[0], *parts[1]]):
        if parts[0].get(key) != parts[1].get(key):
            yield {"feature": None, "field": key, "before": parts[0].get(key), "now": parts[1].get(key)}


def _statistics(store: Store, last: list[dict[str, AttemptRow]], problems: Rows) -> Iterator[dict[str, Any]]:
    found: Rows = []
    for _, before, now in _artifacts(store, last, "statistics", problems):
        for name in dict.fromkeys([*before.feature_names, *now.feature_names]):
            if name in before and name in now:
                found += _figures(name, before[name], now[name])
            else:
                texts = [statistics[name].type if name in statistics else None for statistics in (before, now)]
                found.append({"feature": name, "figure": "type", "before": texts[0], "now": texts[1], "size": math.inf})
    for row in sorted(found, key=lambda row: (_RANKS.get(row["figure"], _LAST_RANK), -row["size"])):
        yield {key: value for key, value in row.items() if key != "size"}


def _figures(name: str, before: FeatureStatistics, now: FeatureStatistics) -> Iterator[dict[str, Any]]:
    from headrace.schema import format_moment

    def row(figure: str, old: Any, new: Any, change: str, size: float) -> dict[str, Any]:
        return {"feature": name, "figure": figure, "before": old, "now": new, "change": change, "size": abs(size)}

    if before.type != now.type:
        yield row("type", before.type, now.type, "", math.inf)
        return
    shares = [one.num_missing / one.num_rows if one.num_rows else 0.0 for one in (before, now)]
    if shares[0] != shares[1]:
        apart = shares[1] - shares[0]
        yield row("missing", shares[0], shares[1], f"{100 * apart:+.2g} points", apart)
    for figure in (*_PLACES, *_SIZES):
        old, new = getattr(before, figure), getattr(now, figure)
        if old == new or old is None or new is None:
            continue
        if figure in _PLACES:
            size = (new - old) / before.std_dev if before.std_dev else math.inf
            change = f"{size:+.2g} std_dev" if math.isfinite(size) else ""
            if before.type == "timestamp":
                old, new = (format_moment(round(value)) or value for value in (old, new))
            yield row(figure, old, new, change, size)
        else:
            size = new / old - 1 if old else math.inf
            told = row(figure, old, new, f"{100 * size:+.2g} %" if math.isfinite(size) else "", size)
            # More rows bring more values, up to as many more as there are rows.
            rows_by = now.num_rows / before.num_rows - 1 if before.num_rows else math.inf
            follows = figure == "num_distinct" and 0 < size / rows_by <= _AS_ROWS if rows_by else False
            yield told | ({"follows": True} if follows else {})
    was, is_now = (one.top_values[0][0] if one.top_values else None for one in (before, now))
    if was != is_now:
        yield row("most frequent", was, is_now, "", 0.0)


def _metrics(store: Store, last: list[dict[str, AttemptRow]], problems: Rows) -> Iterator[dict[str, Any]]:
    from headrace.rules import slice_text

    for _, before, now in _artifacts(store, last, "evaluation", problems):
        rows: Rows = []
        tables = before.table, now.table
        up = {str(metric["name"]): metric.get("higher_is_better") for metric in [*before.metrics, *now.metrics]}
        for pairs in dict.fromkeys([*tables[1], *tables[0]]):
            cells: list[Mapping[str, Value]] = [table.get(pairs, {}) for table in tables]
            for metric in dict.fromkeys([*cells[1], *cells[0]]):
                old, new = cells[0].get(metric), cells[1].get(metric)
                values = [None if one is None or math.isnan(one.value) else one.value for one in (old, new)]
                if values[0] == values[1]:
                    continue
                change = None if values[0] is None or values[1] is None else values[1] - values[0]
                rows.append(
                    {
                        "metric": metric,
                        "slice": slice_text(pairs),
                        "before": values[0],
                        "now": values[1],
                        "change": change,
                        "effect": "" if change is None else _effect(change, up.get(metric)),
                        "rows": max(one.num_rows for one in (old, new) if one is not None),
                    }
                )
        # A change counts for more where more rows say so: by the standard error of a mean.
        yield from sorted(
            rows, key=lambda row: (row["slice"] != "overall", -abs(row["change"] or 0.0) * math.sqrt(row["rows"]))
        )


def _effect(change: float, is_up: bool | None) -> str:
    if is_up is None:
        return ""
    return "better" if (change > 0) == is_up else "worse"


def _verdicts(last: list[dict[str, AttemptRow]]) -> Iterator[dict[str, Any]]:
    for step in dict.fromkeys([*last[0], *last[1]]):
        said = [_said(rows.get(step)) for rows in last]
        if said[0] != said[1] and not set(said) <= {"-", "done"}:
            yield {"step": step, "before": said[0], "now": said[1]}


def _said(row: AttemptRow | None) -> str:
    """How a step ended, where that is worth comparing: a yes, a no, a failure."""
    if row is None:
        return "-"
    if row.state in ("failed", "lost", "blocked", "skipped", "waiting"):
        return f"{row.state}: {row.reason}"
    result: Mapping[str, Any] = row.result or {}
    if result.get("ok") is False:
        names = result.get("names") or result.get("items", [])
        return f"no: {', '.join(names)}"
    if "ok" in result:
        waived = [item["name"] for item in result.get("waived", ())]
        return "yes" + (f", let pass: {', '.join(waived)}" if waived else "")
    return "done"


def _endpoints(
    store: Store, runs: tuple[RunRow, RunRow], last: list[dict[str, AttemptRow]]
) -> Iterator[dict[str, Any]]:
    from headrace.orchestration.values import load_value

    pushes = {
        step["name"]: step["arguments"]["endpoint"] for run in runs for step in run.plan["steps"] if _pushes(step)
    }
    for step, endpoint in pushes.items():
        rows = [attempts.get(step) for attempts in last]
        versions = [
            f"version {load_value(store, row.outputs['version'].digest)}"
            if row is not None and "version" in row.outputs
            else "nothing pushed"
            for row in rows
        ]
        if versions[0] != versions[1]:
            yield {"endpoint": endpoint, "before": versions[0], "now": versions[1]}


def _pushes(step: Mapping[str, Any]) -> bool:
    return bool(step["call"] == "push")


def cell_text(column: str, row: Mapping[str, Any]) -> str:
    """How a cell of these tables reads: figures in as many digits as say something, "-" for what was not there."""
    value = row.get(column)
    if isinstance(value, float):
        if row.get("figure") == "missing":
            return f"{100 * value:.3g} %"
        return f"{value:+.4g}" if column == "change" else f"{value:.5g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}" if column == "rows" else str(value)
    if value is None:
        return "-" if column in ("before", "now") else ""
    is_whole = isinstance(value, str) and not value.startswith("source ")
    return shown(value) if column in ("before", "now") and not is_whole else str(value)
