"""Forecasts: what a run would do with each step now and why, what it would push where, and what is new in the data."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from headrace.canonical import digest
from headrace.errors import HeadraceError
from headrace.orchestration.approvals import subject_of
from headrace.orchestration.changes import UNKNOWN, Change
from headrace.orchestration.conditions import alternatives
from headrace.orchestration.explaining import nearest
from headrace.orchestration.handles import Reference
from headrace.orchestration.lookups import is_refusal, looked_up
from headrace.orchestration.plan import Plan, PlannedPush, PlannedStep
from headrace.orchestration.rivals import rivals
from headrace.orchestration.tracing import Node

if TYPE_CHECKING:
    from headrace.store import CacheRow, Store

__all__ = ["forecast"]

# step -> its outputs by name; None = not known before it ran.
Outputs = dict[str, dict[str, str | None] | None]
_SKIPPED = "@skipped"  # the output of a step that would be skipped; no step of a user's has one of that name


def forecast(plan: Plan, store: Store | None) -> Plan:
    """The same plan with `steps`, `pushes`, `gone`, `data` and `problems` filled in. Changes nothing.

    Cost: some look-ups in the store a step; where files are new, their footers; a schema file that is new.
    """
    known: Outputs = {}
    steps = tuple(_step(plan, node, known, store) for node in plan.graph.nodes)
    gone: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    if store is not None:
        last = store.runs(pipeline=plan.graph.pipeline, limit=1)
        now = {node.name for node in plan.graph.nodes}
        gone = tuple(step["name"] for run in last for step in run.plan["steps"] if step["name"] not in now)
    by_name = {step.name: step for step in steps}
    data += tuple(rivals((node.call, node.arguments) for node in plan.graph.nodes))
    problems = list(_unreadable_schemas(plan, by_name))
    if any(step.call in ("ingest_span", "transform") and step.action != "cached" for step in steps):
        from headrace.orchestration.shapes import Shapes, missing_columns, new_shapes

        new = {name: step for name, step in by_name.items() if step.call == "ingest_span" and step.action != "cached"}
        found = Shapes()
        data += tuple(new_shapes(plan, store, new, found))
        columns = found.columns | _known_columns(by_name, known, store)
        problems += [*found.problems, *missing_columns(plan, by_name, columns)]
    pushes = tuple(_push(node, by_name[node.name], known, store) for node in plan.graph.nodes if node.call == "push")
    return replace(plan, steps=steps, pushes=pushes, gone=gone, data=data, problems=tuple(problems))


def _known_columns(steps: Mapping[str, PlannedStep], known: Outputs, store: Store | None) -> dict[str, list[str]]:
    """The columns of span steps that are cached, where their bytes are still there."""
    from headrace.orchestration.values import load_value

    found: dict[str, list[str]] = {}
    for name, step in steps.items():
        digest = (known[name] or {}).get("span")
        if step.call == "ingest_span" and store is not None and digest is not None:
            with contextlib.suppress(HeadraceError):
                found[name] = list(load_value(store, digest).arrow_schema.names)
    return found


def _unreadable_schemas(plan: Plan, steps: Mapping[str, PlannedStep]) -> Iterator[str]:
    """What is wrong with schema files that would be read."""
    for node in plan.graph.nodes:
        if node.call == "load_schema" and steps[node.name].action == "will run":
            from headrace.schema import Schema

            try:
                Schema.load(plan.folder / node.arguments["path"])
            except HeadraceError as error:
                yield f"{node.arguments['path']}: it cannot be read: {error}"


def _step(plan: Plan, node: Node, known: Outputs, store: Store | None) -> PlannedStep:
    """What would happen to a step, given those before it; notes its outputs, as far as they are known, in `known`."""
    found = looked_up(node, plan.resolved.get(node.name, {}))
    needs = list(node.needs if found is None else found.needs)
    known[node.name] = None

    def planned(action: str, *why: str, changes: tuple[Change, ...] = ()) -> PlannedStep:
        return PlannedStep(node.name, node.call, node.line, action, why, changes)

    gone = [need for need in needs if (outputs := known[need.step]) is not None and need.output not in outputs]
    skipping = {need for need in gone if _is_left_out(plan, known, need.step)}
    gone = [need for need in gone if need not in skipping or need not in alternatives(node)]
    for need in [need for need in gone if need in skipping]:
        known[node.name] = {_SKIPPED: None}
        return planned("skipped", f"{need.step} leaves it out")
    for need in gone:
        known[node.name] = {}
        said = "which says no" if is_refusal(need) else f"which gives no {need.output!r}"
        return planned("blocked", f"by {need.step}, {said}" if known[need.step] else f"by {need.step}")
    digests: dict[Reference, str | None] = {}
    for need in needs:
        outputs = known[need.step]
        digests[need] = UNKNOWN if outputs is None else outputs.get(need.output)
    if found is not None:
        value = digests[needs[0]] if needs else found.digest
        known[node.name] = None if value == UNKNOWN else {next(iter(node.outputs)): value}
        return planned("looked up", *_found(node, plan.resolved[node.name]))
    is_open = UNKNOWN in digests.values()
    parts = plan.parts_of(node, digests)
    row = None if store is None or is_open else store.cached(digest(parts))
    if row is not None:
        known[node.name] = {name: item.digest for name, item in row.outputs.items()}
        return planned("cached", *_cached(node, row))
    if node.call == "approval" and not is_open and store is not None:
        answer = store.answered(plan.graph.pipeline, node.name, subject_of(parts["arguments"])[0])
        word = "approved" if answer is None or answer.is_approved else "rejected"
        return planned("will run", "a person is asked" if answer is None else f"{word} by {answer.by}")
    first = _first_time(node)
    if store is None:
        return planned("will run", first)
    from headrace.store import KeyRow

    before = nearest(store, plan.graph.pipeline, node.name, KeyRow("", parts, plan.notes_of(node)), only_done=is_open)
    if before is None:
        return planned("will run", first)
    attempt, changes = before
    certain = [change for change in changes if change.now != UNKNOWN]
    if is_open and not certain:
        return planned("runs if its input changes", *(change.text for change in changes), changes=tuple(changes))
    if not changes:
        kept = "its outputs are no longer there" if attempt.state in ("succeeded", "cached") else attempt.state
        return planned("will run", f"run {attempt.run_id} tried the same: {kept}")
    changes = [*certain, *(change for change in changes if change not in certain)]
    return planned("will run", *(change.text for change in changes), changes=tuple(changes))


def _is_left_out(plan: Plan, known: Outputs, step: str) -> bool:
    """Whether what needs a step would be skipped: as it would itself, or as a condition that is known not to hold."""
    outputs = known[step]
    return outputs is not None and (
        _SKIPPED in outputs or (plan.graph[step].call == "when" and "chosen" not in outputs)
    )


def _first_time(node: Node) -> str:
    if node.call == "ingest_span":
        return f"span {node.name.partition('[')[2].removesuffix(']')} arrived"
    if node.call == "load_schema":
        return f"{node.arguments['path']} is there now"
    return "it never ran"


def _cached(node: Node, row: CacheRow) -> list[str]:
    said = [f"the same as {row.step}"] if row.step != node.name else []
    if row.result.get("ok") is False:
        said.append(f"it says no: {row.result.get('summary') or '; '.join(row.result.get('items', ())[:1])}")
    return said


def _found(node: Node, resolved: Mapping[str, Any]) -> list[str]:
    if node.call == "champion":
        version = resolved["version"]
        return [f"{node.arguments['endpoint']} serves nothing yet" if version is None else f"version {version}"]
    if node.call == "previous":
        if resolved["digest"] is None:
            return ["nothing was accepted before"]
        delivery = ", an earlier delivery of the same spans" if resolved.get("is_earlier_delivery") else ""
        return [f"data set {resolved['digest'][:12]}{delivery}"]
    path = node.arguments.get("path")
    words = {"accepted": "the schema accepted last", "otherwise": "nothing accepted yet: otherwise="}
    return [f"no file {path}; {words[resolved['from']]}"]


def _push(node: Node, step: PlannedStep, known: Outputs, store: Store | None) -> PlannedPush:
    endpoint = node.arguments["endpoint"]
    live = None if store is None else store.endpoint(endpoint)
    serves = None if live is None else live.version
    if step.action in ("blocked", "skipped"):
        return PlannedPush(endpoint, serves, None, f"nothing would be pushed: {step.action} {step.why[0]}")
    if step.action == "cached" and store is not None:
        from headrace.orchestration.values import load_value

        outputs = known[node.name] or {}
        version = load_value(store, str(outputs["version"]))
        if version == serves:
            return PlannedPush(endpoint, serves, None, "nothing to push: this is what the pipeline makes")
        fix = f"`headrace endpoints rollback {endpoint} --to {version}` serves it again"
        return PlannedPush(endpoint, serves, None, f"nothing to push: the pipeline's model is version {version}; {fix}")
    taken = [] if store is None else [move.version for move in store.moves(endpoint)]
    version = max(taken, default=0) + 1
    return PlannedPush(endpoint, serves, version, f"version {version} would be pushed, if the verdict is yes")
