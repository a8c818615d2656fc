"""`headrace gc [--keep NUMBER] [--dry-run]`: take away bytes that nothing kept refers to; `--undo` brings them back."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from headrace import progress
from headrace.cli.catalog import SHOWN
from headrace.cli.output import add_output, ago, size, write_json, write_table
from headrace.cli.project import opened
from headrace.errors import InvalidInput, UnknownName

if TYPE_CHECKING:
    from headrace.store import Garbage, Problem, SetAside, Store

__all__ = ["EXAMPLES", "add_arguments", "execute"]

EXAMPLES = ("headrace gc --dry-run", "headrace gc --keep 50", "headrace gc --undo", "headrace gc --undo 3fa9")
_MOST = 20
_DAY_US = 86_400_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `gc` takes."""
    parser.add_argument(
        "--keep", type=int, default=20, metavar="NUMBER", help="how many runs of each pipeline stay whole (20)"
    )
    parser.add_argument(
        "--grace", type=float, metavar="DAYS", help="for how many days what goes is only set aside (gc_grace_days)"
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would go, and change nothing")
    parser.add_argument(
        "--undo", nargs="*", metavar="DIGEST", help="bring back what was set aside: all of it, or these"
    )
    parser.epilog = (
        "What goes is set aside for a grace of days; a later gc removes its bytes, and until then --undo brings it\n"
        "back. Runs that go on, what endpoints serve or ever served, what is pinned (`headrace models pin`), and all\n"
        "records stay, whatever the number. So does what was made or read within the hour: a run may be about to\n"
        "refer to it. A step whose bytes were set aside takes them back, one whose bytes are gone runs again.\n"
        "Kept states have a limit of their own (setting states_mb). In a bucket nothing is ever removed: other homes\n"
        "may refer to it."
    )
    add_output(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Do it, or say what would go; 0, or 4 where what is to come back is damaged."""
    if arguments.keep < 1:
        raise InvalidInput(f"--keep {arguments.keep}", expected="1 or more runs of each pipeline")
    if arguments.grace is not None and not 0 <= arguments.grace <= 3650:
        raise InvalidInput(f"--grace {arguments.grace:g}", expected="0 to 3650 days")
    if arguments.undo is not None:
        return _undo(arguments)
    with opened(read_only=arguments.dry_run) as (store, settings):
        grace_days = settings.gc_grace_days if arguments.grace is None else arguments.grace
        find = store.garbage if arguments.dry_run else store.collect
        found = find(keep_runs=arguments.keep, grace_days=grace_days)
        too_new = store.garbage_too_new(keep_runs=arguments.keep, grace_days=grace_days)
        aside = store.set_aside()
    if arguments.output == "json":
        sizes = {fate: sum(item.size_bytes for item in found if item.fate == fate) for fate in ("set aside", "removed")}
        write_json(
            {
                "format": 2,
                "is_dry_run": arguments.dry_run,
                "grace_days": grace_days,
                "size_bytes": {fate.replace(" ", "_"): total for fate, total in sizes.items()},
                "num_too_new": len(too_new),
                "garbage": [asdict(item) for item in found],
                "set_aside": [{**asdict(item), "until_us": _until_us(item, grace_days)} for item in aside],
            }
        )
        return 0
    _tell(found, is_dry_run=arguments.dry_run)
    if too_new:
        spared = size(sum(item.size_bytes for item in too_new))
        progress.say(
            f"{spared} more in {len(too_new)} artifacts stay for now: they were made or read within the hour, or what"
            " was refers to them"
        )
    gone = {item.name for item in found if item.fate == "removed"} if arguments.dry_run else set()
    stay = [item for item in aside if item.digest not in gone]
    if stay:
        first = time.strftime("%Y-%m-%d", time.localtime(min(_until_us(item, grace_days) for item in stay) / 1e6))
        total = size(sum(item.size_bytes for item in stay))
        progress.say(
            f"{total} in {len(stay)} artifacts are set aside, the first of them until {first}; `headrace gc --undo`"
            " brings them back"
        )
    return 0


def _tell(found: Sequence[Garbage], *, is_dry_run: bool) -> None:
    shown = found if is_dry_run else sorted(found, key=lambda item: -item.size_bytes)[:_MOST]
    if shown:
        rows = [
            {"kind": item.kind, "name": item.name[:SHOWN], "size": size(item.size_bytes), "fate": item.fate}
            for item in shown
        ]
        write_table(rows, ["kind", "name", "size", "fate"])
    would = "would be " if is_dry_run else ""
    for fate in ("set aside", "removed"):
        these = [item for item in found if item.fate == fate]
        counts = ", ".join(f"{count} {kind}" for kind, count in sorted(Counter(item.kind for item in these).items()))
        if these:
            progress.say(f"{size(sum(item.size_bytes for item in these))} {would}{fate}: {counts}")
    if not found:
        progress.say("nothing to remove")


def _until_us(item: SetAside, grace_days: float) -> int:
    return item.since_us + int(grace_days * _DAY_US)


def _undo(arguments: argparse.Namespace) -> int:
    with opened(read_only=arguments.dry_run) as (store, settings):
        wanted = [_one(store, text) for text in arguments.undo] if arguments.undo else None
        wrong: list[Problem] = []
        if arguments.dry_run:
            back = [item for item in store.set_aside() if wanted is None or item.digest in wanted]
        else:
            back, wrong = store.bring_back(wanted)
        days = settings.gc_grace_days
    if arguments.output == "json":
        document: dict[str, Any] = {"format": 2, "is_dry_run": arguments.dry_run}
        write_json({**document, "back": [asdict(item) for item in back], "problems": [asdict(one) for one in wrong]})
        return 4 if wrong else 0
    if back:
        rows = [
            {
                "kind": item.kind,
                "name": item.digest[:SHOWN],
                "size": size(item.size_bytes),
                "set aside": ago(item.since_us),
            }
            for item in back
        ]
        write_table(rows, ["kind", "name", "size", "set aside"])
    would = "would be" if arguments.dry_run else "are"
    if back:
        stays = f"and stay for {days:g} days; `headrace models pin` and `datasets pin` keep one for good"
        progress.say(f"{len(back)} artifacts {would} back, {stays}")
    elif not wrong:
        progress.say("nothing is set aside")
    for one in wrong:
        progress.say(f"{one.digest[:SHOWN]} stays set aside: {one.file or 'it'}: {one.what}")
    return 4 if wrong else 0


def _one(store: Store, text: str) -> str:
    """The digest that is set aside and begins so."""
    found = [item.digest for item in store.set_aside() if item.digest.startswith(text)] if text else []
    if len(found) > 1:
        several = ", ".join(digest[:SHOWN] for digest in found[:5]) + (", ..." if len(found) > 5 else "")
        raise InvalidInput(
            f"several artifacts that are set aside begin with {text!r}: {several}", expected="more of it"
        )
    if not found:
        raise UnknownName(
            "artifact", text, [item.digest[:SHOWN] for item in store.set_aside()[:10]], where="what is set aside"
        )
    return found[0]
