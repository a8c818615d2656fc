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

import importlib
import os
import sys
from collections.abc import Sequence

from headrace.cli.telling import tell_error
from headrace.errors import ChampionMoved, HeadraceError, NotAccepted, StepFailed, StoreError, UnknownName

__all__ = ["COMMANDS", "GROUPS", "main"]

# name -> its line of help; the command is the module of that name in `commands`.
COMMANDS: dict[str, str] = {
    "init": "look at a table, and write a pipeline over it that runs",
    "run": "run a pipeline; what is known is taken from the store",
    "plan": "say what a run would do, and do nothing",
    "backfill": "run a pipeline as of past spans whose run is missing",
    "ingest": "take in the streams of a pipeline: commit what has come, close the spans that are over",
    "resume": "finish a run that was cut off or failed",
    "approve": "let a run that waits for a person go on",
    "reject": "say no to a run that waits for a person",
    "cancel": "stop a run; what is done stays",
    "up": "watch pipelines, and run each when its data, files or code have changed",
    "worker": "take runs from the queue, and help with the steps of others",
    "status": "list runs, or the steps of one",
    "logs": "show what a step printed",
    "show": "draw a run, or what a step made, as a page to look at",
    "explain": "say why a step ran or was cached, field by field",
    "diff": "say in what two runs differ: code, data, statistics, metrics",
    "runs": "the runs of this project, and one whole",
    "datasets": "the data sets in the store, and one: its spans, roles and columns",
    "models": "the models in the store, and one: its columns, features and what it was fitted on",
    "schemas": "show what data are judged by, or accept it, amended, as the schema file",
    "serve": "answer requests with the models that were pushed",
    "tune": "let workers anywhere take part in a search, or look at one",
    "predict": "answer the rows of a file with a model, without a server",
    "endpoints": "what is served, by which version, and going back to an earlier one",
    "requests": "what endpoints were asked and answered, and why one answer was what it was",
    "monitor": "compare what endpoints are asked with what their models were fitted on",
    "tokens": "say who may open the pages of `headrace up`, and what they may do there",
    "gc": "set aside, and later remove, what no recent run and no endpoint refers to",
    "export": "write a pipeline, or what serves, down for Airflow, Kubeflow or Kubernetes",
    "step": "one step of a run, for another orchestrator to start",
    "score": "say how ready for production a pipeline is, by what its runs recorded",
    "doctor": "check the installation and the store, or print what the store's runs made",
    "completion": "print what makes a shell complete headrace's words",
}

# What a person wants -> the commands for it, in the order of a day's work.
GROUPS: dict[str, tuple[str, ...]] = {
    "start": ("init", "run", "plan"),
    "go on": ("backfill", "ingest", "resume", "approve", "reject", "cancel", "up", "worker"),
    "look": ("status", "logs", "show", "explain", "diff", "runs", "datasets", "models", "schemas"),
    "serve": ("serve", "predict", "endpoints", "requests", "monitor"),
    "elsewhere": ("export", "step", "tune"),
    "keep": ("score", "tokens", "gc", "doctor", "completion"),
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
        tell_error(error)
        return _code_of(error)
    except Exception as error:  # a bug of ours, or of the pipeline's own code while it is traced
        from headrace.orchestration.handles import last_line

        place = last_line(error)
        if place:
            tell_error(error, f"{type(error).__name__}: {error} ({place})")
            return 2
        tell_error(error, f"unexpected {type(error).__name__}: {error}; HEADRACE_DEBUG=1 shows where")
        return 4


def _dispatch(given: list[str]) -> int:
    name = given[0] if given else ""
    if name == "help" and given[1:]:  # `headrace help endpoints rollback`
        return _dispatch([*given[1:], "--help"])
    if name in COMMANDS:
        from headrace.cli.parsing import parser_of

        command = importlib.import_module(f"headrace.cli.commands.{name}")
        try:
            return int(command.execute(parser_of(name, COMMANDS[name]).parse_args(given[1:])))
        except SystemExit as stop:  # argparse has shown the help
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
    raise UnknownName("command", name, COMMANDS)


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = []
    for group, names in GROUPS.items():
        lines += [f"{group}:", *(f"  {name:{width}}  {COMMANDS[name]}" for name in names), ""]
    return "\n".join(
        [
            "usage: headrace COMMAND ...",
            "",
            "Raw data to a served, monitored, continuously re-validated model.",
            "",
            *lines,
            "headrace help COMMAND says more about one, with examples; headrace --version prints the version.",
            _EPILOG,
            "",
        ]
    )


def _code_of(error: HeadraceError) -> int:
    if isinstance(error, StoreError):
        return 4
    return 1 if isinstance(error, (NotAccepted, StepFailed, ChampionMoved)) else 2
