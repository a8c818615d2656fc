"""Runs that another orchestrator carries out: begun once, each step by a process it starts, ended by one more.

    run_id = begin_run(pipeline, {}, "scheduled__2026-02-01", store)    # twice is once
    run_step(run_id, "train", store, settings, project)                 # takes what is known from the store, as ever
    end_run(run_id, store, settings, project)                           # how it ended, on record

What is planned, cached, committed and refused is what `headrace run` would do; the other orchestrator says when and
where. One step process at a time holds the run: steps that it starts side by side wait for one another. A run that
`headrace worker` takes meanwhile is that worker's, and the step's process waits for it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace import progress
from headrace.errors import StoreBusy, UnknownName
from headrace.orchestration.conditions import is_left_out
from headrace.orchestration.coordinator import Coordinator
from headrace.orchestration.hands import forked, ordered
from headrace.orchestration.lookups import inputs_of, is_looked_up
from headrace.orchestration.notifying import notice_of, tell_of_runs
from headrace.orchestration.recorded import recorded_plan
from headrace.orchestration.results import RunResult, StepResult, state_of
from headrace.orchestration.runner import queue_plan
from headrace.orchestration.tracing import Graph, Node

if TYPE_CHECKING:
    from headrace.orchestration.pipelines import Pipeline
    from headrace.settings import Settings
    from headrace.store import AttemptRow, Store

__all__ = ["begin_run", "end_run", "run_step", "tasks_of"]

_POLL_S = 0.5
_OPEN = ("queued", "running")


def tasks_of(graph: Graph) -> list[tuple[Node, tuple[str, ...]]]:
    """The steps that another orchestrator has to start, each with those that come before it.

    Steps that are only looked up when the run is planned are none; whoever needs them waits for nothing.
    """
    idle = {node.name for node in graph.nodes if is_looked_up(node.call, {})}
    found = []
    for node in graph.nodes:
        if node.name not in idle:
            needs = dict.fromkeys(need.step for need in node.needs if need.step not in idle)
            found.append((node, tuple(needs)))
    return found


def begin_run(pipeline: Pipeline, parameters: Mapping[str, Any], name: str, store: Store) -> str:
    """Plan a run and record it under another orchestrator's name for it; asked again, the same run.

    Returns the run's id. Raises what planning raises.
    """
    from headrace.orchestration.planning import make_plan

    plan = make_plan(pipeline, parameters, store)
    return queue_plan(plan, store, trigger={"external": name}, once=name)


def run_step(run_id: str, step: str, store: Store, settings: Settings, project: Path) -> RunResult:
    """Do one step of a run, with what belongs to it: the spans of an ingest step.

    Returns how these ended; other steps are not in it. Raises UnknownName for a step that the run lacks, StoreBusy for
    a run that has ended. Cost: a step that is known takes one transaction.
    """
    plan = recorded_plan(store.run(run_id), project)
    only = [node.name for node in plan.graph.nodes if node.name == step or node.name.startswith(f"{step}[")]
    if step not in only:
        raise UnknownName("step", step, [node.name for node, _ in tasks_of(plan.graph)], where=f"run {run_id}")
    is_told = False
    while True:
        try:
            store.take_run(run_id, only=_OPEN)
            break
        except StoreBusy:
            if store.run(run_id).state not in _OPEN:
                raise
            if not is_told:
                progress.say(f"{step}: another process has run {run_id}; waiting")
                is_told = True
            time.sleep(_POLL_S)
    children = forked(plan, run_id, store)
    try:
        result = Coordinator(plan, run_id, store, settings, children, only=only).run()
    finally:
        children.close()
    steps = {name: result.steps[name] for name in only}
    return replace(result, state=state_of(steps.values()), steps=steps, endpoints={})


def end_run(run_id: str, store: Store, settings: Settings, project: Path) -> RunResult:
    """Say how a run ended whose steps another orchestrator has started, or has given up; asked again, the same.

    A step that was never begun counts as failed, unless what it needs was withheld or failed: then it is blocked.
    """
    run = store.run(run_id)
    plan = recorded_plan(run, project)
    is_open = run.state in _OPEN
    if is_open:
        store.take_run(run_id, only=_OPEN)
    newest = {row.step: row for row in store.attempts(run_id)}
    results: dict[str, StepResult] = {}
    left_out: set[str] = set()
    open_steps: set[str] = set()  # those that wait for a person, and all that needs them
    for node in plan.graph.nodes:
        ended = {name: item.outputs for name, item in results.items() if item.state in _GAVE or name in left_out}
        inputs = inputs_of(node, plan.resolved.get(node.name, {}), ended, left_out)
        row = newest.get(node.name)
        if inputs is not None and inputs.output is not None and inputs.withheld is None:
            results[node.name] = StepResult(node.name, "looked up", inputs.output)
        elif row is None and any(need.step in open_steps for need in node.needs):
            results[node.name] = StepResult(node.name, "not run", reason="after what waits for approval")
            open_steps.add(node.name)
        else:
            withheld = None if inputs is None else inputs.withheld
            results[node.name] = _result(node, row, inputs is not None and withheld is None)
            if withheld is not None and withheld.step in left_out and row is None:
                results[node.name] = StepResult(node.name, "skipped", reason=f"{withheld.step} left it out")
            state = results[node.name].state
            if state in ("blocked", "skipped") and row is None and is_open:
                store.block(run_id, node.name, "", results[node.name].reason, is_skipped=state == "skipped")
            if state == "waiting":
                open_steps.add(node.name)
        if is_left_out(node.call, results[node.name].state, results[node.name].outputs):
            left_out.add(node.name)
    state = state_of(results.values()) if is_open else run.state
    if is_open:
        notice = notice_of(store, run_id, state, settings)
        if state != "waiting":
            store.finish_run(run_id, state, notice=notice)
        elif not store.rest_run(run_id, notice=notice):
            store.release_run(run_id)  # a person has answered between: whoever takes it does the steps behind
        tell_of_runs(store, settings)
    return RunResult(run_id, run.pipeline, state, results, store.home.path, 0.0, 0, {})


_GAVE = ("succeeded", "cached", "looked up")


def _result(node: Node, row: AttemptRow | None, has_inputs: bool) -> StepResult:
    if row is None:
        state, reason = ("not run", "nobody has begun it") if has_inputs else ("blocked", "a step before it gave none")
        return StepResult(node.name, state, reason=reason)
    if row.state in ("succeeded", "cached"):
        outputs = ordered(node, {name: item.digest for name, item in row.outputs.items()})
        return StepResult(node.name, row.state, outputs, row.result or {})
    if row.state in ("blocked", "skipped", "waiting"):
        return StepResult(node.name, row.state, reason=row.reason or "")
    return StepResult(node.name, "failed", reason=row.reason or "its process died")
