"""Grants: which data sets something was made from, so that it can be said who may see it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any

from headrace.access import Person, mask
from headrace.orchestration.run_record import RunRecord, StepRecord
from headrace.store import RunRow, Store

__all__ = ["datasets_of", "masked", "masked_step", "may_see", "needs_of", "sensitive_columns"]


def datasets_of(run: RunRow, step: str | None = None) -> list[str]:
    """The ingest steps that a run, or one of its steps, takes its data from, by name."""
    steps = {planned["name"]: planned for planned in run.plan.get("steps", ())}
    pending = list(steps) if step is None else [step]
    seen: set[str] = set()
    while pending:
        name = pending.pop()
        if name in seen or name not in steps:
            continue
        seen.add(name)
        pending += needs_of(steps[name]["arguments"])
        if steps[name]["call"] == "ingest_span":  # a span's own step belongs to the ingest before the bracket
            pending.append(name.partition("[")[0])
    return sorted(name for name in seen if steps[name]["call"] == "ingest")


def may_see(person: Person, store: Store, digest: str) -> bool:
    """Whether an artifact may be shown: somebody who may see what any run made it from, may see it."""
    if person.reads_all:
        return True
    for made in store.made(digest):
        run = store.run(made.run_id)
        if person.may_read(run.pipeline, datasets_of(run, made.step)):
            return True
    return False


def sensitive_columns(run: RunRow) -> frozenset[str]:
    """The columns that the run's data sets call sensitive."""
    found: set[str] = set()
    for planned in run.plan.get("steps", ()):
        named = planned["arguments"].get("sensitive") if planned["call"] == "ingest" else None
        found |= {named} if isinstance(named, str) else set(named or ())
    return frozenset(found)


def masked(record: RunRecord, columns: Collection[str]) -> RunRecord:
    """A run's record without the values of sensitive columns in what its steps said."""
    if not columns:
        return record
    steps = tuple(masked_step(step, columns) for step in record.steps)
    return replace(record, steps=steps, ending=tuple(mask(line, columns) for line in record.ending))


def masked_step(step: StepRecord, columns: Collection[str]) -> StepRecord:
    """The same for one step."""
    return replace(step, why=mask(step.why, columns), says=tuple(mask(line, columns) for line in step.says))


def needs_of(value: Any) -> Iterator[str]:
    """The steps that a step's recorded arguments name."""
    if isinstance(value, dict):
        if set(value) == {"@"}:
            yield value["@"][0]
        else:
            for item in value.values():
                yield from needs_of(item)
    elif isinstance(value, list):
        for item in value:
            yield from needs_of(item)
