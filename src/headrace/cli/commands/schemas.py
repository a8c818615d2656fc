"""`headrace schemas ls | show | accept | export | import`: what data are judged by, and saying that it is right."""

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
    "headrace schemas export schema.pbtxt --statistics statistics.tfrecord",
    "headrace schemas export schema.pbtxt --file schema.yaml",
    "headrace schemas import schema.pbtxt --file schema.yaml",
)
_FORMS = {".pbtxt": "tfx"}  # how a file of each exchange ends


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `schemas` takes."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="ls|show|accept|export|import")
    add_listing(verbs, "list schemas, newest first, and what made each")
    show = verbs.add_parser("show", help="the schema that a run's data were judged by")
    accept = verbs.add_parser(
        "accept", help="write it to the file that the pipeline names, or change that file; later runs judge by it"
    )
    export = verbs.add_parser("export", help="write it in another tool's form: schema.pbtxt, for TensorFlow's")
    export.add_argument("target", metavar="FILE", help="the file to write; its ending says whose form")
    take = verbs.add_parser("import", help="read another tool's file, and write it as ours, not yet reviewed")
    take.add_argument("source", metavar="FILE", help="the file to read: schema.pbtxt")
    take.add_argument("--file", metavar="YAML", default="schema.yaml", help="where to write it; schema.yaml by default")
    take.add_argument("--replace", action="store_true", help="though there is a file")
    for verb in (show, accept, export):
        verb.add_argument("run", nargs="?", metavar="RUN", help=RUN_HELP)
        verb.add_argument("--step", metavar="STEP", help="the validate step, where there are several")
    accept.add_argument(
        "--allow", action="append", default=[], metavar="FINDING", help="change it so that this finding is none"
    )
    accept.add_argument("--yes", action="store_true", help="change a file that is there without asking")
    accept.add_argument(
        "--replace", action="store_true", help="write the file anew instead of changing it; comments in it are lost"
    )
    export.add_argument("--file", metavar="YAML", help="a schema's file, instead of a run's schema")
    export.add_argument("--statistics", metavar="FILE", help="also the statistics of the data that the run judged")
    for verb in (show, accept, export, take):
        add_output(verb)


def execute(arguments: argparse.Namespace) -> int:
    """Print it, or write it; always 0."""
    if arguments.verb == "import":
        return _import(arguments)
    if arguments.verb == "export" and arguments.file is not None:
        from headrace.schema import Schema

        if arguments.run is not None or arguments.statistics is not None:
            raise InvalidInput("--file with a run, or with --statistics", expected="the schema of one of them")
        return _export(arguments, Schema.load(arguments.file), None)
    with opened() as (store, _):
        if arguments.verb == "ls":
            return write_listing(store, "schema", arguments, ["schema", "pipeline", "step", "run", "made", "size"])
        run = find_run(store, arguments.run)
        row = _validation(store, run, arguments.step)
        schema, dataset, validation = _subjects(store, row)
        if arguments.verb == "accept":
            return _accept(arguments, schema, dataset, validation, _file(run, row))
        if arguments.verb == "export":
            return _export(arguments, schema, dataset)
    if arguments.output == "json":
        write_json(schema.to_plain())
    else:
        from headrace.schema.yaml_file import write_yaml

        sys.stdout.write(write_yaml(schema.to_plain()).decode())
    return 0


def _exchange(path: Path) -> Any:
    """Whose file it is, by its ending."""
    from headrace.lookup import find

    if path.suffix not in _FORMS:
        raise InvalidInput(f"no tool's files end in {path.suffix!r}", where=str(path), expected=" or ".join(_FORMS))
    return find("exchange", _FORMS[path.suffix])()


def _export(arguments: argparse.Namespace, schema: Schema, dataset: Any) -> int:
    """Write the schema, and where asked the statistics, in another tool's form."""
    from headrace import disk
    from headrace.validation.exchanging import lines_of

    path = Path(arguments.target)
    exchange = _exchange(path)
    data, notes = exchange.write_schema(schema)
    files = {path: data}
    if arguments.statistics is not None:
        from headrace.statistics import analyze

        target = Path(arguments.statistics)
        files[target] = exchange.write_statistics(analyze(dataset), text=target.suffix in (".pbtxt", ".txt"))
    for file, written in files.items():
        disk.write_file(file, written)
    for line in lines_of(notes):
        progress.say(line)
    progress.say(f"{', '.join(map(str, files))}: {len(schema.features)} features")
    if arguments.output == "json":
        write_json({"files": list(map(str, files)), "features": len(schema.features), "notes": notes})
    return 0


def _import(arguments: argparse.Namespace) -> int:
    """Read another tool's schema, and write it as ours; a person has to look at it."""
    from dataclasses import replace

    from headrace.validation.exchanging import lines_of

    source, path = Path(arguments.source), Path(arguments.file)
    if path.exists() and not arguments.replace:
        raise InvalidInput("there is a schema file already", where=str(path), fix="name another, or say --replace")
    try:
        data = source.read_bytes()
    except OSError as error:
        raise InvalidInput(f"cannot read the file: {error.strerror}", where=str(source)) from error
    schema, notes = _exchange(source).read_schema(data, str(source))
    replace(schema, is_reviewed=False).save(path)
    for line in lines_of(notes):
        progress.say(line)
    progress.say(
        f"{path}: {len(schema.features)} features, not reviewed: look at it, then delete the line that says so"
    )
    if arguments.output == "json":
        write_json({"file": str(path), "features": len(schema.features), "notes": notes})
    return 0


def _accept(arguments: argparse.Namespace, judged: Schema, dataset: Any, validation: Any, path: Path) -> int:
    """Write the schema that the run judged by, or change the person's file: shown first, and asked."""
    from dataclasses import replace

    from headrace.schema import Schema
    from headrace.schema.differences import differences
    from headrace.validation.amending import amend

    is_there = path.exists()
    before = Schema.load(path) if is_there else judged
    items = {item.name: item for item in validation.items}
    allowed: list[str] = arguments.allow
    for name in allowed:
        if name not in items:
            raise UnknownName("finding", name, [key for key, item in items.items() if item.severity != "info"])
    after = judged if arguments.replace else before
    # Values that the schema lets join are in what was accepted; here they join the file.
    joining = [
        name
        for name, item in items.items()
        if item.code == "domain" and item.feature in after and after[item.feature].new_values == "add"
    ]
    for name in dict.fromkeys([*joining, *allowed]):
        after = amend(after, items[name], dataset)
    after = replace(after, is_reviewed=True)
    lines = differences(before, after)
    is_same = is_there and not lines and before.is_reviewed and not arguments.replace
    if lines and (is_there or allowed):
        progress.say("\n".join(lines))
    if is_same:
        progress.say(f"{path} says so already: nothing to change; --allow FINDING names what to take in")
    else:
        if is_there:
            _ask(arguments, path)
        if is_there and not arguments.replace:
            after.revise(path)
        else:
            after.save(path)
        amended = ", amended" if allowed or joining else ""
        progress.say(f"{path}: {len(after.features)} features{amended}; later runs judge by it")
    if arguments.output == "json":
        told = {"file": str(path), "features": len(after.features), "allowed": allowed}
        write_json({**told, "changes": lines, "is_written": not is_same})
    return 0


def _ask(arguments: argparse.Namespace, path: Path) -> None:
    """Whether a person at a terminal, or --yes, wants a file changed that is theirs."""
    if arguments.yes:
        return
    if not (sys.stdin.isatty() and progress.is_terminal()):
        raise InvalidInput(
            "there is a schema file already, and nobody here to ask", where=str(path), fix="say --yes to change it"
        )
    word = "write it anew, without its comments" if arguments.replace else "change it"
    sys.stderr.write(f"{path}: {word}? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise InvalidInput("nothing was changed", where=str(path), fix="answer y, or say --yes")


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
