"""`headrace endpoints ls | show NAME | rollback NAME [--to VERSION]`: what is served, and going back."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from headrace import progress
from headrace.cli.output import add_output, ago, write_json, write_table
from headrace.cli.project import opened
from headrace.errors import InvalidInput, UnknownName

if TYPE_CHECKING:
    from headrace.store import Endpoint, Store

__all__ = ["EXAMPLES", "add_arguments", "execute"]

EXAMPLES = (
    "headrace endpoints ls",
    "headrace endpoints show late",
    "headrace endpoints rollback late --to 3 --because slow",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `endpoints` takes."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="ls|show|rollback")
    add_output(verbs.add_parser("ls", help="list the endpoints and what they serve"))
    show = verbs.add_parser("show", help="one endpoint: what it serves, and who moved it when")
    show.add_argument("name", metavar="ENDPOINT", help="its name")
    add_output(show)
    rollback = verbs.add_parser("rollback", help="serve an earlier version again; servers follow within a second")
    rollback.add_argument("name", metavar="ENDPOINT", help="its name")
    rollback.add_argument("--to", type=int, metavar="VERSION", help="which; the one that was replaced by default")
    rollback.add_argument("--because", default="", metavar="TEXT", help="why: kept in the endpoint's log")
    add_output(rollback)


def execute(arguments: argparse.Namespace) -> int:
    """Print it, or do it; always 0."""
    if arguments.verb == "rollback":
        return _roll_back(arguments)
    with opened() as (store, _):
        if arguments.verb == "ls":
            rows = [_row(one) for one in store.endpoints()]
            if arguments.output == "json":
                write_json(rows)
            else:
                write_table(rows, ["endpoint", "version", "model", "pushed"])
            return 0
        found = _find(store, arguments.name)
        moves = [
            {
                "when": datetime.fromtimestamp(move.time_us / 1e6, UTC).isoformat(timespec="seconds"),
                "action": move.action,
                "version": move.version,
                "replaced": move.replaced,
                "who": move.who,
                "run": move.run_id,
                "reason": move.reason,
            }
            for move in store.moves(arguments.name)
        ]
    if arguments.output == "json":
        write_json({**_row(found), "verdict": found.verdict_digest, "run": found.run_id, "moves": moves})
    else:
        plain = [{name: "" if value is None else value for name, value in move.items()} for move in moves]
        write_table(plain, ["when", "action", "version", "replaced", "who", "run", "reason"])
    return 0


def _row(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "endpoint": endpoint.name,
        "version": endpoint.version,
        "model": endpoint.model_digest,
        "pushed": ago(endpoint.created_us),
        "created_us": endpoint.created_us,
    }


def _find(store: Store, name: str) -> Endpoint:
    found = store.endpoint(name)
    if found is None:
        known = [one.name for one in store.endpoints()]
        raise UnknownName("endpoint", name, known, where="" if known else "nothing was pushed yet")
    return found


def _roll_back(arguments: argparse.Namespace) -> int:
    with opened(read_only=False) as (store, _):
        before = _find(store, arguments.name).version
        version = arguments.to
        if version is None:
            pushes = [move for move in store.moves(arguments.name) if move.action == "push" and move.version == before]
            version = pushes[-1].replaced if pushes else None
            if version is None:
                raise InvalidInput(
                    f"version {before} of endpoint {arguments.name!r} replaced none", expected="--to VERSION"
                )
        store.roll_back(arguments.name, version, reason=arguments.because)
    if arguments.output == "json":
        write_json({"endpoint": arguments.name, "version": version, "replaced": before})
    elif version == before:
        progress.say(f"endpoint {arguments.name} serves version {version} already")
    else:
        progress.say(f"endpoint {arguments.name} goes back from version {before} to version {version}")
    return 0
