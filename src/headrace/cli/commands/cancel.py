"""`headrace cancel RUN`: stop a run; what is done stays, and `headrace resume` goes on from there."""

from __future__ import annotations

import argparse
import time

from headrace import progress
from headrace.cli.output import add_output, write_json
from headrace.cli.project import find_run, opened

__all__ = ["EXAMPLES", "add_arguments", "execute"]

EXAMPLES = (
    "headrace cancel 20260901",
    "headrace cancel @last --now",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `cancel` takes."""
    parser.add_argument("run", metavar="RUN", help="the run's id or its beginning")
    parser.add_argument("--now", action="store_true", help="stop the steps that run, instead of letting them end")
    parser.add_argument("--no-wait", action="store_true", help="ask, and do not wait until it has stopped")
    add_output(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Ask, and wait for it; 0 also when it had ended already."""
    with opened(read_only=False) as (store, _):
        run = find_run(store, arguments.run)
        state = store.request_cancel(run.run_id, is_urgent=arguments.now)
        if state == "running":
            progress.say(
                f"run {run.run_id} was asked to stop" + ("" if arguments.now else " when its steps have ended")
            )
        while state == "running" and not arguments.no_wait:
            time.sleep(0.1)
            state = store.run(run.run_id).state
            if state in ("queued", "running"):
                state = store.request_cancel(run.run_id) if not store.is_alive(store.lease(run.run_id)) else "running"
    progress.say(f"run {run.run_id}: {state}")
    if state == "cancelled":
        progress.say(f"headrace resume {run.run_id} goes on from there")
    if arguments.output == "json":
        write_json({"format": 1, "run": run.run_id, "pipeline": run.pipeline, "state": state})
    return 0
