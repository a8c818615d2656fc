"""`hr.latest`: what another pipeline made last, looked up when a run is planned.

    hr.latest("daily", "accepted")              the newest `accepted` that a run of pipeline "daily" gave
    hr.latest("daily", "validate_2.accepted")   that of one of its steps, where several give one

The digest is part of the plan's identity, as the files of an ingest are: `headrace up` runs a pipeline when what it
takes from another is a new one, and rests when that has the same digest again. Runs as of a past span give nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from headrace.errors import InvalidInput, Misuse, StoreError, UnknownName
from headrace.orchestration.handles import ANY

if TYPE_CHECKING:
    from headrace.orchestration.tracing import Graph, Node
    from headrace.store import Given, Store

__all__ = ["asked_of", "check_latest", "find_latest", "given_now", "kind_of", "resolve_latest", "wanted_by"]


def kind_of(output: str) -> str:
    """The kind of an output by its name, as verbs declare it; that of a user's own step is seen when it is there."""
    from headrace.orchestration.verbs import VERBS

    name = output.rpartition(".")[2]
    return next((verb.outputs[name] for verb in VERBS.values() if name in verb.outputs), ANY)


def check_latest(pipeline: str, output: str, own: str) -> None:
    """Raise Misuse for a pipeline that waits for itself, InvalidInput for what is no name of an output."""
    if pipeline == own:
        raise Misuse(
            f"pipeline {own!r} takes what it made itself: each run would make the next one necessary",
            fix="hr.previous(data) is what its runs before accepted",
        )
    if not all(part.isidentifier() for part in output.split(".")) or output.count(".") > 1:
        raise InvalidInput(f"{output!r} names no output", expected='"accepted", or "validate.accepted"')


def wanted_by(graph: Graph) -> list[tuple[str, str, str]]:
    """(step, pipeline, output) of each look-up in a graph."""
    return [
        (node.name, node.arguments["pipeline"], node.arguments["output"])
        for node in graph.nodes
        if node.call == "latest"
    ]


def resolve_latest(node: Node, store: Store | None) -> dict[str, Any]:
    """What a look-up finds now, as plain data; `identity` is its digest.

    Raises InvalidInput where there is none yet, or several steps give one; StoreError where it is no longer there.
    """
    pipeline, output = node.arguments["pipeline"], node.arguments["output"]
    found = None if store is None else find_latest(store, pipeline, output)
    if found is None or store is None:
        known = [] if store is None else [row.pipeline for row in store.pipelines()]
        if pipeline not in known:
            raise UnknownName("pipeline", pipeline, known, where="what has been run in this store")
        raise InvalidInput(
            f"no run of pipeline {pipeline!r} has given {output!r} yet", fix=f"`headrace run` {pipeline}"
        )
    artifact, declared = store.artifact(found.digest), next(iter(node.outputs.values()))
    if artifact is not None and declared not in (ANY, artifact.kind):
        raise InvalidInput(f"{output!r} of pipeline {pipeline!r} is a {artifact.kind}", expected=f"a {declared}")
    if not store.has_artifact(found.digest):
        store.artifact_folder(found.digest)  # which says what became of it
        raise StoreError(f"{output!r} of pipeline {pipeline!r} is gone", fix=f"`headrace run` {pipeline}")
    return {"identity": found.digest, "digest": found.digest, "run": found.run_id, "step": found.step}


def find_latest(store: Store, pipeline: str, output: str) -> Given | None:
    """The newest output of that name; None where no run has given one. InvalidInput where several steps did."""
    step, _, name = output.rpartition(".")
    return _only(store.newest_outputs(pipeline, name, step=step or None), pipeline, output)


def given_now(store: Store | None, pipeline: str, output: str) -> str | None:
    """The digest that another pipeline gave last; None where there is none, or several, which planning says."""
    try:
        found = None if store is None else find_latest(store, pipeline, output)
    except InvalidInput:
        return None
    return None if found is None else found.digest


def asked_of(node: Node) -> tuple[str, str, str | None]:
    """(pipeline, output, step or None), as the store is asked."""
    step, _, name = node.arguments["output"].rpartition(".")
    return node.arguments["pipeline"], name, step or None


def _only(found: Iterable[Given], pipeline: str, output: str) -> Given | None:
    rows = list(found)
    if len(rows) > 1:
        named = ", ".join(f'"{row.step}.{output}"' for row in rows)
        raise InvalidInput(f"several steps of pipeline {pipeline!r} give {output!r}", expected=f"one of {named}")
    return rows[0] if rows else None
