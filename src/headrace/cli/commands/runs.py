"""`headrace runs ls | show [RUN]`: the runs of this project, and all that is recorded of one."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from headrace.cli.catalog import SHOWN
from headrace.cli.commands.status import run_rows, seconds_text, step_rows
from headrace.cli.output import add_output, ago, write_json, write_table
from headrace.cli.project import RUN_HELP, find_run, is_cut_off, opened

if TYPE_CHECKING:
    from headrace.store import RunRow, Store

__all__ = ["EXAMPLES", "add_arguments", "execute"]

EXAMPLES = ("headrace runs ls -n 50", "headrace runs ls --state failed", "headrace runs show @failed")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `runs` takes."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="ls|show")
    listed = verbs.add_parser("ls", help="list runs, newest first")
    listed.add_argument("-n", "--number", type=int, default=20, metavar="NUMBER", help="how many to list (20)")
    listed.add_argument("--pipeline", metavar="PIPELINE", help="only those of this pipeline")
    states = ("queued", "running", "succeeded", "rejected", "failed", "cancelled", "waiting")
    listed.add_argument("--state", choices=states, metavar="STATE", help=f"only those in it: {', '.join(states)}")
    add_output(listed)
    show = verbs.add_parser("show", help="one run: its parameters, what it looked up, its steps and their outputs")
    show.add_argument("run", nargs="?", metavar="RUN", help=RUN_HELP)
    add_output(show)


def execute(arguments: argparse.Namespace) -> int:
    """Print it; always 0."""
    with opened() as (store, _):
        if arguments.verb == "ls":
            found = store.runs(pipeline=arguments.pipeline, state=arguments.state, limit=arguments.number)
            rows = run_rows(store, found)
            if arguments.output == "json":
                write_json(rows)
            else:
                write_table(rows, ["run", "pipeline", "state", "started", "steps"])
            return 0
        run = find_run(store, arguments.run)
        whole = _whole(store, run)
    if arguments.output == "json":
        write_json(whole)
        return 0
    lines = [f"run {run.run_id} of {run.pipeline}, {whole['state']}, started {ago(run.created_us)}"]
    if run.ended_us is not None:
        lines[0] += f", took {(run.ended_us - run.created_us) / 1e6:.1f} s"
    lines += [f"parameter {name} = {value!r}" for name, value in run.plan["parameters"].items()]
    sys.stdout.write("\n".join([*lines, "", ""]))
    rows = []
    for step in whole["steps"]:
        made = [f"{name} {digest[:SHOWN]}" for name, digest in step["outputs"].items()]
        rows.append({**step, "outputs": ", ".join(made), "seconds": seconds_text(step["seconds"])})
    write_table(rows, ["step", "state", "tries", "seconds", "outputs", "note"], wraps=["outputs", "note"])
    return 0


def _whole(store: Store, run: RunRow) -> dict[str, Any]:
    return {
        "run": run.run_id,
        "pipeline": run.pipeline,
        "state": "cut off" if is_cut_off(store, run) else run.state,
        "created_us": run.created_us,
        "ended_us": run.ended_us,
        "parameters": run.plan["parameters"],
        "resolved": run.resolved,
        "steps": step_rows(store, run),
    }
