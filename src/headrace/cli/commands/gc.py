"""`headrace gc [--keep NUMBER] [--dry-run]`: remove bytes that no recent run and no endpoint refers to."""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import asdict

from headrace import progress
from headrace.cli.catalog import SHOWN
from headrace.cli.output import add_output, size, write_json, write_table
from headrace.cli.project import opened
from headrace.errors import InvalidInput

__all__ = ["EXAMPLES", "add_arguments", "execute"]

EXAMPLES = ("headrace gc --dry-run", "headrace gc --keep 50")
_MOST = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `gc` takes."""
    parser.add_argument(
        "--keep", type=int, default=20, metavar="NUMBER", help="how many runs of each pipeline stay whole (20)"
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would go, and remove nothing")
    parser.epilog = (
        "Runs that go on, what endpoints serve or ever served, and all records stay, whatever the number.\n"
        "So does what was made or read within the hour: a run may be about to refer to it.\n"
        "A step whose bytes are gone runs again when they are needed. Kept states have a limit of their own\n"
        "(setting states_mb). In a bucket nothing is ever removed: other homes may refer to it."
    )
    add_output(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Remove it, or say what would go; always 0."""
    if arguments.keep < 1:
        raise InvalidInput(f"--keep {arguments.keep}", expected="1 or more runs of each pipeline")
    with opened(read_only=arguments.dry_run) as (store, _):
        find = store.garbage if arguments.dry_run else store.collect
        found = find(keep_runs=arguments.keep)
        too_new = store.garbage_too_new(keep_runs=arguments.keep)
    total = sum(item.size_bytes for item in found)
    if arguments.output == "json":
        document = {"format": 1, "is_dry_run": arguments.dry_run, "size_bytes": total, "num_too_new": len(too_new)}
        write_json({**document, "removed": [asdict(item) for item in found]})
        return 0
    if found:
        shown = found if arguments.dry_run else sorted(found, key=lambda item: -item.size_bytes)[:_MOST]
        rows = [{"kind": item.kind, "name": item.name[:SHOWN], "size": size(item.size_bytes)} for item in shown]
        write_table(rows, ["kind", "name", "size"])
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(Counter(item.kind for item in found).items()))
    would = "would be removed" if arguments.dry_run else "removed"
    progress.say(f"{size(total)} {would}: {counts}" if found else "nothing to remove")
    if too_new:
        spared = size(sum(item.size_bytes for item in too_new))
        progress.say(f"{spared} more in {len(too_new)} artifacts stay for now: they were made or read within the hour")
    return 0
