"""`headrace diff [RUN] [RUN]`: in what two runs differ."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from headrace.cli.output import add_output, ago, write_json, write_table
from headrace.cli.project import find_run, opened
from headrace.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from headrace.store import RunRow, Store

__all__ = ["EXAMPLES", "add_arguments", "execute"]

EXAMPLES = (
    "headrace diff",
    "headrace diff @last",
    "headrace diff 4f1c 8b02 --all",
)

_MOST = 15


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `diff` takes."""
    parser.add_argument(
        "before", nargs="?", metavar="RUN", help="a run's id or its beginning, @last or @failed; see below"
    )
    parser.add_argument("now", nargs="?", metavar="RUN", help="the run to compare it with")
    parser.add_argument("--all", action="store_true", help=f"all rows of each table, not the first {_MOST}")
    parser.epilog = "With one RUN: it and the run of its pipeline before it. With none: the last two runs."
    add_output(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Print it; always 0."""
    from headrace.orchestration.comparing import SECTIONS, compare_runs

    with opened() as (store, _):
        if arguments.now is not None:
            before, now = find_run(store, arguments.before), find_run(store, arguments.now)
        else:
            now = find_run(store, arguments.before)
            before = _before(store, now)
        found = compare_runs(store, before, now)
    if arguments.output == "json":
        write_json({"format": 1, "before": before.run_id, "now": now.run_id, **found})
        return 0
    for word, run in (("before", before), ("now", now)):
        sys.stdout.write(f"{word:6}  run {run.run_id} of {run.pipeline}, {run.state}, {ago(run.created_us)}\n")
    for section, columns in SECTIONS.items():
        _write_section(section, columns, found[section], is_whole=arguments.all)
    if not any(found.values()):
        sys.stdout.write("\nnothing differs\n")
    return 0


def _write_section(section: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]], *, is_whole: bool) -> None:
    """One table with its heading; nothing where nothing differs."""
    from headrace.orchestration.comparing import cell_text

    telling = rows if is_whole else [row for row in rows if not row.get("follows")]
    following = len(rows) - len(telling)
    shown = telling if is_whole else telling[:_MOST]
    if not rows:
        return
    sys.stdout.write(f"\n{section}\n")
    table = [{name: cell_text(name, row) for name in columns} for row in shown]
    if table:
        write_table(table, [name for name in columns if any(row[name] for row in table)])
    if len(shown) < len(telling):
        sys.stdout.write(f"and {len(telling) - len(shown)} more: --all shows them\n")
    if following:
        features = f"{following} feature{'s' if following != 1 else ''}"
        sys.stdout.write(f"num_distinct of {features} moved with the number of rows: --all shows them\n")


def _before(store: Store, now: RunRow) -> RunRow:
    runs = store.runs(pipeline=now.pipeline, limit=10_000)
    place = next(index for index, run in enumerate(runs) if run.run_id == now.run_id)
    if place + 1 == len(runs):
        raise InvalidInput(f"run {now.run_id} is the first of {now.pipeline}", expected="two runs to compare")
    return runs[place + 1]
