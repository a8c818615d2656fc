"""What can be said of new files before they are read: columns that came, went or changed, who uses them, who cannot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from headrace.errors import HeadraceError, StoreError, UnknownName
from headrace.orchestration.arguments import real_objects
from headrace.orchestration.handles import Reference
from headrace.orchestration.plan import Plan, PlannedStep
from headrace.orchestration.tracing import Node

if TYPE_CHECKING:
    from headrace.dataset import Dataset
    from headrace.store import Store

__all__ = ["Shapes", "missing_columns", "new_shapes"]


@dataclass
class Shapes:
    """What was found by looking at the files of span steps: their columns by step, and why some cannot be read."""

    columns: dict[str, list[str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def new_shapes(plan: Plan, store: Store | None, new: Mapping[str, PlannedStep], found: Shapes) -> Iterator[str]:
    """One line for each thing that is different in the files of the new span steps; `found` learns their columns.

    They are compared with the newest span accepted before. Cost: the footer of each new file; a CSV is read once.
    """
    for node in plan.graph.nodes:
        if node.call != "ingest":
            continue
        accepted = _accepted(plan, node.name, store)
        spans = plan.resolved[node.name]["spans"]
        seen: dict[tuple[str, ...], str] = {}
        for span in spans:
            files = tuple(file[-1] for file in span["files"])
            if files in seen:
                yield f"span {span['name']}: the same file as span {seen[files]}; its rows would count twice"
            seen.setdefault(files, span["name"])
        for span in spans:
            step = new.get(f"{node.name}[{span['name']}]")
            if step is not None:
                yield from _new_span(plan, node, span, accepted, step, found)


def _accepted(plan: Plan, stream: str, store: Store | None) -> Dataset | None:
    from headrace.dataset import Dataset

    if store is None:
        return None
    found = store.snapshot(plan.graph.pipeline, streams={stream: []}).accepted[stream]
    if found is None:
        return None
    try:
        return store.load_artifact(found.dataset_digest, Dataset)
    except StoreError:  # its bytes are gone: there is nothing to compare with
        return None


def _new_span(
    plan: Plan, node: Node, span: dict[str, Any], accepted: Dataset | None, step: PlannedStep, found: Shapes
) -> Iterator[str]:
    from headrace.dataset import Fragment
    from headrace.ingestion import OneSpan
    from headrace.ingestion.sources.parquet import Parquet

    name = span["name"]
    try:
        how = plan.graph[f"{node.name}[{name}]"].arguments
        source = real_objects(how["source"]) if "source" in how else Parquet("")
        read = OneSpan(source, [Fragment("file", file[0], None) for file in span["files"]], how.get("rename", {}))
    except HeadraceError as error:
        found.problems.append(f"{_named(name)}it cannot be read: {error}")
        return
    found.columns[step.name] = list(read.schema.names)
    schema, num_rows = read.schema, read.num_rows or 0
    if num_rows == 0:
        yield f"{_named(name)}no rows"
    if accepted is None:
        return
    of_this_name = [other for other in accepted.spans if other.name == name]
    if of_this_name and any(change.what == "file" for change in step.changes):
        before = sum(fragment.num_rows or 0 for fragment in of_this_name[0].fragments)
        yield f"span {name}: delivered again, with {num_rows:,} rows; it had {before:,}"
    other = (of_this_name or [item for item in accepted.spans if item.name != name] or list(accepted.spans))[-1]
    known = other.arrow_schema
    for column in dict.fromkeys([*known.names, *schema.names]):
        users = _users(plan, node, column)
        used = f"; used by {', '.join(users)}" if users else "; nothing of this pipeline uses it"
        was = known.field(column).type if column in known.names else None
        is_now = schema.field(column).type if column in schema.names else None
        if was is None:
            yield f"span {name}: column {column!r} ({is_now}) is new{'' if not users else used}"
        elif is_now is None:
            yield f"span {name}: column {column!r} is missing; span {other.name} has it as {was}{used}"
        elif was != is_now:
            yield f"span {name}: column {column!r} is {is_now}; in span {other.name} it is {was}{used}"


def _users(plan: Plan, ingest: Node, column: str) -> list[str]:
    """Where the pipeline names a column: its roles, its features by line, its slices."""
    found = []
    for role in ("label", "key", "weight", "time", "sensitive"):
        value = ingest.arguments.get(role)
        if value == column or (isinstance(value, list) and column in value):
            found.append(f"{role} ({ingest.line})")
    for node in plan.graph.nodes:
        if node.call == "transform":
            places = node.notes.get("places", [])
            for index, item in enumerate(node.arguments["features"]["nodes"]):
                if item["op"] == "column" and item["parameters"]["name"] == column:
                    found.append(f"features ({places[index] if index < len(places) else node.line})")
        slices = node.arguments.get("slices")
        if isinstance(slices, list) and any(
            column == item or (isinstance(item, list) and column in item) for item in slices
        ):
            found.append(f"slices of {node.name} ({node.line})")
    return found


def _named(span: str) -> str:
    """How a line about a span begins; data that are one whole have no span to name."""
    return "" if span == "all" else f"span {span}: "


def missing_columns(plan: Plan, steps: Mapping[str, PlannedStep], columns: Mapping[str, list[str]]) -> Iterator[str]:
    """Features of columns that no span has, in the transforms that would run.

    `columns` holds those of every span step whose columns are known; a transform whose data have others is passed over.
    """
    for node in plan.graph.nodes:
        if node.call != "transform" or steps[node.name].action == "cached":
            continue
        spans = _spans_behind(plan, node)
        if not spans or not all(name in columns for name in spans):
            continue
        known = list(dict.fromkeys(column for name in spans for column in columns[name]))
        places = node.notes.get("places", [])
        for index, item in enumerate(node.arguments["features"]["nodes"]):
            name = item["parameters"]["name"] if item["op"] == "column" else None
            if name is not None and name not in known:
                where = places[index] if index < len(places) else node.line
                yield f"{node.name} cannot run: {UnknownName('column', name, known, where=where)}"


def _spans_behind(plan: Plan, node: Node) -> list[str]:
    """The span steps of the data set that a step takes; [] where it does not come straight from an ingest."""
    given = node.arguments.get("dataset")
    while isinstance(given, Reference):
        node = plan.graph[given.step]
        if node.call == "ingest":
            return [written.step for _, written, *_ in node.arguments["spans"]]
        given = node.arguments.get("dataset") if node.call == "validate" else None
    return []
