"""A person's answer to a run that waits: shared by `approve` and `reject`."""

from __future__ import annotations

import argparse
import getpass
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from headrace import progress
from headrace.cli.output import add_output, write_json
from headrace.cli.project import find_run, load, opened
from headrace.cli.results import write_result
from headrace.errors import InvalidInput

if TYPE_CHECKING:
    from headrace.store import RunRow, Store

__all__ = ["add_answer", "execute_answer"]


def add_answer(parser: argparse.ArgumentParser) -> None:
    """What both take."""
    parser.add_argument("run", nargs="?", metavar="RUN", help="the run's id or its beginning; the one that waits")
    parser.add_argument("step", nargs="?", metavar="STEP", help="the step that asks; the one that waits")
    parser.add_argument("--by", metavar="PERSON", help="who answers; the name of your account")
    parser.add_argument("--because", default="", metavar="REASON", help="why: kept, and shown with the run")
    parser.add_argument("--resume", action="store_true", help="go on with the run here, at once")
    add_output(parser)


def execute_answer(arguments: argparse.Namespace, *, is_approved: bool, is_overruling: bool = False) -> int:
    """Record the answer: 0; with --resume how the run ended, as `headrace resume` says it."""
    from headrace.orchestration.approvals import answer

    with opened(read_only=False) as (store, settings):
        run = _find(store, arguments.run)
        given = answer(
            store,
            run.run_id,
            arguments.step,
            is_approved=is_approved,
            by=getpass.getuser() if arguments.by is None else arguments.by,
            because=arguments.because,
            is_overruling=is_overruling,
        )
        word = "approved" if is_approved else "rejected"
        progress.say(f"{given.step} of run {run.run_id}: {word} by {given.by}")
        if arguments.resume:
            from headrace.orchestration.planning import file_of
            from headrace.orchestration.runner import resume_run
            from headrace.settings import find_project

            run = store.run(run.run_id)
            file = file_of(run, find_project(Path.cwd()))
            with redirect_stdout(sys.stderr):
                result = resume_run(load(f"{file}:{run.pipeline}"), run, store, settings)
            return write_result(result, arguments.output)
        state = store.run(run.run_id).state
        progress.say(_next(store, run.run_id, state))
        if arguments.output == "json":
            write_json(
                {
                    "format": 1,
                    "run": run.run_id,
                    "pipeline": run.pipeline,
                    "step": given.step,
                    "is_approved": is_approved,
                    "by": given.by,
                    "because": given.because,
                    "about": given.inputs,
                    "state": state,
                }
            )
    return 0


def _next(store: Store, run_id: str, state: str) -> str:
    if state == "running":
        return "the run goes on"
    if state == "queued" and store.announced("worker"):
        return "a worker goes on with the run"
    return f"next: headrace resume {run_id}" + (
        "" if state == "failed" else ": it goes on from here; so do `headrace up` and `headrace worker`"
    )


def _find(store: Store, name: str | None) -> RunRow:
    """The run that is named, or the only one that waits."""
    from headrace.orchestration.approvals import waiting_runs

    if name is not None:
        return find_run(store, name)
    found = list(dict.fromkeys(item.run_id for item in waiting_runs(store)))
    if not found:
        raise InvalidInput("no run waits for approval", fix="headrace status lists the runs")
    if len(found) > 1:
        raise InvalidInput(
            f"several runs wait: {', '.join(found[:5])}", expected="the id of one", fix="headrace status lists them"
        )
    return store.run(found[0])
