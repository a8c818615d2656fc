"""`headrace up [FILE ...] [--once]`: watch pipelines, run each when its world has changed, keep the rest up."""

from __future__ import annotations

import argparse
import importlib.util
import signal
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from headrace import progress
from headrace.cli.output import add_output, write_json, write_json_line, write_table
from headrace.errors import InvalidInput

__all__ = ["EXAMPLES", "add_arguments", "execute"]

EXAMPLES = (
    "headrace up",
    "headrace up --serve",
    "headrace up flights.py --once",
)

_POLL_S = 0.1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `up` takes."""
    parser.add_argument("files", nargs="*", metavar="FILE", help="pipelines; every file with one in the project")
    parser.add_argument("--once", action="store_true", help="bring each up to date as things are now, and end")
    parser.add_argument("--no-execute", action="store_true", help="queue runs only; `headrace worker` takes them")
    parser.add_argument("--serve", action="store_true", help="keep `headrace serve` running beside it")
    parser.add_argument("--no-web", action="store_true", help="without the pages in the browser")
    parser.add_argument("--no-monitor", action="store_true", help="without following what is served; see [[alerts]]")
    parser.add_argument("--no-ingest", action="store_true", help="without taking in the streams of what it watches")
    add_output(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Watch until stopped (0), or once: 0 all is well, 1 a run failed or said no, 2 no plan, 3 one waits for a person.

    With `-o json` each change is a line on standard output; with --once one document is, at the end.
    """
    from headrace.orchestration.beside import Beside
    from headrace.orchestration.crew import Crew
    from headrace.orchestration.sensing import find_pipeline_files
    from headrace.orchestration.up import Up, alone
    from headrace.settings import find_project, load_settings
    from headrace.store import Store

    settings, project = load_settings(), find_project(Path.cwd())
    for file in arguments.files:
        if not Path(file).is_file():
            raise InvalidInput("no such file", where=file, expected="a Python file with a function under @hr.pipeline")
    if arguments.once and not arguments.files and not find_pipeline_files(project):
        # In a wrong folder, as cron may be, all would seem well for ever.
        raise InvalidInput(
            f"no file in {project} has a function under @hr.pipeline",
            fix="change to the project's folder, or name the file: headrace up --once FILE",
        )
    if settings.alerts and not arguments.once and not arguments.no_monitor:
        from headrace.monitoring import check_rules

        check_rules(settings.alerts)  # rather than in the monitor's process later
    told = _Told(is_json=arguments.output == "json" and not arguments.once)
    stopped_by = 0
    with (
        alone(settings.home),
        Store.of(settings) as store,
    ):
        crew = None if arguments.no_execute else Crew(store, settings, project)
        files = [Path(file).resolve() for file in arguments.files]
        up = Up(store, settings, project, files, crew=crew, tell=told, once=arguments.once)
        goes_on = not arguments.once
        beside = Beside(
            store,
            with_serve=arguments.serve,
            with_pages=goes_on and not arguments.no_web and _has_pages(),
            with_monitor=goes_on and not arguments.no_monitor,
            with_ingest=goes_on and not arguments.no_ingest,
        )
        if goes_on and beside.told():
            progress.say(beside.told())

        def stop(number: int, _: object) -> None:
            nonlocal stopped_by
            stopped_by = stopped_by or number
            up.is_stopping = True
            if crew is not None:
                crew.interrupt()

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        try:
            while not (up.is_stopping and (crew is None or crew.is_idle)) and not (arguments.once and up.is_done):
                up.turn()
                if not up.is_stopping:
                    beside.turn(up.streams)
                time.sleep(_POLL_S)
        finally:
            if crew is not None:
                crew.close()
            beside.close()
    if not arguments.once:
        return 0
    told.write(arguments.output)
    return 128 + stopped_by if stopped_by else told.code


def _has_pages() -> bool:
    """Whether what the pages need is installed; says what to do where it is not."""
    if all(importlib.util.find_spec(name) is not None for name in ("starlette", "jinja2", "python_multipart")):
        return True
    progress.say("no pages: they need Starlette and Jinja: pip install 'headrace[web]'; --no-web says nothing of it")
    return False


class _Told:
    """Says each change as it comes, and knows how it all ended."""

    def __init__(self, *, is_json: bool) -> None:
        self._is_json = is_json
        self.rows: dict[str, dict[str, Any]] = {}  # pipeline -> what became of it
        self.has_error = False

    def __call__(self, change: dict[str, Any]) -> None:
        """One change."""
        line = _LINES[change["event"]](change)
        if line:
            progress.say(line)
        if self._is_json:
            write_json_line(change)
        self.has_error = self.has_error or change["event"] == "error"
        if "pipeline" not in change:
            return
        row = self.rows.setdefault(change["pipeline"], {"pipeline": change["pipeline"]})
        row |= {name: value for name, value in change.items() if name not in ("event", "pipeline")}
        if change["event"] == "queued":
            row |= {"action": "run", "state": "queued"}
        elif change["event"] in ("rests", "error", "scheduled"):
            row.setdefault("action", {"rests": "unchanged"}.get(change["event"], change["event"]))

    @property
    def code(self) -> int:
        """The exit code of --once."""
        if self.has_error:
            return 2
        states = [row.get("state") for row in self.rows.values()]
        if any(state in ("rejected", "failed", "cancelled") for state in states):
            return 1
        return 3 if "waiting" in states else 0

    def write(self, output: str) -> None:
        """What became of each pipeline, on standard output."""
        rows = list(self.rows.values())
        if output == "json":
            write_json({"format": 1, "pipelines": rows})
        elif rows:
            notes = [{**row, "note": row.get("error") or "; ".join(row.get("why", ()))} for row in rows]
            write_table(notes, ["pipeline", "action", "run", "state", "note"])


def _at(time_us: int) -> str:
    return datetime.fromtimestamp(time_us / 1e6).astimezone().strftime("%Y-%m-%d %H:%M %Z")


def _ended(change: dict[str, Any]) -> str:
    said = {"rejected": "said no", "succeeded": "succeeded"}.get(change["state"], change["state"])
    line = f"{change['pipeline']}: run {change['run']} {said}"
    if change["state"] == "rejected":
        line += "; it is not repeated before something changes"
    if change["state"] == "waiting":
        line = f"{change['pipeline']}: run {change['run']} waits for approval: headrace approve {change['run']}"
    if change["state"] in ("failed", "cancelled"):
        line += f"; it is not repeated before something changes, or `headrace resume {change['run']}`"
    return line


_LINES: dict[str, Callable[[dict[str, Any]], str]] = {
    "watching": lambda change: f"watching {change['pipeline']} ({change['file']})",
    "gone": lambda change: f"{change['pipeline']} is gone from {change['file']}",
    "queued": lambda change: f"{change['pipeline']}: {'; '.join(change['why'])}: run {change['run']}",
    "waits": lambda change: f"{change['pipeline']}: run {change['run']} is going on",
    "ended": _ended,
    "rests": lambda change: f"{change['pipeline']}: nothing has changed since run {change['run']} ({change['state']})",
    "scheduled": lambda change: f"{change['pipeline']}: next look {_at(change['next_us'])}",
    "error": lambda change: f"{change['pipeline']}: {change['error']}" if "pipeline" in change else change["error"],
    "mended": lambda change: f"{change['file']} can be imported again",
}
