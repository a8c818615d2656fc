"""The transform of an earlier version of an endpoint, found by the record of the run that made its model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace.errors import InvalidInput, Misuse, UnknownName
from headrace.opened import asked_store

if TYPE_CHECKING:
    from headrace.store import Store
    from headrace.transformation._graph import TransformGraph

__all__ = ["graph_of_version"]


def graph_of_version(version: int, endpoint: str | None = None) -> TransformGraph:
    """The transform of a version of an endpoint of the open store, or of the project whose pipeline is traced.

    Parameters
    ----------
    version : int
        As `push` numbered it: what it means never changes.
    endpoint : str, optional
        May be left out where the store has one alone.

    Raises Misuse without a store, or where it has several endpoints and none was named; UnknownName for an endpoint
    there is not; InvalidInput for a version there is not, one that no run of this store made, or whose transform was
    collected. Cost: reading the transform.
    """
    with asked_store() as store:
        if store is None:
            raise Misuse(
                "from_version names what a store has, and there is none here",
                fix="with hr.open_store(dir): ..., or inside @hr.pipeline; or give the transform: graph=",
            )
        names = [item.name for item in store.endpoints()]
        if endpoint is None:
            if len(names) != 1:
                raise Misuse(
                    f"from_version={version} of which endpoint? There are {', '.join(names) or 'none'}",
                    fix="name it: endpoint='...'",
                )
            endpoint = names[0]
        if endpoint not in names:
            raise UnknownName("endpoint", endpoint, names)
        found = store.endpoint(endpoint, version)
        if found is None:
            known = sorted({move.version for move in store.moves(endpoint)})
            raise InvalidInput(
                f"endpoint {endpoint!r} has no version {version}", expected=", ".join(map(str, known[-20:]))
            )
        return _graph_of(store, found.model_digest, f"version {version} of endpoint {endpoint!r}")


def _graph_of(store: Store, model_digest: str, what: str) -> TransformGraph:
    from headrace.transformation._graph import TransformGraph

    for made in store.made(model_digest):
        for attempt in store.attempts(made.run_id, made.step):
            for digest in attempt.inputs.values():
                artifact = store.artifact(digest) if isinstance(digest, str) else None
                if artifact is not None and artifact.kind == TransformGraph.kind:
                    if not store.has_artifact(digest):
                        raise InvalidInput(
                            f"the transform of {what} was collected", fix="headrace gc --undo, if it can"
                        )
                    return store.load_artifact(digest, TransformGraph)
    raise InvalidInput(f"no run of this store made the model of {what}", fix="give its transform: graph=...")
