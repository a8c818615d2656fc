"""`headrace tune serve | ls | show NAME`: studies for workers outside, and what lies in the store of them."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

from headrace import progress
from headrace.cli.output import add_output, ago, write_json, write_json_line, write_table
from headrace.cli.project import opened

__all__ = ["EXAMPLES", "add_arguments", "execute"]

EXAMPLES = (
    "headrace tune serve --port 8700",
    "headrace tune ls",
    "headrace tune show branin -o json",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `tune` takes."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="serve|ls|show")
    serve = verbs.add_parser("serve", help="answer workers in any language over HTTP: suggest, report, should_stop")
    serve.add_argument("--host", metavar="ADDRESS", help="the address to bind (setting `host`)")
    serve.add_argument("--port", type=int, metavar="NUMBER", help="the TCP port; 0 = any free one (setting `port`)")
    listed = verbs.add_parser("ls", help="list studies, newest first")
    listed.add_argument("-n", "--number", type=int, default=20, metavar="NUMBER", help="how many to list (20)")
    show = verbs.add_parser("show", help="the trials of a study")
    show.add_argument("study", metavar="NAME", help="its name or the beginning")
    for verb in (serve, listed, show):
        add_output(verb)


def execute(arguments: argparse.Namespace) -> int:
    """Serve until stopped, or print; always 0."""
    if arguments.verb == "serve":
        return _serve(arguments)
    with opened() as (store, _):
        studies = store.studies()[::-1]
        if arguments.verb == "ls":
            rows = [
                {
                    "study": row.name,
                    "searcher": row.spec["searcher"]["class"].rpartition(":")[2],
                    "trials": len(trials := store.trials(row.name)),
                    "running": sum(trial.state == "running" for trial in trials),
                    "created_us": row.created_us,
                }
                for row in studies[: arguments.number]
            ]
            if arguments.output == "json":
                write_json(rows)
                return 0
            shown = [{**row, "study": row["study"][:20], "made": ago(row["created_us"])} for row in rows]
            write_table(shown, ["study", "searcher", "trials", "running", "made"])
            return 0
        found = [row for row in studies if row.name.startswith(arguments.study)]
        study = found[0] if len(found) == 1 else store.study(arguments.study)
        tried = [
            {"trial": row.number, "state": row.state, "value": row.value, "attempts": row.num_attempts, **row.params}
            for row in store.trials(study.name)
        ]
    if arguments.output == "json":
        write_json({"study": study.name, "spec": study.spec, "trials": tried})
    else:
        shown = [{name: _short(value) for name, value in row.items()} for row in tried]
        write_table(shown, ["trial", "state", "value", "attempts", *study.spec["order"]])
    return 0


def _short(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else "-" if value is None else value


def _serve(arguments: argparse.Namespace) -> int:
    from headrace.settings import load_settings
    from headrace.tuning.server import serve_studies

    settings = load_settings()
    given = {"host": arguments.host, "port": arguments.port}
    settings = replace(settings, **{name: value for name, value in given.items() if value is not None})

    def ready(state: dict[str, Any]) -> None:
        if arguments.output == "json":
            write_json_line(state)
        else:
            progress.say(f"studies at {state['url']}")

    serve_studies(settings, on_ready=ready)
    return 0
