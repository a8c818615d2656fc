"""`headrace schemas ls | show | accept [RUN]`: what data are judged by, and saying that it is right."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace import progress
from headrace.cli.catalog import add_listing, write_listing
from headrace.cli.output import add_output, write_json
from headrace.cli.project import RUN_HELP, find_run, opened
from headrace.errors import InvalidInput, UnknownName

if TYPE_CHECKING:
    from headrace.schema import Schema
    from headrace.store import AttemptRow, RunRow, Store

__all__ = ["EXAMPLES", "add_arguments", "execute"]

EXAMPLES = (
    "headrace schemas ls",
    "headrace schemas show",
    "headrace schemas accept --allow domain:carrier",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `schemas` takes."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="ls|show|accept")
    add_listing(verbs, "list schemas, newest first, and what made each")
    show = verbs.add_parser("show", help="the schema that a run's data were judged by")
    accept = verbs.add_parser(
        "accept", help="write it to the file that the pipeline names, as reviewed; later runs judge by that file"
    )
    for verb in (show, accept):
        verb.add_argument("run", nargs="?", metavar="RUN", help=RUN_HELP)
        verb.add_argument("--step", metavar="STEP", help="the validate step, where there are several")
    accept.add_argument(
        "--allow", action="append", default=[], metavar="FINDING", help="change it so that this finding is none"
    )
    accept.add_argument("--replace", action="store_true", help="though there is a file; comments in it are lost")
    add_output(show)
    add_output(accept)


def execute(arguments: argparse.Namespace) -> int:
    """Print it, or write it; always 0."""
    with opened() as (store, _):
        if arguments.verb == "ls":
            return write_listing(store, "schema", arguments, ["schema", "pipeline", "step", "run", "made", "size"])
        run = find_run(store, arguments.run)
        row = _validation(store, run, arguments.step)
        schema, dataset, validation = _subjects(store, row)
        if arguments.verb == "accept":
            path = _file(run, row)
            if path.exists() and not arguments.replace:
                raise InvalidInput(
                    "there is a schema file already", where=str(path), fix="change it there, or say --replace"
                )
            return _accept(arguments, schema, dataset, validation, path)
    if arguments.output == "json":
        write_json(schema.to_plain())
    else:
        from headrace.schema.yaml_file import write_yaml

        sys.stdout.write(write_yaml(schema.to_plain()).decode())
    return 0


def _accept(arguments: argparse.Namespace, schema: Schema, dataset: Any, validation: Any, path: Path) -> int:
    from dataclasses import replace

    from headrace.validation.amending import amend

    items = {item.name: item for item in validation.items}
    allowed: list[str] = arguments.allow
    for name in allowed:
        if name not in items:
            raise UnknownName("finding", name, [key for key, item in items.items() if item.severity != "info"])
        schema = amend(schema, items[name], dataset)
    replace(schema, is_reviewed=True).save(path)
    progress.say(f"{path}: {len(schema.features)} features{', amended' if allowed else ''}; later runs judge by it")
    if arguments.output == "json":
        write_json({"file": str(path), "features": len(schema.features), "allowed": allowed})
    return 0


def _validation(store: Store, run: RunRow, step: str | None) -> AttemptRow:
    names = [planned["name"] for planned in run.plan["steps"] if planned["call"] == "validate"]
    if step is not None and step not in names:
        raise UnknownName("validate step", step, names, where=f"run {run.run_id}")
    if len(names) != 1 and step is None:
        raise InvalidInput(f"run {run.run_id} has {len(names)} validate steps", expected=f"--step {'|'.join(names)}")
    rows = [row for row in store.attempts(run.run_id, step or names[0]) if "validation" in row.outputs]
    if not rows:
        raise InvalidInput(f"run {run.run_id} did not come to its validation", fix="name another run")
    return rows[-1]


def _subjects(store: Store, row: AttemptRow) -> tuple[Any, Any, Any]:
    """What was judged by what, and what was found: schema, data set, validation."""
    from headrace.orchestration.values import load_value

    key = store.key_parts(row.key)
    if key is None:
        raise InvalidInput(f"run {row.run_id} was recorded by an older headrace", fix="run the pipeline again")
    inputs = key.parts["arguments"]
    digests = [inputs["schema"]["@"], inputs["dataset"]["@"], row.outputs["validation"].digest]
    schema, dataset, validation = (load_value(store, digest) for digest in digests)
    return schema, dataset, validation


def _file(run: RunRow, row: AttemptRow) -> Path:
    """The file that the pipeline's `load_schema` names, for this validation."""
    steps = {planned["name"]: planned for planned in run.plan["steps"]}
    (source, _) = steps[row.step]["arguments"]["schema"]["@"]
    if steps[source]["call"] != "load_schema" or run.plan["file"] is None:
        raise InvalidInput(
            f"the schema of {row.step} comes from {source}, not from a file",
            fix='in the pipeline: hr.load_schema("schema.yaml", otherwise=...)',
        )
    folder: Path = (Path(run.plan["project"]) / run.plan["file"]).parent
    return folder / str(steps[source]["arguments"]["path"])
