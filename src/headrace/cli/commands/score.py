"""`headrace score [PIPELINE]`: how ready for production a pipeline is, by what its runs recorded."""

from __future__ import annotations

import argparse
import sys

from headrace.cli.output import add_output, write_json, write_table
from headrace.cli.project import opened
from headrace.errors import InvalidInput

__all__ = ["EXAMPLES", "add_arguments", "execute"]

EXAMPLES = ("headrace score", "headrace score flights --days 7", "headrace score -o json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `score` takes."""
    parser.add_argument("pipeline", nargs="?", metavar="PIPELINE", help="its name; by default the one that ran last")
    parser.add_argument("--days", type=float, default=30.0, help="what was done longer ago is stale (default: 30)")
    parser.epilog = "28 items in four sections of seven; the score is the least of the four sums."
    add_output(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Print it; always 0."""
    from headrace.orchestration.score import score, word_of

    if not arguments.days > 0:
        raise InvalidInput(f"--days {arguments.days:g}", expected="more than 0")
    with opened() as (store, _):
        found = score(store, arguments.pipeline, days=arguments.days)
    if arguments.output == "json":
        write_json(found.to_plain())
        return 0
    sums = ", ".join(f"{name} {points:g}" for name, points in found.sections.items())
    sys.stdout.write(f"pipeline {found.pipeline}: {found.final:g} of 7, {word_of(found.final)}\n{sums}\n\n")
    rows = [
        {"item": one.item, "points": one.points, "state": one.state, "last": one.when[:10], "what": one.what}
        | {"evidence": one.told}
        for one in found.items
    ]
    write_table(rows, ["item", "points", "state", "last", "what", "evidence"], wraps=["what", "evidence"])
    return 0
