"""`headrace backfill FILE[:PIPELINE] --from SPAN --to SPAN`: run a pipeline as of past spans whose run is missing."""

from __future__ import annotations

import argparse
import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

from headrace import progress
from headrace.cli.output import add_output, write_json, write_table
from headrace.cli.project import load, parameters

if TYPE_CHECKING:
    from headrace.orchestration.backfilling import Backfilled

__all__ = ["EXAMPLES", "add_arguments", "execute"]

EXAMPLES = (
    "headrace backfill flights.py --from 2013-01 --to 2013-06 --dry-run",
    "headrace backfill flights.py --from 2013-01 --to 2013-06",
    "headrace backfill flights.py:flights --from 2013-01 --to 2013-06 --set max_depth=6",
)
_BAD = ("missing in the source", "rejected", "failed", "cancelled", "not run")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `backfill` takes."""
    parser.add_argument(
        "pipeline", metavar="FILE[:PIPELINE]", help="the pipeline's file; its name where there are several"
    )
    parser.add_argument("--from", dest="first", required=True, metavar="SPAN", help="the oldest end")
    parser.add_argument("--to", dest="last", required=True, metavar="SPAN", help="the newest end")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter of the pipeline")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--dry-run", action="store_true", help="say which runs are missing, and run none")
    where.add_argument("--detach", action="store_true", help="leave them to `headrace worker` or `headrace up`")
    parser.epilog = (
        "Each run sees the spans up to its end, as if nothing after it had come, and they follow each other from the\n"
        "oldest on. What was run for the same spans with the same code is not run again. Nothing is pushed: a model\n"
        "of the past takes nobody's place. 1 where a span is missing in the source, or a run failed or said no."
    )
    add_output(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Run them; 0 when all went well, 1 when a span is missing, a run failed or said no, 3 when one waits."""
    from headrace.orchestration.runner import backfill_pipeline

    pipeline = load(arguments.pipeline)
    values = parameters(pipeline, arguments.set)
    found: list[Backfilled] = []
    with redirect_stdout(sys.stderr):
        for item in backfill_pipeline(
            pipeline,
            values,
            first=arguments.first,
            last=arguments.last,
            is_dry_run=arguments.dry_run,
            is_queued=arguments.detach,
        ):
            found.append(item)
            if item.state == "missing in the source":
                progress.say(f"{item.span} is missing in the source ({item.note})")
    if arguments.output == "json":
        write_json({"format": 1, "pipeline": pipeline.name, "spans": [_plain(item) for item in found]})
    else:
        rows = [
            {
                "as of": item.span,
                "reads": _range(item.reads),
                "state": item.state,
                "run": item.run_id or "",
                "note": item.note,
            }
            for item in found
        ]
        write_table(rows, ["as of", "reads", "state", "run", "note"], wraps=["note"])
    if any(item.state == "cancelled" for item in found):
        return 130
    if any(item.state in _BAD for item in found):
        return 1
    return 3 if any(item.state == "waiting" for item in found) else 0


def _range(reads: tuple[str, ...]) -> str:
    return "" if not reads else reads[0] if len(reads) == 1 else f"{reads[0]}..{reads[-1]}"


def _plain(item: Backfilled) -> dict[str, Any]:
    return {
        "as_of": item.span,
        "reads": list(item.reads),
        "state": item.state,
        "run": item.run_id,
        "note": item.note,
    }
