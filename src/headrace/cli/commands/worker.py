"""`headrace worker`: take runs from the queue, and help with the steps of others, until stopped."""

from __future__ import annotations

import argparse
import signal
import time
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from headrace import progress
from headrace.cli.output import add_output, write_json_line

if TYPE_CHECKING:
    from headrace.store import Store

__all__ = ["EXAMPLES", "add_arguments", "execute"]

EXAMPLES = (
    "headrace worker",
    "headrace worker --workers 4 --once",
)

_POLL_S = 0.1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `worker` takes."""
    parser.add_argument(
        "--workers", type=int, metavar="NUMBER", help="steps at once in this process (setting `workers`)"
    )
    parser.add_argument("--once", action="store_true", help="end when there is nothing left to do")
    add_output(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Work until stopped, with `--once` until nothing is left (1 when a run failed or said no).

    With `-o json` each run that ended here is a line on standard output.
    """
    from dataclasses import replace

    from headrace.orchestration.crew import Crew
    from headrace.settings import find_project, load_settings
    from headrace.store import Store

    settings = load_settings()
    if arguments.workers is not None:
        settings = replace(settings, workers=arguments.workers)
    states = set()
    with Store.of(settings) as store:
        crew = Crew(store, settings, find_project(Path.cwd()))
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: crew.interrupt())
        progress.say(f"working on {settings.home}, {settings.num_workers} steps at once; Ctrl-C stops")
        try:
            while not (crew.is_idle and (crew.interrupts or (arguments.once and not _waits(store, crew.unable)))):
                crew.turn()
                for run_id, state in crew.ended:
                    states.add(state)
                    if arguments.output == "json":
                        write_json_line({"run": run_id, "state": state})
                crew.ended.clear()
                time.sleep(_POLL_S)
        finally:
            crew.close()
    if not arguments.once or states <= {"succeeded"}:
        return 0
    return 3 if states <= {"succeeded", "waiting"} else 1


def _waits(store: Store, unable: Collection[str]) -> bool:
    """Whether a run is queued, or runs, that can be carried out here."""
    runs = [*store.runs(state="queued"), *store.runs(state="running")]
    return any(run.run_id not in unable for run in runs)
