"""`headrace logs [RUN] [STEP]`: what the steps of a run printed."""

from __future__ import annotations

import argparse
import sys

from headrace.cli.project import RUN_HELP, find_run, opened
from headrace.errors import UnknownName

__all__ = ["add_arguments", "execute"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `logs` takes."""
    parser.add_argument("run", nargs="?", help=RUN_HELP)
    parser.add_argument("step", nargs="?", help="one step; all that printed something by default")


def execute(arguments: argparse.Namespace) -> int:
    """Print them; always 0."""
    with opened() as (store, _):
        run = find_run(store, arguments.run)
        folder = store.home.logs / run.run_id
    files = {file.stem: file for file in sorted(folder.glob("*.log"))}
    own = {name for name in files if name.startswith("_")}  # of the process that starts steps: by name only
    if arguments.step is not None and arguments.step not in files:
        raise UnknownName("log", arguments.step, files, where=f"run {run.run_id}")
    wanted = [arguments.step] if arguments.step is not None else [name for name in files if name not in own]
    for name in wanted:
        text = files[name].read_text(encoding="utf-8", errors="replace")
        if text and arguments.step is None:
            sys.stdout.write(f"== {name}\n")
        sys.stdout.write(text)
    return 0
