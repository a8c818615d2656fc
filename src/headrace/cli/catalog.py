"""The artifacts of a kind: listed, and found by the beginning of a digest; shared by the nouns."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from headrace import progress
from headrace.cli.output import add_output, ago, size, write_json, write_table
from headrace.errors import InvalidInput, UnknownName

if TYPE_CHECKING:
    from headrace.store import Catalogued, Store

__all__ = ["SHOWN", "add_listing", "add_pins", "find_artifact", "pin", "write_listing"]

SHOWN = 12  # digits of a digest that tables print


def add_listing(verbs: Any, line: str) -> None:
    """Add the verb `ls`, with what all lists take."""
    listed: argparse.ArgumentParser = verbs.add_parser("ls", help=line)
    listed.add_argument("-n", "--number", type=int, default=20, metavar="NUMBER", help="how many to list (20)")
    add_output(listed)


def add_pins(verbs: Any, noun: str) -> None:
    """Add the verbs `pin` and `unpin` for artifacts of a kind that is called `noun`."""
    pinned = verbs.add_parser("pin", help=f"keep a {noun}, with all it refers to, whatever `headrace gc` is asked")
    pinned.add_argument("artifact", metavar="DIGEST", help="its digest or the beginning, or @last")
    pinned.add_argument("--because", default="", metavar="TEXT", help="why: `ls -o json` says it")
    let_go = verbs.add_parser("unpin", help=f"let `headrace gc` decide about a {noun} again")
    let_go.add_argument("artifact", metavar="DIGEST", help="its digest or the beginning, or @last")


def pin(store: Store, kind: str, arguments: argparse.Namespace) -> int:
    """Carry out `pin` or `unpin`; returns 0."""
    found = find_artifact(store, kind, arguments.artifact)
    if arguments.verb == "pin":
        store.pin(found.digest, because=arguments.because)
        progress.say(f"{kind} {found.digest[:SHOWN]} is pinned: it stays, with all it refers to")
    elif store.unpin(found.digest):
        progress.say(f"{kind} {found.digest[:SHOWN]} is pinned no more")
    else:
        progress.say(f"{kind} {found.digest[:SHOWN]} was not pinned")
    return 0


def write_listing(
    store: Store,
    kind: str,
    arguments: argparse.Namespace,
    columns: Sequence[str],
    *,
    more: Callable[[Catalogued], dict[str, Any]] = lambda _: {},
) -> int:
    """Print the artifacts of a kind, newest first, and what made each; `more` adds columns. Returns 0."""
    pins = store.pins()
    rows = [
        {
            kind: item.digest,
            "pipeline": item.pipeline,
            "step": item.step,
            "output": item.output,
            "run": item.run_id,
            "created_us": item.created_us,
            "size_bytes": item.size_bytes,
            **more(item),
            "pinned": (pins[item.digest].because or "yes") if item.digest in pins else "",
        }
        for item in store.catalog(kind, limit=arguments.number)
    ]
    if arguments.output == "json":
        write_json(rows)
        return 0
    shown = [
        {**row, kind: row[kind][:SHOWN], "made": ago(row["created_us"]), "size": size(row["size_bytes"])}
        for row in rows
    ]
    write_table(shown, [*columns, "pinned"] if pins else columns)
    return 0


def find_artifact(store: Store, kind: str, name: str | None) -> Catalogued:
    """An artifact of a kind by its digest or the unique beginning of one, or @last; the newest without a name.

    Raises UnknownName when there is none, InvalidInput when several begin like that.
    """
    if name in (None, "@last"):
        newest = store.catalog(kind, limit=1)
        if not newest:
            raise UnknownName(kind, name or "@last", [], where=f"there is no {kind} in the store yet")
        return newest[0]
    assert name is not None
    found = store.catalog(kind, prefix=name, limit=6) if name else []
    if len(found) > 1:
        several = ", ".join(item.digest[:SHOWN] for item in found[:5]) + (", ..." if len(found) > 5 else "")
        raise InvalidInput(f"several {kind}s begin with {name!r}: {several}", expected="more of the digest")
    if not found:
        raise UnknownName(kind, name, [item.digest[:SHOWN] for item in store.catalog(kind, limit=10)])
    return found[0]
