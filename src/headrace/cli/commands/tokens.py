"""`headrace tokens ls | add NAME | revoke NAME`: who may open the pages and ask the server, and what they may."""

from __future__ import annotations

import argparse
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from headrace import progress
from headrace.cli.output import add_output, write_json, write_table

if TYPE_CHECKING:
    from headrace.access import Token

__all__ = ["EXAMPLES", "add_arguments", "execute"]

EXAMPLES = (
    "headrace tokens add ada --role operator",
    "headrace tokens add auditor --read 'flights/*' --days 30",
    "headrace tokens add shop --role client --ask late",
    "headrace tokens revoke ada",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `tokens` takes."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="ls|add|revoke")
    listed = verbs.add_parser("ls", help="who has a token, and what it opens; never the secrets")
    add = verbs.add_parser("add", help="make a token for a person; its secret is printed once, and kept nowhere")
    add.add_argument("name", metavar="NAME", help="who gets it; it stands in the audit log")
    add.add_argument(
        "--role",
        choices=("client", "viewer", "operator", "admin"),
        default="viewer",
        help="client only asks endpoints; viewer looks; operator also runs, waives and rolls back; admin also sees "
        "tokens and the audit log",
    )
    add.add_argument(
        "--read",
        action="append",
        metavar="PIPELINE/DATASET",
        help="the data it may see, as flights/ingest or flights/*; several times; all by default",
    )
    add.add_argument(
        "--ask",
        action="append",
        metavar="ENDPOINT",
        help="an endpoint that the server answers it for, or a pattern as 'price-*'; several times; none by default",
    )
    add.add_argument("--days", type=float, metavar="DAYS", help="after which it ends by itself; never by default")
    revoke = verbs.add_parser("revoke", help="end a token, at once")
    revoke.add_argument("name", metavar="NAME", help="whose, or the token's id")
    for verb in (listed, add, revoke):
        add_output(verb)


def execute(arguments: argparse.Namespace) -> int:
    """Do it; always 0."""
    from headrace.access import Tokens
    from headrace.settings import load_settings

    settings = load_settings()
    tokens = Tokens(settings.home)
    if arguments.verb == "ls":
        rows = [_row(token) for token in reversed(tokens.all())]
        if arguments.output == "json":
            write_json(rows)
        else:
            write_table(rows, ["name", "role", "reads", "asks", "id", "made", "state"])
        return 0
    if arguments.verb == "add":
        token, secret = tokens.add(
            arguments.name,
            arguments.role,
            reads=arguments.read or ("*",),
            asks=arguments.ask or (),
            days=arguments.days,
        )
        if arguments.output == "json":
            write_json({**_row(token), "secret": secret})
        else:
            sys.stdout.write(secret + "\n")
        progress.say(f"{token.name} is {token.role} with this secret; it is shown once")
        return 0
    token = tokens.revoke(arguments.name)
    progress.say(f"the token of {token.name} opens nothing any more")
    if arguments.output == "json":
        write_json(_row(token))
    return 0


def _row(token: Token) -> dict[str, Any]:
    made = datetime.fromtimestamp(token.created_us / 1e6, UTC).isoformat(timespec="seconds")
    is_valid = token.is_valid(time.time_ns() // 1000)
    state = "valid" if is_valid else "revoked" if token.revoked_us is not None else "over"
    return {
        "name": token.name,
        "role": token.role,
        "reads": ", ".join(token.reads),
        "asks": ", ".join(token.asks),
        "id": token.token_id,
        "made": made,
        "state": state,
    }
