"""`headrace logs [RUN] [STEP]`: what the steps of a run printed, and what was recorded while they fitted."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace import progress
from headrace.cli.output import add_output, write_json
from headrace.cli.project import RUN_HELP, find_run, opened
from headrace.errors import UnknownName

if TYPE_CHECKING:
    from headrace.store import RunRow, Store

__all__ = ["EXAMPLES", "add_arguments", "execute"]

EXAMPLES = (
    "headrace logs",
    "headrace logs train -f",
    "headrace logs @failed",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `logs` takes."""
    parser.add_argument("run", nargs="?", metavar="RUN", help=RUN_HELP)
    parser.add_argument("step", nargs="?", metavar="STEP", help="one step; all that printed something by default")
    parser.add_argument(
        "-f", "--follow", action="store_true", help="go on printing until the run, or the step, has ended"
    )
    add_output(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Print them; always 0."""
    from headrace.orchestration.reporting import log_name

    is_json = arguments.output == "json"
    with opened() as (store, _):
        run, step = _run_and_step(store, arguments.run, arguments.step)
        run_id = run.run_id if step is None else _printed_by(store, run, step)
        folder = store.home.logs / run_id
        named = None if step is None else log_name(step).removesuffix(".log")
        if run_id != run.run_id:
            progress.say(f"step {step} of run {run.run_id} is cached: run {run_id} did the work, and printed this")
        steps = [planned["name"] for planned in run.plan["steps"]]
        if arguments.follow and (step is None or step in steps):
            from headrace.cli.following import follow

            follow(store, run_id, step, lambda: list(_files(folder, named)), is_json=is_json)
            return 0
    if named is not None and not list(_files(folder, named)):
        if step in steps:
            why = "its log is no longer there" if run_id != run.run_id else "it has not run, and printed nothing"
            progress.say(f"step {step} of run {run_id}: {why}")
            if is_json:
                write_json({"run": run_id, "logs": []})
            return 0
        own = [file.stem for file in folder.glob("_*.log")]  # of the process that starts steps: by name only
        raise UnknownName("log", str(step), [*steps, *own], where=f"run {run.run_id}")
    _write(run_id, list(_files(folder, named)), is_json=is_json, is_named=named is not None)
    return 0


def _files(folder: Path, named: str | None) -> Iterator[Path]:
    """A step's log and its records, or those of all steps."""
    for file in sorted(folder.glob("*.log")) + sorted(folder.glob("*.jsonl")):
        if file.stem == named or (named is None and not file.name.startswith("_")):
            yield file


def _write(run_id: str, files: list[Path], *, is_json: bool, is_named: bool) -> None:
    from headrace.cli.records import line_of, newest, thinned
    from headrace.training.recording import read_records

    told: list[dict[str, Any]] = []
    for name in sorted({file.stem for file in files}):
        found = {file.suffix: file for file in files if file.stem == name}
        log = found.get(".log")
        text = "" if log is None else log.read_text(encoding="utf-8", errors="replace")
        records = list(read_records(found[".jsonl"])) if ".jsonl" in found else []
        told.append({"step": name, "text": text, "records": records})
    if is_json:
        write_json({"run": run_id, "logs": told})
        return
    for item in told:
        lines = [line for record in thinned(newest(item["records"])) if (line := line_of(record))]
        if (item["text"] or lines) and not is_named:
            sys.stdout.write(f"== {item['step']}\n")
        sys.stdout.write(item["text"])
        sys.stdout.writelines(f"{line}\n" for line in lines)


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
