"""`headrace step begin FILE | run RUN STEP | end RUN`: a run in pieces, for another orchestrator to start."""

from __future__ import annotations

import argparse
import sys
from contextlib import redirect_stdout
from pathlib import Path

from headrace import disk
from headrace.cli.output import add_output
from headrace.cli.project import find_run, load, opened, parameters
from headrace.cli.results import write_result

__all__ = ["EXAMPLES", "add_arguments", "execute"]

EXAMPLES = (
    'headrace step begin flights.py --name "$AIRFLOW_RUN" --set max_depth=6',
    "headrace step run 3f2a90c41d77 train",
    "headrace step end 3f2a90c41d77",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `step` takes."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="begin|run|end")
    begin = verbs.add_parser("begin", help="plan a run, and print its id; asked again under the same name, the same id")
    begin.add_argument(
        "pipeline", metavar="FILE[:PIPELINE]", help="the pipeline's file; its name where there are several"
    )
    begin.add_argument("--name", required=True, metavar="NAME", help="what the other orchestrator calls its run")
    begin.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter of the pipeline")
    begin.add_argument("--to", metavar="PATH", help="a file for the id; standard output by default")
    run = verbs.add_parser("run", help="do one step of it, or take it from the store")
    run.add_argument("run", metavar="RUN", help="the run's id")
    run.add_argument("step", metavar="STEP", help="the step's name in the pipeline")
    add_output(run)
    end = verbs.add_parser("end", help="say how it ended, when all its steps have ended or were given up")
    end.add_argument("run", metavar="RUN", help="the run's id")
    add_output(end)


def execute(arguments: argparse.Namespace) -> int:
    """0 when it is done, 1 when a step failed or said no, or (`end`) the run did not succeed."""
    from headrace.orchestration.external import begin_run, end_run, run_step
    from headrace.settings import find_project, load_settings
    from headrace.store import Store

    if arguments.verb == "begin":
        pipeline = load(arguments.pipeline)
        values = parameters(pipeline, arguments.set)
        settings = load_settings(pipeline.folder)
        with (
            redirect_stdout(sys.stderr),
            Store.of(settings) as store,
        ):
            run_id = begin_run(pipeline, values, arguments.name, store)
        if arguments.to is None:
            sys.stdout.write(f"{run_id}\n")
        else:
            disk.make_folder(Path(arguments.to).parent)
            disk.write_file(Path(arguments.to), run_id.encode())
        return 0
    with opened(read_only=False) as (store, settings):
        run_id = find_run(store, arguments.run).run_id
        project = find_project(Path.cwd())
        if arguments.verb == "run":
            return write_result(run_step(run_id, arguments.step, store, settings, project), arguments.output)
        return write_result(end_run(run_id, store, settings, project), arguments.output)
