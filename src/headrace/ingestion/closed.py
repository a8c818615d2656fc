"""The closed spans of a stream, as a pipeline plans over them: nothing of the stream itself is asked."""

from __future__ import annotations

from headrace.canonical import digest
from headrace.errors import InvalidInput
from headrace.ingestion._contract import Piece
from headrace.ingestion.resolved import ResolvedSpan
from headrace.ingestion.spans import natural, select_spans
from headrace.ingestion.streams._contract import Stream
from headrace.store import Store, StreamSpan

__all__ = ["closed_spans", "newest_versions"]


def newest_versions(store: Store, stream_id: str) -> list[StreamSpan]:
    """Each closed span of a stream in its newest version, spans in natural order."""
    newest = {span.name: span for span in store.stream_spans(stream_id)}
    return [newest[name] for name in sorted(newest, key=natural)]


def closed_spans(store: Store | None, stream: Stream) -> list[ResolvedSpan]:
    """The spans of a stream that its selector means now, each the artifact of its newest version.

    What counts of each is its artifact's digest and its version. Raises InvalidInput when no span is closed,
    UnknownName for one that is not. Cost: a look into the records.
    """
    found = [] if store is None else newest_versions(store, stream.stream_id)
    if store is None or not found:
        what = "is followed, but no span of it is closed yet"
        if store is None or store.stream(stream.stream_id) is None:
            what = "was never followed in this store"
        raise InvalidInput(f"{stream.label} {what}", fix="`headrace ingest FILE --follow` reads it and closes spans")
    chosen = set(select_spans([span.name for span in found], stream.spans))
    resolved = []
    for span in found:
        if span.name in chosen:
            path = store.artifact_folder(span.digest) / "0.parquet"
            status = path.stat()
            mark = f"{status.st_size} {status.st_mtime_ns}"  # as `look_at_file` has it, who looks again in the step
            identity = digest([span.digest, span.version])
            resolved.append(ResolvedSpan(span.name, (Piece(str(path.absolute()), mark, identity),), span.version))
    return resolved
