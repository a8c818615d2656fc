"""Proof `writes`: a month arrives, and the k-th write, fsync or rename of its run fails, for every k.

The five steps of `second_day`, run in one process, so that every byte passes through the three doors of
`headrace.disk`. Each call fails once: with an I/O error, with a full disk, and by writing less than it was asked to.
Then the store must be whole: every artifact has its bytes, the endpoint serves the old version or the new one, whole.
A short write must not be noticed at all. After that the same command again makes what an undisturbed run makes:
equal by `doctor --digest`, no step key succeeded twice, one version more and no other.

    python proofs/writes.py [--share 50] [--seed 1]       --share N: every N-th call, from one drawn by seed
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import errno
import io
import json
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from kill import SCHEMA
from second_day import PIPELINE, arrive

ERRORS = {"EIO": errno.EIO, "ENOSPC": errno.ENOSPC, "short write": None}


class Month:
    """A project to which a fourth month has come, and what an undisturbed run makes of it."""

    def __init__(self, folder: Path) -> None:
        from headrace.cli.project import load

        self.folder, self.before = folder / "project", folder / "before"
        (self.folder / "data").mkdir(parents=True)
        (self.folder / "five.py").write_text(PIPELINE)
        (self.folder / "schema.yaml").write_text(SCHEMA)
        (self.folder / "headrace.toml").write_text('home = ".headrace"\nworkers = 1\n')
        for month in (1, 2, 3):
            arrive(self.folder, month)
        self.pipeline = load(str(self.folder / "five.py"))
        _, problem, _ = self.run(0, None)
        arrive(self.folder, 4)
        shutil.copytree(self.folder, self.before)
        self.num_calls, later, _ = self.run(0, None)
        wrong, self.digests = self.look()
        if problem or later or wrong:
            raise SystemExit(f"the undisturbed runs: {problem or later or wrong}")

    def restore(self) -> None:
        """As it was before the run."""
        shutil.rmtree(self.folder)
        shutil.copytree(self.before, self.folder)

    def run(self, fails_at: int, error: int | None) -> tuple[int, str, bool]:
        """Run it; how many calls there were, what it said when it did not succeed, and whether a call failed."""
        from headrace.errors import HeadraceError
        from headrace.orchestration.runner import run_pipeline
        from headrace.testing.faults import Faults

        problem = ""
        with (
            pytest.MonkeyPatch.context() as patch,
            Faults(patch, fails_at=fails_at, error=error) as faults,
            contextlib.redirect_stderr(io.StringIO()) as told,
        ):
            try:
                result = run_pipeline(self.pipeline, {}, in_process=True)
                problem = "" if result.ok else f"{result.state}: {told.getvalue()[-500:]}"
            except HeadraceError as failure:
                problem = str(failure) or type(failure).__name__
        return faults.num_calls, problem, faults.has_failed

    def look(self) -> tuple[list[str], Any]:
        """What is wrong with the store whatever happened, and its digests."""
        from headrace.model import Model
        from headrace.orchestration.digests import store_digests
        from headrace.store import Store

        with Store.open(self.folder / ".headrace", read_only=True) as store:
            wrong = [f"artifact {p.digest[:12]} {p.file}: {p.what}" for p in store.verify()]
            live = store.endpoint("late")
            if live is None or live.version not in (1, 2):
                wrong.append(f"the endpoint serves {live}")
            else:
                store.load_artifact(live.model_digest, Model)
            done = collections.Counter(
                row.key
                for run in store.runs(limit=100)
                for row in store.attempts(run.run_id)
                if row.state == "succeeded"
            )
            wrong += [f"key {key[:12]} succeeded {count} times" for key, count in done.items() if count > 1]
            return wrong, store_digests(store)

    def wrong(self, problem: str, *, is_whole: bool) -> list[str]:
        """What is wrong now; `is_whole`: the month must have been run."""
        wrong, digests = self.look()
        if is_whole and problem:
            wrong.append(problem)
        if is_whole and digests != self.digests:
            wrong.append("doctor --digest differs from the undisturbed store")
        return wrong

    def case(self, name: str, fails_at: int) -> dict[str, Any]:
        """One call fails."""
        self.restore()
        _, problem, has_failed = self.run(fails_at, ERRORS[name])
        wrong = [] if has_failed else ["the call was never made"]
        wrong += self.wrong(problem, is_whole=ERRORS[name] is None)
        again = ""
        if problem:
            _, again, _ = self.run(0, None)
        wrong += self.wrong(again, is_whole=True)
        return {"error": name, "call": fails_at, "said": problem[:200], "wrong": wrong}


def main() -> None:
    """Prove, print, and end with 1 when anything was not as it must be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=int, default=1, help="every N-th call")
    parser.add_argument("--seed", type=int, default=1, help="of the first call")
    arguments = parser.parse_args()
    started = time.monotonic()
    totals: collections.Counter[str] = collections.Counter()
    with tempfile.TemporaryDirectory(prefix="headrace-writes-") as folder:
        month = Month(Path(folder).resolve())
        first = random.Random(arguments.seed).randrange(arguments.share) + 1
        for name in ERRORS:
            for call in range(first, month.num_calls + 1, arguments.share):
                case = month.case(name, call)
                totals.update({"cases": 1, "noticed": bool(case["said"]), "violations": bool(case["wrong"])})
                if case["wrong"] or arguments.share > 1:
                    print(json.dumps({"proof": "writes", **case}), flush=True)
            print(f"{name}: {totals['cases']} cases so far", file=sys.stderr, flush=True)
        summary = {
            "proof": "writes",
            "summary": True,
            "calls": month.num_calls,
            **{name: totals[name] for name in ("cases", "noticed", "violations")},
            "seed": arguments.seed,
            "share": arguments.share,
            "seconds": round(time.monotonic() - started),
        }
    print(json.dumps(summary), flush=True)
    raise SystemExit(1 if totals["violations"] else 0)


if __name__ == "__main__":
    main()
