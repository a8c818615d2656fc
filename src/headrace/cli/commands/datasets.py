"""`headrace datasets ls | show | pin | unpin`: the data sets in the store, and what one of them holds."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from headrace.cli.catalog import SHOWN, add_listing, add_pins, find_artifact, pin, write_listing
from headrace.cli.output import add_output, write_json, write_table
from headrace.cli.project import opened

if TYPE_CHECKING:
    from headrace.dataset import Dataset

__all__ = ["EXAMPLES", "add_arguments", "execute"]

EXAMPLES = (
    "headrace datasets ls",
    "headrace datasets show",
    "headrace datasets show 3fa9 -o json",
    "headrace datasets pin 3fa9",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `datasets` takes."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="ls|show|pin|unpin")
    add_listing(verbs, "list data sets, newest first, and what made each")
    show = verbs.add_parser("show", help="one data set: its spans, roles, splits and columns")
    show.add_argument(
        "dataset", nargs="?", metavar="DATASET", help="its digest or the beginning; the newest by default"
    )
    add_output(show)
    add_pins(verbs, "data set")


def execute(arguments: argparse.Namespace) -> int:
    """Print it; always 0."""
    if arguments.verb in ("pin", "unpin"):
        with opened(read_only=False) as (store, _):
            return pin(store, "dataset", arguments)
    with opened() as (store, _):
        if arguments.verb == "ls":
            columns = ["dataset", "pipeline", "step", "output", "run", "made", "size"]
            return write_listing(store, "dataset", arguments, columns)
        from headrace.dataset import Dataset

        found = find_artifact(store, "dataset", arguments.dataset)
        whole = _whole(found.digest, store.load_artifact(found.digest, Dataset))
    if arguments.output == "json":
        write_json(whole)
        return 0
    lines = [f"data set {found.digest[:SHOWN]}: {whole['num_rows']:,} rows, {len(whole['spans'])} spans"]
    if found.step is not None:
        lines[0] += f", made by {found.step} of {found.pipeline} (run {found.run_id})"
    lines += [f"{role}: {value}" for role, value in whole["roles"].items() if value]
    if whole["split"]:
        lines.append("split: " + ", ".join(f"{name} {weight}" for name, weight in whole["split"].items()))
    sys.stdout.write("\n".join([*lines, "", ""]))
    write_table([{**row, "rows": f"{row['rows']:,}"} for row in whole["spans"]], ["span", "version", "rows", "files"])
    sys.stdout.write("\n")
    write_table(whole["columns"], ["column", "type", "role"])
    return 0


def _whole(digest: str, dataset: Dataset) -> dict[str, Any]:
    roles = dataset.roles
    named = {"label": roles.label, "weight": roles.weight, "time": roles.time}
    role_of = {column: role for role, column in named.items() if column}
    role_of |= {column: "key" for column in roles.key if column not in role_of}
    role_of |= {column: "sensitive" for column in roles.sensitive if column not in role_of}
    types = {field.name: str(field.type) for span in dataset.spans for field in span.arrow_schema}
    spans = []
    for span in dataset.spans:
        rows = dataset.select_spans([span.name]).num_rows
        spans.append({"span": span.name, "version": span.version, "rows": rows, "files": len(span.fragments)})
    return {
        "dataset": digest,
        "num_rows": dataset.num_rows,
        "roles": {**named, "key": ", ".join(roles.key), "sensitive": ", ".join(roles.sensitive)},
        "split": dataset.split,
        "spans": spans,
        "columns": [{"column": name, "type": kind, "role": role_of.get(name, "")} for name, kind in types.items()],
    }
