"""Resolved inputs: what a plan looks up once, so that resuming and repeating a run see the same.

| verb | looked up | part of the plan's identity |
|---|---|---|
| ingest | which spans there are, and what files they are, of a stream which artifacts | yes |
| ingest | whether a model learns its label | no |
| load_schema | the file; else the schema accepted last; else `otherwise` | the file |
| previous | the newest accepted data set that ends before this one; else an earlier delivery of it | no |
| latest | what another pipeline gave last | yes |
| champion | what the endpoint serves, or what this very plan replaced there | no |
| push | the version that is live; of a run as of a span in the past, that nothing is pushed | no |
| validate | which ingest step its data comes from; what persons let pass in it | in the graph; no |

Everything from the store is read in one transaction; what `latest` found before it is looked at again in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace.canonical import digest
from headrace.errors import HeadraceError, InvalidInput, StoreError
from headrace.orchestration.handles import Reference
from headrace.orchestration.latest import asked_of, resolve_latest
from headrace.orchestration.past import champion_then
from headrace.orchestration.rivals import check_rivals
from headrace.orchestration.spans import resolve_ingest
from headrace.orchestration.tracing import Graph, Node
from headrace.orchestration.waivers import resolve_waivers

if TYPE_CHECKING:
    from headrace.ingestion import Known
    from headrace.store import Endpoint, Snapshot, Store

__all__ = ["Moved", "resolve", "resolve_outside"]


class Moved(Exception):
    """Another pipeline gave something new between two looks at the store: what was made of the first is old."""


def resolve_outside(
    graph: Graph, folder: Path, known: Known, store: Store | None = None, as_of: str | None = None
) -> dict[str, dict[str, Any]]:
    """What does not depend on the pipeline's own runs: spans, schema files and what other pipelines gave.

    `identity` of each is free of paths and times. `known` gives the digests of files that earlier runs looked at and
    that have not changed since; `store` what other pipelines gave and the closed spans of streams. `as_of` is the
    newest span there is to be.
    """
    found: dict[str, dict[str, Any]] = {}
    for node in graph.nodes:
        if node.call == "ingest":
            try:
                found[node.name] = resolve_ingest(node, folder, known, store, as_of)
            except HeadraceError as error:
                error.locate(node.line, adds=True)
                raise
        elif node.call == "load_schema":
            path = folder / node.arguments["path"]
            sha256 = digest(path.read_bytes()) if path.is_file() else None
            found[node.name] = {"identity": sha256, "sha256": sha256}
        elif node.call == "latest":
            try:
                found[node.name] = resolve_latest(node, store)
            except HeadraceError as error:
                error.locate(node.line, adds=True)
                raise
    return found


def resolve(
    graph: Graph,
    outside: dict[str, dict[str, Any]],
    identity: str,
    store: Store | None,
    *,
    waivers: Sequence[Mapping[str, Any]] = (),
    as_of: str | None = None,
) -> dict[str, dict[str, Any]]:
    """All resolved inputs of a graph, by step: plain data, ready to be recorded with the run.

    `waivers` are those given with this run; see `headrace.orchestration.waivers`. `as_of` is the newest span there is
    to be; see `headrace.orchestration.past`.
    """
    streams = {
        node.name: [span["name"] for span in outside[node.name]["spans"]]
        for node in graph.nodes
        if node.call == "ingest"
    }
    endpoints = sorted({node.arguments["endpoint"] for node in graph.nodes if node.call in ("champion", "push")})
    snapshot = None
    if store is not None:
        snapshot = store.snapshot(
            graph.pipeline,
            plan_id=identity,
            endpoints=endpoints,
            streams=streams,
            identities={name: outside[name]["identity"] for name in streams},
            newest={node.name: asked_of(node) for node in graph.nodes if node.call == "latest"},
        )
        for name, given in snapshot.newest.items():
            if [item.digest for item in given] != [outside[name]["digest"]]:
                raise Moved(name)
    check_rivals(graph.nodes, snapshot.live if snapshot else {})
    resolved: dict[str, dict[str, Any]] = {}
    for node in graph.nodes:
        entry = _resolve_node(graph, node, outside, snapshot, store, as_of)
        if entry is not None:
            resolved[node.name] = entry
    for node in graph.nodes:
        stream = _stream(graph, node.arguments["dataset"]) if node.call == "train" else None
        if stream is not None:
            resolved[stream] = {**resolved[stream], "is_learnt": True}
    judged = {node.name: resolved[node.name]["stream"] for node in graph.nodes if node.call == "validate"}
    for name, found in resolve_waivers(graph, waivers, snapshot.waived if snapshot else {}, judged).items():
        if found:
            resolved[name]["waivers"] = found
    return resolved


def _resolve_node(
    graph: Graph,
    node: Node,
    outside: dict[str, dict[str, Any]],
    snapshot: Snapshot | None,
    store: Store | None,
    as_of: str | None,
) -> dict[str, Any] | None:
    if node.call in ("ingest", "latest"):
        return outside[node.name]
    if node.call == "champion":
        champion = snapshot.champions[node.arguments["endpoint"]] if snapshot else None
        if store and as_of is not None:
            champion = champion_then(store, node.arguments["endpoint"], as_of)
        if snapshot and store and champion and champion == snapshot.live[champion.name]:
            _check_champion(node, champion, store)
        return {
            "digest": champion.model_digest if champion else None,
            "version": champion.version if champion else None,
        }
    if node.call == "push":
        endpoint = node.arguments["endpoint"]
        if as_of is not None:
            return {"as_of": as_of}
        live = snapshot.live[endpoint] if snapshot else None
        replaced = snapshot.champions[endpoint] if snapshot else None
        return {"expected_version": _version(live), "replaces": _version(replaced)}
    if node.call == "previous":
        stream = _stream(graph, node.arguments["dataset"])
        accepted = snapshot.previous.get(stream) if snapshot and stream else None
        if accepted is None or stream is None:
            return {"digest": None}
        # Nothing ends before it, so that what has its spans is the same, delivered earlier and otherwise.
        is_same = list(accepted.spans) == [span["name"] for span in outside[stream]["spans"]]
        return {"digest": accepted.dataset_digest, "is_earlier_delivery": is_same}
    if node.call == "validate":
        return {"stream": _stream(graph, node.arguments["dataset"])}
    if node.call == "load_schema":
        return _resolve_schema(graph, node, outside[node.name]["sha256"], snapshot, store)
    return None


def _check_champion(node: Node, champion: Endpoint, store: Store) -> None:
    """Raise StoreError for a champion that cannot be compared with, before hours are spent on its challenger.

    One that this plan has replaced is not looked at: what compared with it is known. Cost: one read of its bytes.
    """
    damage = store.damage(champion.model_digest)
    if damage:
        raise StoreError(
            f"version {champion.version} of endpoint {champion.name!r}, the champion, is damaged: {damage[0].what}",
            where=node.line,
            fix=store.way_back(champion.model_digest),
        )


def _version(endpoint: Endpoint | None) -> int | None:
    return None if endpoint is None else endpoint.version


def _resolve_schema(
    graph: Graph, node: Node, sha256: str | None, snapshot: Snapshot | None, store: Store | None
) -> dict[str, Any]:
    if sha256 is not None:
        return {"from": "file", "sha256": sha256}
    for stream in _streams_under(graph, node):
        accepted = snapshot.accepted.get(stream) if snapshot else None
        if accepted is not None and store is not None and store.has_artifact(accepted.schema_digest):
            return {"from": "accepted", "digest": accepted.schema_digest}
    if node.arguments.get("otherwise") is None:
        raise InvalidInput(
            f"there is no schema file {node.arguments['path']!r}, and no data was accepted yet",
            where=node.line,
            fix="write the file, or give otherwise=hr.infer_schema(hr.analyze(...))",
        )
    return {"from": "otherwise"}


def _streams_under(graph: Graph, node: Node) -> Sequence[str]:
    """The ingest steps whose data is validated under this schema; all of them when none is."""
    found = []
    for other in graph.nodes:
        if other.call == "validate" and any(need.step == node.name for need in other.needs):
            stream = _stream(graph, other.arguments["dataset"])
            if stream is not None:
                found.append(stream)
    return found or [other.name for other in graph.nodes if other.call == "ingest"]


def _stream(graph: Graph, value: Any) -> str | None:
    """The ingest step that a data set comes from, through whatever lies between."""
    if not isinstance(value, Reference):
        return None
    node = graph[value.step]
    if node.call == "ingest":
        return node.name
    for need in node.needs:
        found = _stream(graph, need)
        if found is not None:
            return found
    return None
