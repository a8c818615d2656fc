"""`headrace explain [RUN] STEP`: why a step ran or was cached."""

from __future__ import annotations

import argparse
import sys

from headrace.cli.output import add_output, ago, write_json, write_table
from headrace.cli.project import RUN_HELP, find_run, opened

__all__ = ["EXAMPLES", "add_arguments", "execute"]

EXAMPLES = (
    "headrace explain train",
    "headrace explain @failed validate",
    "headrace explain train -o json",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `explain` takes."""
    parser.add_argument("run", nargs="?", metavar="RUN", help=RUN_HELP)
    parser.add_argument("step", metavar="STEP", help="the step's name, as `headrace status RUN` lists it")
    add_output(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Print it; always 0."""
    from headrace.orchestration.explaining import explain

    with opened() as (store, _):
        run = find_run(store, arguments.run)
        found = explain(store, run, arguments.step)
    if arguments.output == "json":
        write_json(found.to_plain())
        return 0
    sys.stdout.write(f"{found.step} of run {run.run_id} ({ago(run.created_us)}): {found.why}\n")
    if found.changes:
        sys.stdout.write("\n")
        rows = [
            {
                "what": change.what,
                "name": change.name + (f" ({change.source})" if change.source else ""),
                "before": change.shown[0],
                "now": change.shown[1],
                "where": change.where,
            }
            for change in found.changes
        ]
        write_table(rows, ["what", "name", "before", "now", *(["where"] if any(row["where"] for row in rows) else [])])
    if found.behind:
        sys.stdout.write("\nbehind it:\n")
        behind = [{"step": step, "why": change.text.removeprefix(f"{step}: ")} for step, change in found.behind]
        write_table(behind, ["step", "why"])
    return 0
