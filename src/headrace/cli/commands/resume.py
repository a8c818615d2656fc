"""`headrace resume [RUN]`: finish a run that was cut off, cancelled, or failed."""

from __future__ import annotations

import argparse
import sys
from contextlib import redirect_stdout
from pathlib import Path

from headrace import progress
from headrace.cli.output import add_output
from headrace.cli.project import RUN_HELP, find_run, load, opened
from headrace.cli.results import write_result

__all__ = ["EXAMPLES", "add_arguments", "execute"]

EXAMPLES = (
    "headrace resume",
    "headrace resume @failed",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `resume` takes."""
    parser.add_argument("run", nargs="?", metavar="RUN", help=RUN_HELP)
    add_output(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Go on where it stopped, with what it looked up then; 0 also when there is nothing left to do."""
    from headrace.orchestration.planning import file_of
    from headrace.orchestration.runner import resume_run
    from headrace.settings import find_project

    with opened(read_only=False) as (store, settings):
        run = find_run(store, arguments.run)
        if run.state == "succeeded":
            progress.say(f"run {run.run_id} of {run.pipeline} has succeeded: nothing to resume")
            return 0
        file = file_of(run, find_project(Path.cwd()))
        with redirect_stdout(sys.stderr):
            result = resume_run(load(f"{file}:{run.pipeline}"), run, store, settings)
    return write_result(result, arguments.output)
