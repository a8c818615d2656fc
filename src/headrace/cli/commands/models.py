"""`headrace models ls | show | pin | unpin`: the models in the store, and what one of them is."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from headrace.cli.catalog import add_listing, add_pins, find_artifact, pin, write_listing
from headrace.cli.output import add_output, write_json
from headrace.cli.project import opened

if TYPE_CHECKING:
    from headrace.store import Store

__all__ = ["EXAMPLES", "add_arguments", "execute"]

EXAMPLES = (
    "headrace models ls",
    "headrace models show",
    "headrace models show 3fa9 -o json",
    "headrace models pin 3fa9",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `models` takes."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="ls|show|pin|unpin")
    add_listing(verbs, "list models, newest first, what made each and where it is served")
    show = verbs.add_parser("show", help="one model: its card; as JSON its whole signature")
    show.add_argument("model", nargs="?", metavar="MODEL", help="its digest or the beginning; the newest by default")
    add_output(show)
    add_pins(verbs, "model")


def execute(arguments: argparse.Namespace) -> int:
    """Print it; always 0."""
    if arguments.verb in ("pin", "unpin"):
        with opened(read_only=False) as (store, _):
            return pin(store, "model", arguments)
    with opened() as (store, _):
        if arguments.verb == "ls":
            served = _served(store)
            columns = ["model", "pipeline", "step", "run", "made", "size", "served"]
            return write_listing(
                store, "model", arguments, columns, more=lambda item: {"served": served.get(item.digest, "")}
            )
        found = find_artifact(store, "model", arguments.model)
        folder = store.artifact_folder(found.digest)
    if arguments.output == "json":
        import json

        record = json.loads((folder / "signature.json").read_text(encoding="utf-8"))
        write_json({"model": found.digest, "run": found.run_id, "step": found.step, **record["signature"]})
    else:
        sys.stdout.write((folder / "card.md").read_text(encoding="utf-8"))
    return 0


def _served(store: Store) -> dict[str, str]:
    """Model digest -> the endpoints that serve it now, as 'late v3'."""
    found: dict[str, str] = {}
    for one in store.endpoints():
        before = f"{found[one.model_digest]}, " if one.model_digest in found else ""
        found[one.model_digest] = f"{before}{one.name} v{one.version}"
    return found
