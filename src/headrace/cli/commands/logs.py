"""`headrace logs [RUN] [STEP]`: what the steps of a run printed."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from headrace import progress
from headrace.cli.output import add_output, write_json
from headrace.cli.project import RUN_HELP, find_run, opened
from headrace.errors import UnknownName

if TYPE_CHECKING:
    from headrace.store import RunRow, Store

__all__ = ["EXAMPLES", "add_arguments", "execute"]

EXAMPLES = (
    "headrace logs",
    "headrace logs train",
    "headrace logs @failed",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `logs` takes."""
    parser.add_argument("run", nargs="?", metavar="RUN", help=RUN_HELP)
    parser.add_argument("step", nargs="?", metavar="STEP", help="one step; all that printed something by default")
    add_output(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Print them; always 0."""
    from headrace.orchestration.reporting import log_name

    with opened() as (store, _):
        run, step = _run_and_step(store, arguments.run, arguments.step)
        run_id = run.run_id if step is None else _printed_by(store, run, step)
        folder = store.home.logs / run_id
    files = {file.name.removesuffix(".log"): file for file in sorted(folder.glob("*.log"))}
    own = {name for name in files if name.startswith("_")}  # of the process that starts steps: by name only
    named = None if step is None else log_name(step).removesuffix(".log")
    if run_id != run.run_id:
        progress.say(f"step {step} of run {run.run_id} is cached: run {run_id} did the work, and printed this")
    if named is not None and named not in files:
        steps = [planned["name"] for planned in run.plan["steps"]]
        if step in steps:
            why = "its log is no longer there" if run_id != run.run_id else "it has not run, and printed nothing"
            progress.say(f"step {step} of run {run_id}: {why}")
            if arguments.output == "json":
                write_json({"run": run_id, "logs": []})
            return 0
        raise UnknownName("log", str(step), [*steps, *own], where=f"run {run.run_id}")
    wanted = [named] if named is not None else [name for name in files if name not in own]
    if arguments.output == "json":
        texts = {name: files[name].read_text(encoding="utf-8", errors="replace") for name in wanted}
        write_json({"run": run_id, "logs": [{"step": name, "text": text} for name, text in texts.items()]})
        return 0
    for name in wanted:
        text = files[name].read_text(encoding="utf-8", errors="replace")
        if text and named is None:
            sys.stdout.write(f"== {name}\n")
        sys.stdout.write(text)
    return 0


def _printed_by(store: Store, run: RunRow, step: str) -> str:
    """The run in which a step did its work: this one, or, where it is cached, the one that filled the cache."""
    tried = store.attempts(run.run_id, step)
    if not tried or tried[-1].state != "cached":
        return run.run_id
    made = store.cached(tried[-1].key)
    return run.run_id if made is None or made.step != step else made.run_id


def _run_and_step(store: Store, run: str | None, step: str | None) -> tuple[RunRow, str | None]:
    """What the one or two names mean: `logs train` is the step of the newest run, where no run begins like that."""
    if run is not None and step is None and not run.startswith("@") and not store.runs(prefix=run, limit=1):
        newest = find_run(store, None)
        if run in [planned["name"] for planned in newest.plan["steps"]]:
            return newest, run
    return find_run(store, run), step
