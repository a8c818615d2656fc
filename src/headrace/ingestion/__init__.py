"""Ingestion: how rows come in, from sources, as spans, into data sets.

Eagerly, `ingest(pattern, ...)` makes a data set over the files where they are. A pipeline does the same in two
halves, so that what was looked up is recorded and what was read cannot change:

    spans = resolve_spans(pattern, "last 6", base=project)      # when the run is planned: names, pieces, identities
    spans[0].digest                                             # what the step's key counts: no path, no time
    ResolvedSpan.from_plain(spans[0].to_plain())                # how it travels: plain data

    written = write_span(spans[0], folder)                      # in the step: an artifact of kind "span"
    written.digest                                              # its name in the store: artifacts/<digest>/
    WrittenSpan.load(store.artifact_folder(digest))             # the same from an earlier run, nothing read

    data = combine_spans([("2013-01", written), ...], roles=Roles(...), split=..., reuse=previous data set)
    data.save(folder)                                           # a manifest that says ../<digest of span>/0.parquet
    data.references                                             # the digests of the spans it stands on

`written` may still lie in the attempt's folder when `combine_spans` reads it; `Dataset.load` wants data set and spans
beside each other under their digests.
"""

from headrace.ingestion._contract import Batches, Known, Piece, Plan, Planned, Source
from headrace.ingestion._ingest import choose_source, ingest
from headrace.ingestion.materialize import WrittenSpan, combine_spans, write_span
from headrace.ingestion.one_span import OneSpan
from headrace.ingestion.planning import look_at_file, plan_files
from headrace.ingestion.resolved import ResolvedSpan, resolve_spans
from headrace.ingestion.spans import find_spans, select_spans
from headrace.ingestion.streams._contract import Connection, Delivery, Stream

__all__ = [
    "Batches",
    "Connection",
    "Delivery",
    "Known",
    "OneSpan",
    "Piece",
    "Plan",
    "Planned",
    "ResolvedSpan",
    "Source",
    "Stream",
    "WrittenSpan",
    "choose_source",
    "combine_spans",
    "find_spans",
    "ingest",
    "look_at_file",
    "plan_files",
    "resolve_spans",
    "select_spans",
    "write_span",
]
