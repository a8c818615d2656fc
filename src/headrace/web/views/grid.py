"""The grid: of each pipeline the last runs as columns, its steps as rows, how each ended as cells."""

from __future__ import annotations

from collections.abc import Iterable

from headrace.web.asking import Ask, Page
from headrace.web.views._rows import run_rows

__all__ = ["show"]

_RUNS = 20
_PIPELINES = 5


def show(ask: Ask) -> Page:
    """`/grid?pipeline=flights`; without one the five that ran last."""
    wanted = ask.query.get("pipeline") or None
    offset = ask.number("offset", 0, most=1_000_000)
    known = [row.pipeline for row in ask.store.pipelines()]
    chosen = [name for name in known if name == wanted] if wanted else known[offset : offset + _PIPELINES]
    grids = []
    for name in chosen:
        rows = list(reversed(run_rows(ask.store, ask.store.runs(pipeline=name, limit=_RUNS))))
        steps = _in_order(step for row in reversed(rows) for step in row["steps"])
        grids.append({"pipeline": name, "steps": steps, "runs": rows})
    more: dict[str, str | None] = {"newer": None, "older": None}
    if not wanted and len(known) > offset + _PIPELINES:
        more["older"] = f"?offset={offset + _PIPELINES}"
    if offset and not wanted:
        more["newer"] = f"?offset={max(0, offset - _PIPELINES)}"
    return Page("grid", "Grid", {"grids": grids, "pipeline": wanted, "pages": more}, live_s=5.0)


def _in_order(steps: Iterable[str]) -> list[str]:
    """Steps of several runs, those of the newest first; the spans of one ingest beside one another, by name."""
    named = list(dict.fromkeys(steps))
    first: dict[str, int] = {}
    for index, name in enumerate(named):
        first.setdefault(_group(name), index)
    return sorted(named, key=lambda name: (first[_group(name)], name if "[" in name else ""))


def _group(name: str) -> str:
    return name.partition("[")[0] + "[" if "[" in name else name
