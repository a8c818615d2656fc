"""Backfill: the runs of a pipeline as of each of many spans, those that are missing, oldest first."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from headrace.errors import HeadraceError, InvalidInput, Misuse
from headrace.orchestration.planning import make_plan
from headrace.orchestration.spans import source_of

if TYPE_CHECKING:
    from headrace.orchestration.pipelines import Pipeline
    from headrace.orchestration.plan import Plan
    from headrace.store import RunRow, Store

__all__ = ["Backfilled", "backfill", "ends_of", "expected_between"]

# How a run may have ended, or stand, that is not repeated while spans and code are the same.
_DONE = ("succeeded", "rejected", "queued", "waiting")
_MOST_EXPECTED = 100_000


@dataclass(frozen=True)
class Backfilled:
    """One past end of a pipeline's window, and what became of it.

    Parameters
    ----------
    span : str
        The end.
    state : str
        "missing in the source"; "missing", as yet; "ran before"; "queued"; or how its run ended: "succeeded",
        "rejected", "failed", "cancelled", "waiting" for a person's approval; "not run" after one that was stopped.
    run_id : str or None
        Its run.
    reads : tuple of str
        The spans that its run reads.
    note : str
        More in words.
    """

    span: str
    state: str
    run_id: str | None = None
    reads: tuple[str, ...] = ()
    note: str = ""


def backfill(
    pipeline: Pipeline,
    parameters: Mapping[str, Any],
    store: Store | None,
    *,
    first: str,
    last: str,
    run: Callable[[Plan], tuple[str, str]] | None,
    queue: Callable[[Plan], str] | None = None,
) -> Iterator[Backfilled]:
    """Go through the ends from `first` to `last`, both included, oldest first; each is told when it is dealt with.

    Parameters
    ----------
    pipeline, parameters, store
        What is run, with what, where.
    first, last : str
        Spans of its ingest steps.
    run : callable or None
        Carries a plan out; gives the run's id and how it ended. None: nothing is done, each missing one is "missing".
    queue : callable, optional
        Puts a plan into the queue instead, and gives the run's id.

    A run of the same spans with the same code and parameters that succeeded, said no or goes on is not repeated,
    whoever started it; one that failed is. Each is planned when its turn comes, after the one before it has ended, so
    that `hr.previous` is what that one accepted.

    Raises InvalidInput where a pipeline cannot be run as of a span, and, before anything is queued, where the runs look
    up what the ones before them make.
    """
    ends, missing = ends_of(pipeline, parameters, store, first=first, last=last)
    seen: list[Mapping[str, Any]] = []
    is_stopped = False
    if queue is not None:
        _refuse_chained(pipeline, parameters, ends)
    for span in ends:
        if span in missing:
            yield Backfilled(span, "missing in the source", note=missing[span])
            continue
        if is_stopped:
            yield Backfilled(span, "not run")
            continue
        plan = make_plan(pipeline, parameters, store, as_of=span, looked_at=seen)
        seen = [plan.resolved]
        reads = tuple(item["name"] for entry in plan.resolved.values() for item in entry.get("spans", ()))
        found = Backfilled(span, "missing", reads=tuple(dict.fromkeys(reads)))
        before = None if store is None else _before(store, plan)
        if before is not None:
            yield replace(found, state="ran before", run_id=before.run_id, note=before.state)
        elif queue is not None:
            yield replace(found, state="queued", run_id=queue(plan))
        elif run is not None:
            run_id, state = run(plan)
            is_stopped = state == "cancelled"
            yield replace(found, state=state, run_id=run_id)
        else:
            yield found


def _before(store: Store, plan: Plan) -> RunRow | None:
    """The newest run of this very plan that need not be repeated."""
    for row in store.runs(pipeline=plan.graph.pipeline, plan_id=plan.identity):
        if row.state in _DONE or (row.state == "running" and store.is_alive(store.lease(row.run_id))):
            return row
    return None


def _refuse_chained(pipeline: Pipeline, parameters: Mapping[str, Any], ends: Sequence[str]) -> None:
    """Runs that are queued at once are planned at once: none can look up what another will make."""
    for node in pipeline.trace(**parameters).nodes:
        if node.call == "previous" and len(ends) > 1:
            raise Misuse(
                "hr.previous of each run is what the run before it accepts, which is not there when all are queued",
                where=node.line,
                fix="leave --detach out: the runs follow each other here, and `headrace worker`s help with their steps",
            )


def ends_of(
    pipeline: Pipeline, parameters: Mapping[str, Any], store: Store | None, *, first: str, last: str
) -> tuple[list[str], dict[str, str]]:
    """The spans from `first` to `last`, in order; and those of them that a source lacks, with where.

    Where the two ends are months, days or numbers, what should lie between them is known, and a span that no source has
    is among them.

    Raises InvalidInput where nothing lies between, or the pipeline reads no spans.
    """
    from headrace.ingestion.past import all_spans
    from headrace.ingestion.spans import natural

    graph = pipeline.trace(**parameters)
    known: dict[str, list[str]] = {}
    for node in graph.nodes:
        if node.call == "ingest":
            try:
                names = all_spans(source_of(node.arguments, pipeline.folder), store)
            except HeadraceError as error:
                error.locate(node.line, adds=True)
                raise
            if names != ["all"]:
                known[node.name] = names
    if not known:
        raise InvalidInput(
            f"pipeline {pipeline.name!r} reads no spans: it has no past to be run as of",
            expected='hr.ingest("data/{span}.parquet")',
        )
    if natural(first) > natural(last):
        raise InvalidInput(f"--from {first} comes after --to {last}")
    there = {name for names in known.values() for name in names}
    between = {name for name in there if natural(first) <= natural(name) <= natural(last)}
    ends = sorted(between | set(expected_between(first, last) or {first, last}), key=natural)
    missing = {}
    for span in ends:
        lacking = [step for step, names in known.items() if span not in names]
        if lacking:
            missing[span] = ", ".join(lacking)
    return ends, missing


def expected_between(first: str, last: str) -> list[str] | None:
    """What should lie between two spans, both included; None where their names do not say.

    >>> expected_between("2012-11", "2013-02")
    ['2012-11', '2012-12', '2013-01', '2013-02']
    >>> expected_between("2012-02-28", "2012-03-01")
    ['2012-02-28', '2012-02-29', '2012-03-01']
    >>> expected_between("part-8", "part-10")
    ['part-8', 'part-9', 'part-10']
    >>> expected_between("spring", "summer")
    """
    if all(re.fullmatch(r"\d{4}-\d{2}", name) for name in (first, last)):
        begin, end = (int(name[:4]) * 12 + int(name[5:]) - 1 for name in (first, last))
        return [f"{month // 12:04d}-{month % 12 + 1:02d}" for month in _upto(begin, end)]
    try:
        begin_day, end_day = date.fromisoformat(first), date.fromisoformat(last)
        if len(first) == len(last) == len("2013-01-01"):
            days = _upto(0, (end_day - begin_day).days)
            return [(begin_day + timedelta(days=number)).isoformat() for number in days]
    except ValueError:
        pass
    matches = [re.fullmatch(r"(.*?)(\d{1,15})", name) for name in (first, last)]
    if matches[0] is None or matches[1] is None or matches[0][1] != matches[1][1]:
        return None
    prefix, width = matches[0][1], len(matches[0][2])
    is_padded = matches[0][2].startswith("0") or width == len(matches[1][2])
    numbers = _upto(int(matches[0][2]), int(matches[1][2]))
    return [f"{prefix}{number:0{width if is_padded else 1}d}" for number in numbers]


def _upto(first: int, last: int) -> range:
    if last - first > _MOST_EXPECTED:
        raise InvalidInput(f"{last - first + 1:,} spans from the first to the last", expected=f"{_MOST_EXPECTED:,}")
    return range(first, last + 1)
