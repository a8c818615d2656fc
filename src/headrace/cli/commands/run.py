"""`headrace run FILE[:PIPELINE] [--set name=value] [--waive FINDING --by WHO --because WHY]`: run a pipeline."""

from __future__ import annotations

import argparse
import sys
from contextlib import redirect_stdout
from pathlib import Path

from headrace import progress
from headrace.cli.output import add_output, write_json
from headrace.cli.project import load, parameters
from headrace.cli.results import write_result

__all__ = ["EXAMPLES", "add_arguments", "execute"]

EXAMPLES = (
    "headrace run flights.py",
    "headrace run flights.py:flights --set max_depth=6",
    "headrace run flights.py --waive drift_recoded:flight --by ada --because known",
    "headrace run flights.py --detach",
    "headrace run flights.py --as-of 2013-03",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `run` takes."""
    parser.add_argument(
        "pipeline", metavar="FILE[:PIPELINE]", help="the pipeline's file; its name where there are several"
    )
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter of the pipeline")
    parser.add_argument(
        "--waive", action="append", default=[], metavar="FINDING", help="let a finding of the validation pass, by name"
    )
    parser.add_argument("--by", metavar="PERSON", help="who lets it pass")
    parser.add_argument("--because", metavar="REASON", help="why")
    parser.add_argument("--as-of", metavar="SPAN", help="see no span after this one; nothing is pushed")
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--in-process", action="store_true", help="run the steps here, one after the other, as a debugger likes it"
    )
    where.add_argument("--detach", action="store_true", help="leave it to `headrace worker` or `headrace up`")
    add_output(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Run it; 0 when all went well (or it is queued), 1 when a step failed or said no."""
    from headrace.orchestration.children import proof_environment, spare_runner
    from headrace.orchestration.early import discard, start_early

    spare_runner()
    if not arguments.in_process and not arguments.detach:
        start_early(Path(arguments.pipeline.rpartition(":")[0] or arguments.pipeline), proof_environment())
    try:
        return _run(arguments)
    finally:
        discard()


def _run(arguments: argparse.Namespace) -> int:
    from headrace.orchestration.runner import run_pipeline, submit_pipeline
    from headrace.orchestration.waivers import check_waivers

    waivers = check_waivers(arguments.waive, arguments.by, arguments.because)
    pipeline = load(arguments.pipeline)
    values = parameters(pipeline, arguments.set)
    if arguments.detach:
        with redirect_stdout(sys.stderr):
            run_id, num_workers = submit_pipeline(pipeline, values, waivers=waivers, as_of=arguments.as_of)
        progress.say(
            f"run {run_id} of {pipeline.name} is queued: "
            + (f"{num_workers} workers are there" if num_workers else "`headrace worker` or `headrace up` takes it")
        )
        if arguments.output == "json":
            write_json({"format": 1, "run": run_id, "pipeline": pipeline.name, "state": "queued"})
        else:
            sys.stdout.write(run_id + "\n")
        return 0
    with redirect_stdout(sys.stderr):  # what the pipeline prints while it is traced, and steps that run here
        result = run_pipeline(pipeline, values, in_process=arguments.in_process, waivers=waivers, as_of=arguments.as_of)
    return write_result(result, arguments.output)
