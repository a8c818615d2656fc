"""Making plans: trace the pipeline, take its code's fingerprints, look up in one transaction what it names."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace.errors import InvalidInput, StoreError
from headrace.orchestration.fingerprint import headrace_version
from headrace.orchestration.past import check_as_of
from headrace.orchestration.plan import Plan, identify
from headrace.orchestration.resolving import Moved, resolve, resolve_outside
from headrace.orchestration.spans import expand, known_pieces
from headrace.settings import find_project

if TYPE_CHECKING:
    from headrace.orchestration.pipelines import Pipeline
    from headrace.orchestration.tracing import Graph
    from headrace.store import RunRow, Store

__all__ = ["file_of", "make_plan", "plan_again"]

_MOST_LOOKS = 20


def make_plan(
    pipeline: Pipeline,
    parameters: Mapping[str, Any],
    store: Store | None,
    *,
    waivers: Sequence[Mapping[str, Any]] = (),
    as_of: str | None = None,
    looked_at: Sequence[Mapping[str, Any]] = (),
) -> Plan:
    """Plan a run; the store, where there is one, is only read. `waivers` are those given with it.

    `as_of` is the newest span there is to be (`headrace.orchestration.past`); `looked_at` are the resolved inputs of
    plans just made, whose files need not be read again.

    Raises Misuse at the user's line for what a pipeline cannot do, InvalidInput for what it names and is not there.
    """
    for _ in range(_MOST_LOOKS):
        with contextlib.suppress(Moved):
            return _make_plan(pipeline, parameters, store, waivers, as_of, looked_at)
    raise StoreError("what other pipelines give changes faster than it can be looked at", where=pipeline.name)


def _make_plan(
    pipeline: Pipeline,
    parameters: Mapping[str, Any],
    store: Store | None,
    waivers: Sequence[Mapping[str, Any]],
    as_of: str | None,
    looked_at: Sequence[Mapping[str, Any]],
) -> Plan:
    graph = pipeline.trace(**parameters)
    code = _code(graph)
    earlier = [] if store is None else [run.resolved for run in store.runs(pipeline=graph.pipeline, limit=1)]
    outside = resolve_outside(graph, pipeline.folder, known_pieces([*earlier, *looked_at]), store, as_of)
    if as_of is not None:
        check_as_of(graph, outside, as_of)
    identity = identify(graph, code, {name: entry["identity"] for name, entry in outside.items()})
    resolved = resolve(graph, outside, identity, store, waivers=waivers, as_of=as_of)
    graph = expand(graph, resolved, pipeline.folder)
    code |= _code(graph)
    project = find_project(pipeline.folder)
    return Plan(graph, pipeline.file, pipeline.folder, project, code, resolved, identity, as_of)


def plan_again(pipeline: Pipeline, run: RunRow) -> Plan:
    """The plan of a run that is resumed: traced and fingerprinted anew, with what it resolved then.

    Raises InvalidInput when the pipeline now names something that was not resolved.
    """
    graph = pipeline.trace(**run.plan["parameters"])
    then = {step["name"]: step["call"] for step in run.plan["steps"]}
    for node in graph.nodes:
        if ":" not in node.call and then.get(node.name) != node.call:
            raise InvalidInput(
                f"the pipeline has changed since run {run.run_id} was planned: {node.name!r} is new",
                where=node.line,
                fix="start a new run: `headrace run`",
            )
    resolved = {name: dict(value) for name, value in run.resolved.items()}
    graph = expand(graph, resolved, pipeline.folder)
    project = find_project(pipeline.folder)
    return Plan(
        graph, pipeline.file, pipeline.folder, project, _code(graph), resolved, run.plan_id, run.plan.get("as_of")
    )


def _code(graph: Graph) -> dict[str, Any]:
    code: dict[str, Any] = {}
    for node in graph.nodes:
        if node.call not in code:
            step = graph.steps.get(node.call)
            code[node.call] = {"headrace": headrace_version()} if step is None else step.code()
        for name in node.uses:
            if name not in code:
                code[name] = graph.steps[name].code()
    return code


def file_of(run: RunRow, project: Path) -> Path:
    """The pipeline's file of a recorded run, in this project or where the run found it.

    Raises InvalidInput when it is at neither place, or the pipeline was never in a file.
    """
    named: str | None = run.plan["file"]
    if named is None:
        raise InvalidInput(f"run {run.run_id} has no file: its pipeline was defined at a prompt", fix="run it there")
    for base in (project, Path(run.plan["project"])):
        if (base / named).is_file():
            return base / named
    raise InvalidInput(
        f"the file of pipeline {run.pipeline!r} is gone", where=str(project / named), fix="bring it back, or run anew"
    )
