"""The streams of a pipeline: found in its graph, each followed by a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from headrace.orchestration.spans import is_stream, source_of

if TYPE_CHECKING:
    from pathlib import Path

    from headrace.ingestion import Stream
    from headrace.orchestration.pipelines import Pipeline
    from headrace.orchestration.tracing import Graph
    from headrace.settings import Settings
    from headrace.store import Store

__all__ = ["Following", "streams_in", "streams_of"]


def streams_in(graph: Graph, folder: Path) -> list[Stream]:
    """The streams that the ingest steps of a graph read, each once; relative paths start at `folder`."""
    found: dict[str, Stream] = {}
    for node in graph.nodes:
        if node.call == "ingest":
            source = source_of(node.arguments, folder)
            if is_stream(source):
                found.setdefault(source.stream_id, source)
    return list(found.values())


def streams_of(pipeline: Pipeline, parameters: Mapping[str, Any]) -> list[Stream]:
    """The streams that a pipeline's ingest steps read, each once."""
    return streams_in(pipeline.trace(**parameters), pipeline.folder)


class Following:
    """Followers of several streams in one process.

    Parameters
    ----------
    store : Store
        Where they commit.
    streams : sequence of Stream
        What they follow.
    settings : Settings
        How much they hold.
    tell : callable
        Told each commit and each closed span; called from their threads, one at a time.
    """

    def __init__(
        self, store: Store, streams: list[Stream], settings: Settings, tell: Callable[[dict[str, Any]], None]
    ) -> None:
        from headrace.ingestion.following import Follower, Limits

        lock = threading.Lock()

        def told(event: dict[str, Any]) -> None:
            with lock:
                tell(event)

        limits = Limits(rows=settings.commit_rows, wait_s=settings.commit_s)
        self.followers = [Follower(store, stream, limits=limits, tell=told) for stream in streams]
        self._errors: list[BaseException] = []

    def stop(self) -> None:
        """Ask all to commit what they hold and end."""
        for follower in self.followers:
            follower.stop()

    def run(self, *, is_following: bool) -> None:
        """Follow until all have ended; the first error ends the others, and is raised then."""

        def work(follower: Any) -> None:
            try:
                follower.run(is_following=is_following)
            except BaseException as error:
                self._errors.append(error)
                self.stop()

        threads = [threading.Thread(target=work, args=(one,), name=one.stream.label) for one in self.followers]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():  # a join without end would keep a signal waiting
                thread.join(0.2)
        if self._errors:
            raise self._errors[0]
