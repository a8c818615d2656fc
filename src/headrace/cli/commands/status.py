"""`headrace status [RUN]`: the runs of this project, or the steps of one."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

from headrace import progress
from headrace.cli.output import add_output, ago, write_json, write_table
from headrace.cli.project import find_run, is_cut_off, opened
from headrace.cli.results import note_of

if TYPE_CHECKING:
    from headrace.store import AttemptRow, RunRow, Store

__all__ = ["EXAMPLES", "add_arguments", "execute", "run_rows", "seconds_text", "step_rows"]

EXAMPLES = (
    "headrace status",
    "headrace status @last",
    "headrace status @failed -o json",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `status` takes."""
    parser.add_argument(
        "run", nargs="?", metavar="RUN", help="a run's id or its beginning, @last or @failed: its steps are listed"
    )
    parser.add_argument("-n", "--number", type=int, default=20, metavar="NUMBER", help="how many runs to list (20)")
    add_output(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Print it; always 0."""
    from headrace.orchestration.approvals import waiting_runs
    from headrace.orchestration.ending import ending, waiting_lines

    with opened() as (store, _):
        if arguments.run is None:
            rows = run_rows(store, store.runs(limit=arguments.number))
            columns = ["run", "pipeline", "state", "started", "steps"]
            told = list(waiting_lines(waiting_runs(store)))
        else:
            run = find_run(store, arguments.run)
            rows = step_rows(store, run)
            columns = ["step", "state", "tries", "seconds", "note"]
            told = [_heading(store, run), *ending(store, run, width=progress.columns(sys.stdout))]
    if arguments.output == "json":
        write_json(rows)
        return 0
    shown = [{**row, "seconds": seconds_text(row.get("seconds"))} for row in rows]
    write_table(shown, columns, wraps=["note"])
    sys.stdout.write("".join(f"{line}\n" for line in (["", *told] if told else [])))
    return 0


def seconds_text(seconds: Any) -> str:
    """Seconds in a table: a hundredth is enough, and all line up."""
    return f"{seconds:.2f}" if isinstance(seconds, (int, float)) else ""


def _heading(store: Store, run: RunRow) -> str:
    state = "cut off" if is_cut_off(store, run) else run.state
    more = f": headrace resume {run.run_id}" if state == "cut off" else ""
    return f"run {run.run_id} of {run.pipeline} {state}, started {ago(run.created_us)}{more}"


def run_rows(store: Store, runs: list[RunRow]) -> list[dict[str, Any]]:
    """Runs as rows of a table."""
    return [_run_row(store, run) for run in runs]


def _run_row(store: Store, run: RunRow) -> dict[str, Any]:
    from headrace.orchestration.approvals import waiting_of
    from headrace.orchestration.lookups import looked_up_of

    state = "cut off" if is_cut_off(store, run) else run.state
    attempts = store.attempts(run.run_id)
    ended = {row.step for row in attempts if row.state in ("succeeded", "cached")}
    # What is only looked up has no attempt, and is no step to be done.
    tried = {row.step for row in attempts}
    skipped = {row.step for row in attempts if row.state == "skipped"} - ended
    num_steps = len((tried | {step["name"] for step in run.plan["steps"]} - looked_up_of(run)) - skipped)
    return {
        "run": run.run_id,
        "pipeline": run.pipeline,
        "state": state,
        "started": ago(run.created_us),
        "steps": f"{len(ended)} of {num_steps}",
        "created_us": run.created_us,
        "ended_us": run.ended_us,
        "waiting": [item.to_plain() for item in waiting_of(store, run)] if run.state == "waiting" else [],
    }


def _note(store: Store, run: RunRow, last: AttemptRow) -> str:
    """What a table says of the last attempt at a step: why it failed, and when it is tried again; or what it found."""
    note = last.reason or note_of(last.result or {})
    if last.state == "failed" and run.state == "running":
        planned = store.newest_event("retry-planned", run_id=run.run_id, step=last.step)
        if planned is not None and planned.time_us > last.started_us:
            at = datetime.fromtimestamp(planned.body["at_us"] / 1e6).strftime("%H:%M:%S")
            note += f"; it is tried again at {at} ({planned.body['number']} of {planned.body['of']})"
    return note


def step_rows(store: Store, run: RunRow) -> list[dict[str, Any]]:
    """The steps of a run in the order of its plan, each as it ended last."""
    from headrace.orchestration.lookups import looked_up_of

    attempts: dict[str, list[Any]] = {}
    for row in store.attempts(run.run_id):
        attempts.setdefault(row.step, []).append(row)
    rows, found = [], looked_up_of(run)
    for name in dict.fromkeys([*(step["name"] for step in run.plan["steps"]), *attempts]):
        tried = attempts.get(name, [])
        last = tried[-1] if tried else None
        state = last.state if last else "looked up" if name in found else "not run"
        if last and last.result and last.result.get("ok") is False:
            state = "no"
        seconds = None
        if last and last.ended_us and last.state in ("succeeded", "failed", "lost"):
            seconds = (last.ended_us - last.started_us) / 1e6
        rows.append(
            {
                "step": name,
                "state": state,
                "tries": len(tried),
                "seconds": "" if seconds is None else round(seconds, 2),
                "note": _note(store, run, last) if last else "",
                "outputs": {output: item.digest for output, item in last.outputs.items()} if last else {},
            }
        )
    return rows
