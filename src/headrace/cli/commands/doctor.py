"""`headrace doctor`: is all well? With --digest: what did the newest runs make?"""

from __future__ import annotations

import argparse
import sys

from headrace.cli.output import add_output, write_json, write_table
from headrace.cli.project import opened

__all__ = ["add_arguments", "execute"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `doctor` takes."""
    parser.add_argument(
        "--digest",
        action="store_true",
        help="print, as canonical JSON, what each pipeline's newest finished run looked up and made",
    )
    parser.add_argument("--verify", action="store_true", help="read every artifact and compare its hashes")
    add_output(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Print it; 4 when something in the store is damaged."""
    with opened() as (store, settings):
        if arguments.digest:
            from headrace.canonical import to_canonical
            from headrace.orchestration.digests import store_digests

            sys.stdout.write(to_canonical(store_digests(store)).decode("utf-8", "surrogatepass") + "\n")
            return 0
        runs = store.runs(limit=1_000_000)
        rows = [
            {"what": "headrace", "found": _version()},
            {"what": "store", "found": str(settings.home)},
            {"what": "runs", "found": str(len(runs))},
            {"what": "endpoints", "found": ", ".join(f"{e.name} v{e.version}" for e in store.endpoints()) or "none"},
            {"what": "workers", "found": str(len(store.announced("worker")))},
        ]
        cut = [run.run_id for run in runs if run.state == "running" and not store.is_alive(store.lease(run.run_id))]
        if cut:
            rows.append({"what": "cut off", "found": f"{', '.join(cut)}: headrace resume"})
        problems = store.verify() if arguments.verify else []
    if arguments.verify:
        rows += [{"what": "damaged", "found": f"{p.digest[:12]} {p.file}: {p.what}"} for p in problems]
        if not problems:
            rows.append({"what": "artifacts", "found": "all as they were committed"})
    if arguments.output == "json":
        write_json(rows)
    else:
        write_table(rows, ["what", "found"])
    return 4 if problems else 0


def _version() -> str:
    from headrace import __version__

    return f"{__version__}, Python {sys.version.split()[0]}"
