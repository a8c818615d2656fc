"""Ingest as steps: one for each span, which writes it down, and one that makes the data set of them.

A span is read again only when its files have changed, so a window that moves on by a month reads one month; and the
spans of a first run are written side by side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace.canonical import digest
from headrace.orchestration.arguments import plain_objects, real_objects
from headrace.orchestration.handles import Reference
from headrace.orchestration.mapping import widen
from headrace.orchestration.tracing import Graph, Node

if TYPE_CHECKING:
    from headrace.ingestion import Known
    from headrace.orchestration.worker import Context
    from headrace.store import Store

__all__ = ["combine", "expand", "is_stream", "known_pieces", "resolve_ingest", "source_of", "unlabelled", "write"]

_OF_SPANS = ("pattern", "spans", "rename")


def resolve_ingest(
    node: Node, folder: Path, known: Known, store: Store | None, as_of: str | None = None
) -> dict[str, Any]:
    """The spans an ingest step means now, as plain data; `identity` is of names and contents alone.

    `store` has the closed spans of streams; nothing else is looked up there. `as_of` is the newest span there is to be.
    """
    from headrace.ingestion import resolve_spans

    source = source_of(node.arguments, folder)
    found = resolve_spans(source, known=known, store=store, as_of=as_of)
    return {
        "identity": digest([span.digest for span in found]),
        "spans": [span.to_plain() for span in found],
    }


def source_of(arguments: Mapping[str, Any], folder: Path) -> Any:
    """The source that an ingest step reads, relative paths from `folder`."""
    from headrace.ingestion import choose_source

    return choose_source(real_objects(arguments["pattern"]), arguments["spans"], folder)


def is_stream(source: Any) -> bool:
    """Whether it is one that `headrace ingest` follows."""
    from headrace.ingestion import Stream

    return isinstance(source, Stream)


def reading(arguments: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """How the files of an ingest step are read, as arguments of the steps of its spans: where they lie is not in it.

    Nothing for Parquet that is read as it is.
    """
    found: dict[str, Any] = {"rename": arguments["rename"]} if arguments.get("rename") else {}
    source = source_of(arguments, folder)
    if type(source).__name__ != "Parquet" and not is_stream(source):  # a closed span is Parquet that we wrote
        nowhere = {"pattern": "", "spans": "all", "base": None}
        known = {item.name for item in fields(source)}
        found["source"] = plain_objects(replace(source, **{k: v for k, v in nowhere.items() if k in known}))
    return found


def known_pieces(resolved: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], str]:
    """(locator, mark) -> identity of the pieces that earlier runs looked at."""
    from headrace.ingestion import ResolvedSpan

    found = {}
    for entries in resolved:
        for entry in entries.values():
            for span in entry.get("spans", ()) if isinstance(entry, dict) else ():
                for piece in ResolvedSpan.from_plain(span).pieces:
                    if piece.mark:
                        found[piece.locator, piece.mark] = piece.identity
    return found


def expand(graph: Graph, resolved: dict[str, dict[str, Any]], folder: Path) -> Graph:
    """The graph with a step for each span before its ingest step, and the instances of mapped steps.

    What the step of a span is to read goes to `resolved`.
    """
    nodes: list[Node] = []
    for node in graph.nodes:
        if node.call == "ingest":
            written, how = [], reading(node.arguments, folder)
            for span in resolved[node.name]["spans"]:
                name = f"{node.name}[{span['name']}]"
                nodes.append(
                    replace(node, name=name, call="ingest_span", arguments=how, outputs={"span": "span"}, notes={})
                )
                # Where a piece lies and when it was written decide nothing; its content does.
                resolved[name] = {"span": span, "sha256": [piece[-1] for piece in span["files"]]}
                later = [span["version"]] if "version" in span else []
                written.append([span["name"], Reference(name, "span"), *later])
            arguments = {name: value for name, value in node.arguments.items() if name not in _OF_SPANS}
            node = replace(node, arguments={**arguments, "spans": written})
        nodes.append(node)
    return widen(Graph(graph.pipeline, graph.parameters, tuple(nodes), graph.steps))


def write(arguments: dict[str, Any], context: Context) -> Any:
    """The body of one span's step: its rows, written down."""
    from headrace import disk
    from headrace.ingestion import ResolvedSpan, write_span

    folder = disk.make_folder(context.attempt.folder / "span")
    source = real_objects(arguments.get("source"))
    span = ResolvedSpan.from_plain(context.resolved["span"])
    return write_span(span, folder, source=source, rename=arguments.get("rename"))


def combine(arguments: dict[str, Any], context: Context) -> Any:
    """The body of the ingest step: a data set over the written spans."""
    from headrace.dataset import Roles
    from headrace.ingestion import combine_spans

    def names(value: Any) -> tuple[str, ...]:
        return (value,) if isinstance(value, str) else tuple(value)

    roles = Roles(
        arguments["label"],
        names(arguments["key"]),
        arguments["weight"],
        arguments["time"],
        names(arguments["sensitive"]),
        arguments.get("positive"),
    )
    before = _accepted_before(context)
    dataset = combine_spans(
        [tuple(span) for span in arguments["spans"]],
        roles=roles,
        split=arguments["split"],
        reuse=before,
    )
    if context.resolved.get("is_learnt") and before is None:  # later a label of another kind is a finding of validate
        _check_label(dataset)
    return dataset


def _check_label(dataset: Any) -> None:
    """Refuse a label that no trainer could learn, before anything is made of the data.

    Of text without a value that counts as 1, three values must occur: rows are read until they have.
    """
    import pyarrow as pa

    from headrace.dataset.rows import as_labels
    from headrace.schema import kind_of

    label, positive = dataset.roles.label, dataset.roles.positive
    for span in dataset.spans:
        if label in span.arrow_schema.names:
            kind = span.arrow_schema.field(label).type
            if kind_of(kind) == "text" and positive is None and _has_classes(dataset):
                continue
            as_labels(pa.array([], kind), label, positive, f"span {span.name}")


def _has_classes(dataset: Any) -> bool:
    """Whether three values of the label occur."""
    met: set[Any] = set()
    for part in dataset.parts():
        for rows in dataset.read(part, [dataset.roles.label]):
            met.update(rows.batch.column(0).unique().to_pylist())
            if len(met - {None}) > 2:
                return True
    return False


def _accepted_before(context: Context) -> Any:
    """The data set of this stream that was accepted last: its spans need not be read for their digests again."""
    from headrace.dataset import Dataset

    pipeline = context.store.run(context.attempt.run_id).pipeline
    stream = context.attempt.step
    found = context.store.snapshot(pipeline, streams={stream: []}).accepted[stream]
    if found is None or not context.store.has_artifact(found.dataset_digest):
        return None
    return context.store.load_artifact(found.dataset_digest, Dataset)


def unlabelled(dataset: Any) -> int | None:
    """Rows whose label is null; None without a label, or where spans differ in it.

    Cost: nothing where the files' footers say it, as those of written spans do; else reading that column.
    """
    label = dataset.roles.label
    if label is None or label in dataset.uneven_columns:
        return None
    counts: list[int] = []
    for part in dataset.parts():
        known = dataset.reader(part).null_count(label)
        read = () if known is not None else dataset.read(part, [label])
        counts += [known or 0, *(rows.batch.column(0).null_count for rows in read)]
    return sum(counts)
