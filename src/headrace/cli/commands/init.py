"""`headrace init SOURCE [--label COLUMN]`: look at a table, and write a pipeline over it that runs."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace.cli.output import add_output, write_json
from headrace.errors import InvalidInput, MissingExtra

if TYPE_CHECKING:
    from headrace.dataset import Dataset
    from headrace.proposal import Proposal

__all__ = ["EXAMPLES", "add_arguments", "execute"]

EXAMPLES = (
    "headrace init churn.csv                        # the label is found where it is plain",
    'headrace init churn.csv --label churned        # "yes" and "no", M and B, 1 and 2 are fine',
    "headrace init iris.csv --label species --positive setosa",
    "headrace init houses.parquet --label price     # a quantity",
    "headrace init 'data/flights/{span}.parquet' --label late --key flight --name flights",
)
_LONGEST_REQUEST = 1000  # characters
_MOST_NAMED = 8
_SCHEMA = "schema.yaml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `init` takes."""
    parser.add_argument("source", metavar="SOURCE", help="a CSV or Parquet file, a folder of them, or a pattern")
    parser.add_argument("--label", metavar="COLUMN", help="what is to be predicted")
    parser.add_argument("--positive", metavar="VALUE", help="the label's value that counts as 1")
    parser.add_argument("--quantity", action="store_true", help="predict the label's number though it has few values")
    parser.add_argument("--key", action="append", default=[], metavar="COLUMN", help="names a row; may be given twice")
    parser.add_argument("--name", metavar="NAME", help="of the pipeline and its file; by default after the source")
    parser.add_argument("--endpoint", metavar="ENDPOINT", help="where its models serve; by default the pipeline's name")
    parser.add_argument("--schema", metavar="FILE", help="the schema's file; schema.yaml where that is free")
    parser.add_argument("--force", action="store_true", help="replace files that are there")
    add_output(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Write the pipeline and its schema; 0, or 2 with what to type where it cannot be told what is meant."""
    from headrace.proposal import check_name, find_pattern, name_of
    from headrace.store import check_endpoint_name

    folder = Path.cwd()
    pattern = find_pattern(arguments.source, folder)
    name = check_name(arguments.name) if arguments.name else name_of(pattern)
    endpoint = check_endpoint_name(arguments.endpoint or name)
    if arguments.schema is None:
        arguments.schema = _schema_file(folder, name)
    files = (folder / f"{name}.py", folder / arguments.schema)
    _refuse_to_replace(files, arguments)
    return _write(arguments, pattern, name, endpoint, *files)


def _schema_file(folder: Path, name: str) -> str:
    """schema.yaml, or one named after the pipeline where another pipeline has that; its own stays its own."""
    if not (folder / _SCHEMA).exists() or (folder / f"{name}.py").exists():
        return _SCHEMA
    return f"{name}-{_SCHEMA}"


def _refuse_to_replace(files: tuple[Path, Path], arguments: argparse.Namespace) -> None:
    """Both files at once, and what names others."""
    options = [option for file, option in zip(files, ("--name", "--schema"), strict=True) if file.exists()]
    if not options or arguments.force:
        return
    there = " and ".join(file.name for file in files if file.exists())
    what = "these files are" if len(options) > 1 else "this file is"
    fix = f"--force replaces {'them' if len(options) > 1 else 'it'}, or {' and '.join(options)} for another"
    raise InvalidInput(f"{what} there already", where=there, fix=fix)


def _write(arguments: argparse.Namespace, pattern: str, name: str, endpoint: str, file: Path, schema_file: Path) -> int:
    from headrace import disk
    from headrace.dataset import Roles
    from headrace.dataset.csv_file import is_csv
    from headrace.ingestion import ingest
    from headrace.ingestion.sources.csv import Csv
    from headrace.proposal import choose_label, find_leaks, find_null_words, look_at_rows, pipeline_text, propose
    from headrace.statistics import analyze
    from headrace.validation import infer_schema

    dataset = ingest(pattern, base=file.parent)
    if not dataset.num_rows:
        raise InvalidInput("no rows", where=pattern, expected="rows to learn from", fix="name a file that has some")
    statistics = analyze(dataset)
    nulls = find_null_words(statistics) if is_csv(pattern) else ()
    if nulls:  # read as null, they leave other types behind
        dataset = ingest(Csv(pattern, nulls=nulls), base=file.parent)
        statistics = analyze(dataset)
    label = choose_label(statistics, arguments.label, positive=arguments.positive, as_quantity=arguments.quantity)
    statistics = replace(statistics, roles=Roles(label.name))
    rows, share_copies = look_at_rows(dataset, statistics)
    proposal = propose(
        statistics,
        label,
        name=name,
        pattern=pattern,
        schema_file=arguments.schema,
        endpoint=endpoint,
        key=arguments.key,
        nulls=nulls,
        types=_types(dataset),
        leaks=find_leaks(rows, label),
        share_copies=share_copies,
    )
    text = pipeline_text(proposal)
    disk.make_folder(schema_file.parent)
    new = [path for path in (schema_file, file) if not path.exists()]
    try:
        infer_schema(statistics).save(schema_file)
        disk.write_file(file, text.encode())
    except BaseException:  # both files or none
        for path in new:
            path.unlink(missing_ok=True)
        raise
    if arguments.output == "json":
        write_json(_plain(proposal, file.name))
    else:
        lines = _lines(proposal, file.name, text.count("\n"), len(dataset.spans))
        width = max(len(heading) for heading, _ in lines)
        sys.stdout.write("".join(f"{heading:{width}}  {line}\n" for heading, line in lines))
    return 0


def _types(dataset: Dataset) -> dict[str, str]:
    """Every column's type; "" where spans differ in it."""
    shared = dataset.shared_schema
    return {name: str(shared.field(name).type) if name in shared.names else "" for name in dataset.column_names}


def _lines(proposal: Proposal, file: str, num_lines: int, num_spans: int) -> list[tuple[str, str]]:
    """What was looked at, what is proposed, what to type next."""
    label = proposal.label
    rows = f"{proposal.num_rows:,} rows, {proposal.num_columns} columns"
    spans = f", {num_spans} spans" if proposal.has_spans else ""
    shares = "" if label.share is None else f"; {100 * label.share:.3g} % of the rows are"
    task = {"regression": "a quantity", "multiclass": "one of several classes"}.get(label.task, "one of two values")
    missing = proposal.num_rows - label.num_rows
    found = [
        ("looked at", f"{proposal.pattern}: {rows}{spans}"),
        ("label", f"{label.name}, {task} ({label.reason}{shares}); another: --label, --positive"),
        *([("nulls", f"{', '.join(map(repr, proposal.nulls))} in any column")] if proposal.nulls else []),
        *([("", f"null in {missing:,} rows, which are left out")] if missing else []),
        ("key", ", ".join(proposal.key) or "none found: rows are drawn by their place; --key names one"),
        ("features", f"{len(proposal.features)}, made of {len({item.column for item in proposal.features})} columns"),
    ]
    found += [("left out", f"{item.column}: {item.reason}") for item in proposal.left_out[:_MOST_NAMED]]
    if len(proposal.left_out) > _MOST_NAMED:
        found.append(("", f"and {len(proposal.left_out) - _MOST_NAMED} more: {file} names all"))
    share = proposal.split["eval"] * 100 // sum(proposal.split.values())
    found.append(("gate", f"{' and '.join(proposal.rules)}, on {share} % of the rows"))
    found += [("beware", warning) for warning in (*proposal.warnings, *_missing_extra())]
    found.append(("wrote", f"{file} ({num_lines} lines), {proposal.schema_file} (to be reviewed)"))
    found += [("next" if not index else "", line) for index, line in enumerate(_next(proposal, file))]
    positive = 1 if label.positive is None else repr(label.positive)
    meaning = f"the value of {label.name}"
    if label.task == "binary":
        meaning = f"the probability that {label.name} is {positive}"
    if label.task == "multiclass":
        meaning = f"[the probability of each value of {label.name}]"
    found.append(("answers", f'{{"predictions":[{meaning}]}}'))
    return found


def _missing_extra() -> list[str]:
    from headrace import lookup

    try:
        lookup.find("trainer", "xgboost")
    except MissingExtra as error:
        return [str(error)]
    return []


def _next(proposal: Proposal, file: str) -> list[str]:
    """Commands, the last of which asks the model about a typical row."""
    import shlex

    request = json.dumps({"instances": [proposal.request]}, ensure_ascii=False)
    address = f"http://127.0.0.1:8600/v1/models/{proposal.endpoint}:predict"
    asked = [f"curl {address} -d {shlex.quote(request)}"] if len(request) <= _LONGEST_REQUEST else []
    return [f"headrace run {file}", "headrace serve", *asked]


def _plain(proposal: Proposal, file: str) -> dict[str, Any]:
    from dataclasses import asdict

    plain = asdict(proposal)
    return {"format": 1, "file": file, **plain, "warnings": list(proposal.warnings), "next": _next(proposal, file)[:2]}
