"""Runs as of a span: what they look up is what there was then, and they push nothing.

A run as of 2013-03 sees the spans up to that one. Its champion is the newest version that was made of data that ends
before it. Its push is left out, whatever its verdict says: what it makes is older than what is served, or will be. So
it makes the data sets, models and evaluations of then, and changes nothing that anybody is answered by.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from headrace.errors import InvalidInput
from headrace.orchestration.latest import wanted_by
from headrace.orchestration.tracing import Graph

if TYPE_CHECKING:
    from headrace.store import Endpoint, RunRow, Store

__all__ = ["champion_then", "check_as_of", "is_as_of"]


def is_as_of(run: RunRow) -> bool:
    """Whether a recorded run was one as of a span in the past."""
    return run.plan.get("as_of") is not None


def check_as_of(graph: Graph, outside: Mapping[str, Mapping[str, Any]], as_of: str) -> None:
    """Raise InvalidInput for a pipeline whose past nothing tells."""
    for name, pipeline, output in wanted_by(graph):
        raise InvalidInput(
            f"{name} takes {output!r} of pipeline {pipeline!r}, and nothing says which there was as of {as_of}",
            where=graph[name].line,
            fix="give it by a parameter, or read the spans with hr.ingest",
        )
    spans = [span["name"] for entry in outside.values() for span in entry.get("spans", ())]
    if not any(name != "all" for name in spans):
        raise InvalidInput(
            f"pipeline {graph.pipeline!r} reads no spans: nothing says what there was as of {as_of}",
            expected='hr.ingest("data/{span}.parquet")',
        )


def champion_then(store: Store, endpoint: str, as_of: str) -> Endpoint | None:
    """The newest version of an endpoint whose run read only spans before `as_of`; None where there is none.

    Versions and runs never change, so that it is the same whenever it is asked. Cost: the records of the runs that made
    versions, from the newest back.
    """
    from headrace.ingestion.spans import natural

    for version in reversed(store.versions(endpoint)):
        if version.run_id is None:
            continue
        resolved = store.run(version.run_id).resolved
        spans = [span["name"] for entry in resolved.values() for span in entry.get("spans", ())]
        if spans and max(natural(name) for name in spans) < natural(as_of):
            return version
    return None
