"""`headrace doctor`: is all well with the installation and the store? With --digest: what did the newest runs make?"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from headrace.cli.installation import Finding, installation, place
from headrace.cli.output import add_output, write_json, write_table
from headrace.cli.project import opened
from headrace.errors import StoreError

if TYPE_CHECKING:
    from headrace.store import Store

__all__ = ["EXAMPLES", "add_arguments", "execute"]

EXAMPLES = ("headrace doctor", "headrace doctor --deep --verify", "headrace doctor --digest")
_MOST = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `doctor` takes."""
    parser.add_argument(
        "--digest",
        action="store_true",
        help="print, as canonical JSON, what each pipeline's newest finished run looked up and made",
    )
    parser.add_argument("--verify", action="store_true", help="read every artifact and compare its hashes")
    parser.add_argument("--deep", action="store_true", help="answer the golden rows of what each endpoint serves again")
    add_output(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Print it; 4 when something has failed a check."""
    from headrace.settings import load_settings
    from headrace.store import Home

    if arguments.digest:
        from headrace.canonical import to_canonical
        from headrace.orchestration.digests import store_digests

        with opened() as (store, _):
            sys.stdout.write(to_canonical(store_digests(store)).decode("utf-8", "surrogatepass") + "\n")
        return 0
    settings = load_settings()
    findings = [*installation(), *place(settings.home)]
    if settings.records or Home(settings.home).is_begun or arguments.verify or arguments.deep:
        try:
            with opened() as (store, _):
                findings += _store(store)
                findings += _verified(store) if arguments.verify else []
                findings += _replayed(store) if arguments.deep else []
        except StoreError as error:  # all else is told all the same
            findings.append(Finding("store", "fail", f"{error.what} ({error.where})", error.fix))
    else:
        findings.append(Finding("store", "absent", "none yet", "headrace run FILE makes one"))
    if arguments.output == "json":
        write_json([asdict(finding) for finding in findings])
    else:
        write_table(
            [asdict(finding) for finding in findings], ["check", "state", "found", "fix"], wraps=["found", "fix"]
        )
    return 4 if any(finding.state == "fail" for finding in findings) else 0


def _store(store: Store) -> Iterator[Finding]:
    yield Finding("store", "ok", f"format {store.format_version()}")
    wrong = store.check_records()
    fix = f"restore {store.records} from a backup; artifacts/ holds the bytes" if wrong else ""
    yield Finding("records", "fail" if wrong else "ok", "; ".join(wrong) or f"sound, in {store.records}", fix)
    for caution in store.cautions():
        yield Finding("records", "warn", caution, "have whoever keeps the server, or the clock, set it right")
    if store.home.shared is not None:
        yield Finding("shared folder", "ok", f"{store.home.shared}: artifacts lie there, for all homes")
    if store.home.url:
        yield _bucket(store)
    runs = store.runs(limit=1_000_000)
    yield Finding("runs", "ok", str(len(runs)))
    cut = [run.run_id for run in runs if run.state == "running" and not store.is_alive(store.lease(run.run_id))]
    for run_id in cut[:_MOST]:
        yield Finding("cut off", "warn", f"run {run_id}: its process is gone", f"headrace resume {run_id}")
    dead = [subject for subject in store.dead_leases() if subject not in cut]
    if dead:
        found = f"{len(dead)} of processes that are gone"
        yield Finding("leases", "ok", f"{found}: they hold nothing up")
    else:
        yield Finding("leases", "ok", "none of a process that is gone")
    left = store.leftovers()
    if left:
        folders = sorted({str(path.parent) for path in left})
        found = f"{len(left)} folders that killed attempts left in {', '.join(folders)}"
        yield Finding("left over", "ok", found, "headrace gc removes them")
    newest = store.newest_event_us()
    late = 0.0 if newest is None else newest / 1e6 - time.time()
    fix = "set the clock: schedules, leases and logs go by it" if late > 60 else ""
    told = f"{late:.0f} s behind the newest event of the store" if late > 60 else "not behind what the store has seen"
    yield Finding("clock", "warn" if late > 60 else "ok", told, fix)
    endpoints = store.endpoints()
    yield Finding("endpoints", "ok", ", ".join(f"{one.name} v{one.version}" for one in endpoints) or "none")
    for one in endpoints:
        if not store.has_artifact(one.model_digest):
            found = f"version {one.version} is not as it was pushed: files of model {one.model_digest[:12]} are missing"
            yield Finding(f"endpoint {one.name}", "fail", found, store.way_back(one.model_digest))
    yield Finding("workers", "ok", str(len(store.announced("worker"))))


def _bucket(store: Store) -> Finding:
    try:
        store.reach_bucket()
    except StoreError as error:
        return Finding("bucket", "fail", f"{store.home.url}: {error.what}", error.fix)
    return Finding("bucket", "ok", f"{store.home.url}; artifacts/ is a cache of it")


def _verified(store: Store) -> Iterator[Finding]:
    problems = store.verify()
    for problem in problems:
        found = f"{problem.digest[:12]} {problem.file}: {problem.what}"
        yield Finding("damaged", "fail", found, store.way_back(problem.digest))
    if not problems:
        yield Finding("artifacts", "ok", "all as they were committed")


def _replayed(store: Store) -> Iterator[Finding]:
    """Loading a model answers its golden rows, and refuses when one bit differs here."""
    from headrace.errors import HeadraceError
    from headrace.model import Model

    for one in store.endpoints():
        try:
            model = store.load_artifact(one.model_digest, Model)
        except HeadraceError as error:
            found, fix = str(error), "train on this machine, or serve on one like that where it was trained"
            if isinstance(error, StoreError):  # the files are at fault, not the machine
                found, fix = f"{error.what} ({error.where})", error.fix
            yield Finding(f"golden rows {one.name}", "fail", found, fix)
        else:
            told = f"{model.golden.num_rows} answered as when version {one.version} was made"
            yield Finding(f"golden rows {one.name}", "ok", told)
