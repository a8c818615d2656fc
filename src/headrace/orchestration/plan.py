"""Plans: a traced pipeline, what its code is, and what it resolved to; and the key of each step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headrace.canonical import digest
from headrace.orchestration.changes import Change
from headrace.orchestration.handles import Reference
from headrace.orchestration.packages import packages_behind
from headrace.orchestration.tracing import Graph, Node, located, substitute
from headrace.orchestration.waivers import binding, dataset_digest

__all__ = ["Plan", "PlannedPush", "PlannedStep", "identify", "key_parts"]

_FORMAT = 1
# What was looked up for a step, and does not change what it makes.
_NOT_IN_KEY = frozenset({"expected_version", "identity", "is_learnt", "span", "spans", "stream", "version", "waivers"})


@dataclass(frozen=True)
class PlannedStep:
    """What a run would do with a step now.

    Parameters
    ----------
    name, call, line : str
        The step, what it calls, and where the user wrote it.
    action : str
        "will run"; "cached"; "looked up"; "runs if its input changes": what it takes is not known before the steps
        above it ran; "blocked"; or "skipped".
    why : tuple of str
        What changed, what it waits for, or what it is blocked by.
    changes : tuple of Change
        In what its key differs from that of the nearest attempt before.
    """

    name: str
    call: str
    line: str
    action: str
    why: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True)
class PlannedPush:
    """What would happen to an endpoint.

    Parameters
    ----------
    endpoint : str
        Its name.
    serves : int or None
        The version it serves now.
    version : int or None
        The version that would be pushed if the verdict is yes; None where nothing would be.
    what : str
        The same in words.
    """

    endpoint: str
    serves: int | None
    version: int | None
    what: str


@dataclass(frozen=True)
class Plan:
    """A pipeline ready to run.

    Parameters
    ----------
    graph : Graph
        Its steps.
    file : Path or None
        The file it is written in.
    folder : Path
        Where its relative paths start.
    project : Path
        The project's folder.
    code : dict of str to plain data
        Call -> what counts of its code.
    resolved : dict of str to dict
        Step name -> what was looked up for it.
    identity : str
        Digest of the graph, code and resolved inputs without `previous` and `champion`: two runs of one identity
        make the same thing.
    steps : tuple of PlannedStep
        What would happen, in the order of the graph; this and what follows is filled by `forecast`.
    pushes : tuple of PlannedPush
        What would be pushed where.
    gone : tuple of str
        Steps of the pipeline's last run that this plan lacks.
    data : tuple of str
        What is new in the files that arrived or changed, as far as it can be seen without reading rows; and which
        champion is not that of the endpoint pushed to.
    problems : tuple of str
        Why it cannot work as it stands, as far as that shows without reading rows: a file that cannot be read, a
        feature of a column that is not there.
    """

    graph: Graph
    file: Path | None
    folder: Path
    project: Path
    code: dict[str, Any]
    resolved: dict[str, dict[str, Any]]
    identity: str
    steps: tuple[PlannedStep, ...] = field(default=(), compare=False)
    pushes: tuple[PlannedPush, ...] = field(default=(), compare=False)
    gone: tuple[str, ...] = field(default=(), compare=False)
    data: tuple[str, ...] = field(default=(), compare=False)
    problems: tuple[str, ...] = field(default=(), compare=False)

    @property
    def sources(self) -> dict[str, str]:
        """Path -> sha256 of the source files that the fingerprints of its steps were read from."""
        return {path: found for step in self.graph.steps.values() for path, found in step.sources.items()}

    def parts_of(self, node: Node, digests: Mapping[Reference, str | None]) -> dict[str, Any]:
        """What the key of one of its steps is made of, when its inputs came out as `digests`."""
        resolved = self.resolved.get(node.name, {})
        counted = {name: value for name, value in resolved.items() if name not in _NOT_IN_KEY}
        waivers = binding(resolved, dataset_digest(node, digests))
        if waivers:
            counted["waivers"] = waivers
        return key_parts(node, self.code_of(node), counted, digests)

    def code_of(self, node: Node) -> dict[str, Any]:
        """What counts of a step's code: of what it calls, and of the project's code that its arguments name."""
        found: dict[str, Any] = dict(self.code[node.call])
        for name in node.uses:
            for part, entries in self.code[name].items():
                found[part] = {**found.get(part, {}), **entries}
        return found

    def key_of(self, node: Node, digests: Mapping[Reference, str | None]) -> str:
        """The key of one of its steps: the digest of its parts."""
        return digest(self.parts_of(node, digests))

    def notes_of(self, node: Node) -> dict[str, Any]:
        """What is told beside the parts of a key: which outputs its inputs are, and where its code stands."""
        steps = [self.graph.steps[name] for name in (node.call, *node.uses) if name in self.graph.steps]
        places = {label: place for step in steps for label, place in step.places.items()}
        inputs = {path: str(reference) for path, reference in located(node.arguments)}
        span = self.resolved.get(node.name, {}).get("span")
        files = {} if span is None else {"span": span["name"], "files": [Path(file[0]).name for file in span["files"]]}
        return {"inputs": inputs, "definitions": places, **files, **node.notes}

    def to_plain(self) -> dict[str, Any]:
        """As the store keeps it: enough to trace the same pipeline again, and to run this very plan elsewhere."""
        return {
            "format": _FORMAT,
            "pipeline": self.graph.pipeline,
            "parameters": self.graph.parameters,
            "file": None if self.file is None else self._inside(str(self.file)),
            "project": str(self.project),
            "steps": [
                {
                    **node.to_plain(),
                    "retries": node.retries,
                    "timeout_s": node.timeout_s,
                    "backoff_s": node.backoff_s,
                    "backoff_factor": node.backoff_factor,
                    "notes": node.notes,
                }
                for node in self.graph.nodes
            ],
            "code": self.code,
            "functions": {
                call: {
                    "sources": {self._inside(path): found for path, found in step.sources.items()},
                    "places": step.places,
                }
                for call, step in sorted(self.graph.steps.items())
            },
        }

    def _inside(self, path: str) -> str:
        """A path as it is recorded: from the project's folder where it lies in it."""
        place = Path(path)
        return (place.relative_to(self.project) if place.is_relative_to(self.project) else place).as_posix()

    def __str__(self) -> str:
        width = max((len(step.name) for step in self.steps), default=0)
        return "\n".join(f"{step.name:{width}}  {step.action}  {'; '.join(step.why)}".rstrip() for step in self.steps)


def identify(graph: Graph, code: Mapping[str, Any], resolved: Mapping[str, Any]) -> str:
    """A plan's identity; `resolved` holds only what does not depend on the store's history."""
    return digest(
        {
            "format": _FORMAT,
            "pipeline": graph.pipeline,
            "steps": [{**node.to_plain(), "line": ""} for node in graph.nodes],
            "code": dict(code),
            "packages": packages_behind([node.arguments for node in graph.nodes]),
            "resolved": dict(resolved),
        }
    )


def key_parts(node: Node, code: Any, resolved: Any, digests: Mapping[Reference, str | None]) -> dict[str, Any]:
    """What a step's key is made of: what it calls, its code, its parameters, and the digests of what it takes.

    Parameters
    ----------
    node : Node
        The step.
    code : plain data
        What counts of its code.
    resolved : plain data
        What was looked up for it and decides its result.
    digests : mapping of Reference to digest or None
        What its inputs came out as; None for a looked-up input that does not exist.

    Returns plain data; its digest is the key. No path, time or host is in it.
    """
    return {
        "format": _FORMAT,
        "call": node.call,
        "code": {**code, "packages": code.get("packages", {}) | packages_behind(node.arguments)},
        "arguments": substitute(node.arguments, lambda reference: {"@": digests[reference]}),
        "outputs": node.outputs,
        "resolved": resolved,
    }
