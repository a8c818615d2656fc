"""Recorded plans: a run's record is enough to run exactly what was planned, in a process that never saw its file.

Who coordinates a run needs the graph, the keys and what was looked up; the user's code is imported by the zygote
alone, which refuses when it is no longer the code that was planned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace.errors import InvalidInput
from headrace.orchestration.handles import Reference
from headrace.orchestration.packages import headrace_version
from headrace.orchestration.plan import Plan
from headrace.orchestration.planning import file_of
from headrace.orchestration.tracing import Graph, Node

if TYPE_CHECKING:
    from headrace.store import RunRow

__all__ = ["RecordedStep", "recorded_plan"]


@dataclass(frozen=True)
class RecordedStep:
    """What a plan keeps of a `@hr.step`, in the place of the function.

    Parameters
    ----------
    sources : dict of str to str
        Path -> sha256 of the files that its code was read from.
    places : dict of str to dict
        Where each definition that its code counts stood.
    """

    sources: dict[str, str]
    places: dict[str, dict[str, Any]]


def recorded_plan(run: RunRow, project: Path) -> Plan:
    """The plan of a run, as it was recorded: nothing is traced, no file of the project is imported.

    Raises InvalidInput when this process cannot run it: the pipeline's file is gone, the pipeline was defined at a
    prompt, or another headrace planned it.
    """
    plain = run.plan
    file = file_of(run, project)
    if "code" not in plain:
        raise InvalidInput(f"run {run.run_id} was recorded by an older headrace", fix=f"headrace resume {run.run_id}")
    planned_by = {code["headrace"] for code in plain["code"].values() if "headrace" in code}
    if planned_by - {headrace_version()}:
        raise InvalidInput(
            f"run {run.run_id} was planned by another version of headrace",
            expected=headrace_version(),
            fix=f"headrace resume {run.run_id}",
        )
    nodes = tuple(_node(step) for step in plain["steps"])
    steps = {
        call: RecordedStep({str(project / path): found for path, found in kept["sources"].items()}, kept["places"])
        for call, kept in plain["functions"].items()
    }
    graph = Graph(run.pipeline, plain["parameters"], nodes, steps)
    return Plan(graph, file, file.parent, project, plain["code"], run.resolved, run.plan_id)


def _node(step: Mapping[str, Any]) -> Node:
    return Node(
        step["name"],
        step["call"],
        _referring(step["arguments"]),
        step["outputs"],
        step["line"],
        step["retries"],
        step["timeout_s"],
        step["notes"],
        step.get("backoff_s", 0.0),  # a plan of an earlier version has none
        step.get("backoff_factor", 2.0),
    )


def _referring(value: Any) -> Any:
    """The same plain data with a Reference where a record has `{"@": [step, output]}`; no key of a user's is "@"."""
    if isinstance(value, dict):
        return Reference(*value["@"]) if set(value) == {"@"} else {key: _referring(item) for key, item in value.items()}
    return [_referring(item) for item in value] if isinstance(value, list) else value
