"""Run record: what the store knows of one run, gathered: its steps, how each ended, why it ran, what it made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from headrace.orchestration.ending import ending
from headrace.orchestration.explaining import Explanation, explain
from headrace.orchestration.headlines import figures_of
from headrace.orchestration.lookups import looked_up_of

if TYPE_CHECKING:
    from headrace.store import AttemptRow, RunRow, Store

__all__ = ["RunRecord", "StepRecord", "run_record", "step_record"]

_MOST_CHANGES = 3


@dataclass(frozen=True)
class StepRecord:
    """One step of a run.

    Parameters
    ----------
    name, call : str
        Its name, and the verb or function it calls.
    state : str
        "succeeded", "cached", "looked up", "no" (it withholds something), "failed", "lost", "blocked", "skipped" (a
        condition left it out), "waiting" (for a person), "running" or "not run".
    needs : tuple of str
        The steps whose outputs it takes.
    why : str
        Why it ran, or did not.
    says : tuple of str
        What it found wrong or warns of, in lines.
    num_findings : int
        For what it says no; 0 where it does not.
    start_s, seconds : float
        From the beginning of the run; 0 and 0 of what did no work.
    rows_read, rows_reused : int
        Rows it read; rows that kept states stood for.
    num_attempts : int
        How often it was begun; to wait for a person is no beginning.
    outputs : mapping of str to (kind, digest)
        What it made, or was found.
    figures : mapping
        What it measured or judged, as `headlines.figures_of` gives it.
    """

    name: str
    call: str
    state: str
    needs: tuple[str, ...]
    why: str
    says: tuple[str, ...]
    num_findings: int
    start_s: float
    seconds: float
    rows_read: int
    rows_reused: int
    num_attempts: int
    outputs: Mapping[str, tuple[str, str]]
    figures: Mapping[str, Any]


@dataclass(frozen=True)
class RunRecord:
    """One run, as `run_record` found it.

    Parameters
    ----------
    run_id, pipeline, state : str
        As in the store.
    created_us : int
        UTC epoch microseconds.
    seconds : float or None
        From its record to its end; None while it goes on.
    parameters : dict
        The pipeline's.
    steps : tuple of StepRecord
        In the pipeline's order.
    ending : tuple of str
        What `headrace run` says at the end: what was refused and why, what is served, what to type next.
    """

    kind: ClassVar[str] = "run"

    run_id: str
    pipeline: str
    state: str
    created_us: int
    seconds: float | None
    parameters: Mapping[str, Any]
    steps: tuple[StepRecord, ...]
    ending: tuple[str, ...]


def run_record(store: Store, run: RunRow) -> RunRecord:
    """Everything the store knows of a run. Cost: some milliseconds a step, for saying why it ran."""
    attempts: dict[str, list[AttemptRow]] = {}
    for row in store.attempts(run.run_id):
        attempts.setdefault(row.step, []).append(row)
    names = [planned["name"] for planned in run.plan["steps"]]
    steps = tuple(_step(store, run, planned, names, attempts.get(planned["name"], [])) for planned in run.plan["steps"])
    seconds = None if run.ended_us is None else (run.ended_us - run.created_us) / 1e6
    told = () if run.state in ("queued", "running") else tuple(ending(store, run))
    parameters = dict(run.plan.get("parameters", {}))
    return RunRecord(run.run_id, run.pipeline, run.state, run.created_us, seconds, parameters, steps, told)


def step_record(store: Store, run: RunRow, step: str) -> StepRecord:
    """What the store knows of one step of a run; KeyError for one that it does not have."""
    names = [planned["name"] for planned in run.plan["steps"]]
    planned = {planned["name"]: planned for planned in run.plan["steps"]}[step]
    return _step(store, run, planned, names, store.attempts(run.run_id, step))


def _step(
    store: Store, run: RunRow, planned: Mapping[str, Any], names: list[str], tried: list[AttemptRow]
) -> StepRecord:
    name, last = planned["name"], tried[-1] if tried else None
    result = (last.result or {}) if last is not None else {}
    state = last.state if last is not None else "looked up" if name in looked_up_of(run) else "not run"
    if result.get("ok") is False:
        state = "no"
    did_work = last is not None and last.state in ("succeeded", "failed", "lost") and last.ended_us is not None
    start, seconds = 0.0, 0.0
    if did_work:
        assert last is not None and last.ended_us is not None
        start, seconds = (last.started_us - run.created_us) / 1e6, (last.ended_us - last.started_us) / 1e6
    outputs = {} if last is None else {key: (item.kind, item.digest) for key, item in last.outputs.items()}
    found = run.resolved.get(name)
    if last is None and isinstance(found, dict) and isinstance(found.get("digest"), str):
        kind = store.artifact(found["digest"])
        if kind is not None:
            outputs = {next(iter(planned["outputs"]), "value"): (kind.kind, kind.digest)}
    needs = dict.fromkeys(source for source, _ in _references(planned["arguments"]))
    needs.update(dict.fromkeys(other for other in names if other.startswith(f"{name}[")))
    return StepRecord(
        name,
        planned["call"],
        state,
        tuple(needs),
        _why(explain(store, run, name)),
        tuple(_says(last, result)),
        int(result.get("num_items", len(result.get("items", ())))) if state == "no" else 0,
        max(0.0, start),
        seconds,
        int(result.get("rows_read", 0)) if did_work else 0,
        int(result.get("rows_reused", 0)) if did_work else 0,
        sum(row.state != "waiting" for row in tried),
        outputs,
        figures_of(result),
    )


def _why(found: Explanation) -> str:
    changes = [change.text for change in found.changes[:_MOST_CHANGES]]
    more = len(found.changes) - len(changes)
    return found.why + (": " + "; ".join(changes) if changes else "") + (f"; and {more} more" if more else "")


def _says(last: AttemptRow | None, result: Mapping[str, Any]) -> Iterator[str]:
    if last is not None and last.state in ("failed", "lost", "blocked", "skipped", "waiting") and last.reason:
        yield last.reason
    if result.get("ok") and "approval" in result:  # a person's yes; a no is among the items
        yield str(result["summary"])
    yield from (str(item) for item in result.get("items", ()))
    for item in result.get("waived", ()):
        yield (
            f"waived: {item}"
            if isinstance(item, str)
            else f"waived: {item['name']}, by {item['by']}: {item['because']}"
        )
    yield from (f"warning: {item}" for item in result.get("warnings", ()))


def _references(value: Any) -> Iterator[tuple[str, str]]:
    """The (step, output) pairs that a step's recorded arguments name."""
    if isinstance(value, dict) and set(value) == {"@"}:
        yield value["@"][0], value["@"][1]
    elif isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _references(item)
