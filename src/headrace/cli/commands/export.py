"""`headrace export airflow|kubeflow|kubernetes FILE[:PIPELINE]`: a pipeline in the words of another system."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from contextlib import redirect_stdout
from pathlib import Path, PurePosixPath

from headrace import disk, lookup
from headrace.cli.project import load, named_values
from headrace.errors import UnknownName

__all__ = ["EXAMPLES", "add_arguments", "execute"]

EXAMPLES = (
    "headrace export airflow flights.py --to dags/flights.py",
    "headrace export kubeflow flights.py --set image=registry.local/flights:3",
    "headrace export kubernetes flights.py --set image=registry.local/flights:3 | kubectl apply -f -",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `export` takes."""
    parser.add_argument("system", metavar="SYSTEM", help=f"whose words: {', '.join(lookup.names('exporter'))}")
    parser.add_argument(
        "pipeline", metavar="FILE[:PIPELINE]", help="the pipeline's file; its name where there are several"
    )
    parser.add_argument("--to", metavar="PATH", help="the file to write; standard output by default")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="an option of the exporter")


def execute(arguments: argparse.Namespace) -> int:
    """Write the file, whole or not at all; 0, or 2 for what the other system cannot do."""
    from headrace.orchestration.exporting import Exported, Exporter
    from headrace.settings import find_project

    kind: type[Exporter] = lookup.find("exporter", arguments.system)
    known = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]  # all members are dataclasses
    options = dict(named_values(arguments.set))
    for name in options:
        if name not in known:
            raise UnknownName("option", name, known, where=f"exporter {arguments.system}")
    exporter = kind(**options)
    pipeline = load(arguments.pipeline)
    assert pipeline.file is not None  # it was loaded from one
    file = PurePosixPath(pipeline.file.relative_to(find_project(pipeline.folder)))
    with redirect_stdout(sys.stderr):
        text = exporter.text(Exported.of(pipeline, file))
    if arguments.to is None:
        sys.stdout.write(text)
    else:
        disk.write_file(Path(arguments.to), text.encode())
    return 0
