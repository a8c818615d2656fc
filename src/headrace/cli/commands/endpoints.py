"""`headrace endpoints ls | show | rollback | policy | promote | keep | label ...`: what is served."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from headrace import progress
from headrace.cli.output import add_output, ago, write_json, write_table
from headrace.cli.project import opened
from headrace.cli.steering import add_verbs, execute_verb, write_traffic
from headrace.errors import InvalidInput, UnknownName

if TYPE_CHECKING:
    from headrace.store import Endpoint, Store

__all__ = ["EXAMPLES", "add_arguments", "execute"]

EXAMPLES = (
    "headrace endpoints ls",
    "headrace endpoints show late",
    "headrace endpoints rollback late --to 3 --because slow",
    "headrace endpoints policy late canary --set share=0.1",
    "headrace endpoints policy late thompson --set floor=0.02 --set window_s=600 --unit passenger",
    "headrace endpoints promote late --to 2",
    "headrace endpoints withdraw late --version 2 --because 'complaints'",
    "headrace endpoints admit late --version 2",
    "headrace endpoints keep late --last 3",
    "headrace endpoints label late canary 3",
    "headrace endpoints estimate late --version 2",
    "headrace endpoints estimate late --policy epsilon_greedy --set epsilon=0.2",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `endpoints` takes."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="ls|show|rollback|policy|...")
    add_output(verbs.add_parser("ls", help="list the endpoints and what they serve"))
    show = verbs.add_parser("show", help="one endpoint: what it serves, and who moved it when")
    show.add_argument("name", metavar="ENDPOINT", help="its name")
    add_output(show)
    rollback = verbs.add_parser("rollback", help="serve an earlier version again; servers follow within a second")
    rollback.add_argument("name", metavar="ENDPOINT", help="its name")
    rollback.add_argument("--to", type=int, metavar="VERSION", help="which; the one that was replaced by default")
    rollback.add_argument("--because", default="", metavar="TEXT", help="why: kept in the endpoint's log")
    add_output(rollback)
    add_verbs(verbs)


def execute(arguments: argparse.Namespace) -> int:
    """Print it, or do it; 1 where an estimate is refused, else 0."""
    if arguments.verb == "rollback":
        return _roll_back(arguments)
    if arguments.verb not in ("ls", "show"):
        return execute_verb(arguments)
    with opened() as (store, _):
        if arguments.verb == "ls":
            rows = [_row(one) for one in store.endpoints()]
            if arguments.output == "json":
                write_json(rows)
            else:
                write_table(rows, ["endpoint", "version", "model", "pushed"])
            return 0
        from headrace.routing.telling import reason_of, words_of

        found = _find(store, arguments.name)
        moves = [
            {
                "when": datetime.fromtimestamp(move.time_us / 1e6, UTC).isoformat(timespec="seconds"),
                "action": move.action,
                "said": words_of(move),
                "concerns": move.concerns,
                "version": move.version,
                "replaced": move.replaced,
                "who": move.who,
                "run": move.run_id,
                "reason": reason_of(move),
            }
            for move in store.moves(arguments.name)
        ]
        keeping, kept = store.kept(arguments.name)
        traffic = None
        if store.policy(arguments.name) is not None:
            from headrace.serving.traffic import endpoint_summary

            traffic = endpoint_summary(store, arguments.name)
    if arguments.output == "json":
        beside = {"kept": [one.version for one in kept], "labels": dict(keeping.labels)}
        told = {**_row(found), "verdict": found.verdict_digest, "run": found.run_id, **beside, "moves": moves}
        write_json(told if traffic is None else {**told, "traffic": traffic})
    else:
        if traffic is not None:
            write_traffic(traffic)
        if kept:
            sys.stdout.write(f"by number answer {', '.join(_named(one.version, keeping.labels) for one in kept)}\n")
        plain = [{name: "" if value is None else value for name, value in move.items()} for move in moves]
        write_table(plain, ["when", "said", "version", "who", "run", "reason"])
    return 0


def _named(version: int, labels: Mapping[str, int]) -> str:
    """A version with the labels it has."""
    mine = ", ".join(sorted(label for label, one in labels.items() if one == version))
    return f"{version} ({mine})" if mine else str(version)


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
