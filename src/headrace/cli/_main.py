"""`headrace`: finds the command, runs it, and turns errors into one clear message and an exit code.

| code | means |
|---|---|
| 0 | done (taken from the store counts as done) |
| 1 | a step failed, or a validation or gate said no |
| 2 | wrong usage: an argument, a setting, the pipeline's file |
| 3 | waiting for approval |
| 4 | the store, the disk under it, or headrace itself |
| 130, 143 | stopped by Ctrl-C or SIGTERM; the run can be resumed |

Only the command that is asked for is imported: help must not wait for Arrow.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from headrace.errors import ChampionMoved, HeadraceError, NotAccepted, StepFailed, StoreError

__all__ = ["COMMANDS", "main"]

# name -> its line of help; the command is the module of that name in `commands`.
COMMANDS: dict[str, str] = {
    "init": "look at a table, and write a pipeline over it that runs",
    "run": "run a pipeline; what is known is taken from the store",
    "plan": "say what a run would do, and do nothing",
    "resume": "finish a run that was cut off or failed",
    "cancel": "stop a run; what is done stays",
    "diff": "say in what two runs differ: code, data, statistics, metrics",
    "explain": "say why a step ran or was cached, field by field",
    "schemas": "show what data are judged by, or accept it, amended, as the schema file",
    "status": "list runs, or the steps of one",
    "logs": "show what a step printed",
    "up": "watch pipelines, and run each when its data, files or code have changed",
    "worker": "take runs from the queue, and help with the steps of others",
    "serve": "answer requests with the models that were pushed",
    "endpoints": "what is served, by which version, and going back to an earlier one",
    "monitor": "compare what endpoints are asked with what their models were fitted on",
    "doctor": "check the store, or print what its runs made",
}

_EPILOG = "exit codes: 0 done, 1 a step or gate said no, 2 usage, 3 waiting for approval, 4 store or infrastructure"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; `sys.argv[1:]` by default.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        try:
            return _dispatch(given)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read us (head, less) has left: no more is wanted, and Python must not complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except KeyboardInterrupt:
        return 130
    except HeadraceError as error:
        _report(f"headrace: {error}")
        return _code_of(error)
    except Exception as error:  # a bug of ours, or of the pipeline's own code while it is traced
        from headrace.orchestration.handles import last_line

        place = last_line(error)
        if place:
            _report(f"headrace: {type(error).__name__}: {error} ({place})")
            return 2
        _report(f"headrace: unexpected {type(error).__name__}: {error}; HEADRACE_DEBUG=1 shows where")
        return 4


def _dispatch(given: list[str]) -> int:
    name = given[0] if given else ""
    if name in COMMANDS:
        command = importlib.import_module(f"headrace.cli.commands.{name}")
        parser = argparse.ArgumentParser(prog=f"headrace {name}", description=COMMANDS[name].capitalize() + ".")
        command.add_arguments(parser)
        try:
            return int(command.execute(parser.parse_args(given[1:])))
        except SystemExit as stop:  # argparse has said what was wrong, or shown the help
            return int(stop.code or 0)
    if name in ("-V", "--version"):
        from headrace import __version__

        sys.stdout.write(f"headrace {__version__}\n")
        return 0
    if name in ("-h", "--help", "help"):
        sys.stdout.write(_help())
        return 0
    if not name:
        sys.stderr.write(_help())
        return 2
    from headrace.errors import UnknownName

    raise UnknownName("command", name, COMMANDS, where="headrace --help lists them")


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {line}" for name, line in COMMANDS.items()]
    return "\n".join(
        [
            "usage: headrace COMMAND ...",
            "",
            "Raw data to a served, monitored, continuously re-validated model.",
            "",
            "commands:",
            *lines,
            "",
            "options:",
            "  --version  print the version",
            "",
            "headrace COMMAND --help says more about one.",
            _EPILOG,
            "",
        ]
    )


def _code_of(error: HeadraceError) -> int:
    if isinstance(error, StoreError):
        return 4
    return 1 if isinstance(error, (NotAccepted, StepFailed, ChampionMoved)) else 2


def _report(line: str) -> None:
    if os.environ.get("HEADRACE_DEBUG") == "1":
        import traceback

        traceback.print_exc()
    sys.stderr.write(line + "\n")
