"""Proof `bucket`: as `kill`, with rows in a bucket and the artifacts in one that two homes share.

The five steps of `kill` read `gs://.../{span}.parquet` and keep their artifacts under `gs://.../shared` (setting
`artifacts`), on a real server process of Cloud Storage. Killed are the runner and a worker, at each named point of the
commit protocol and at random moments; meanwhile a second home makes the same artifacts in the same place. After each:

    all that `kill` asks: resume ends with 0, digests are those of an undisturbed run, no step twice, all bytes there;
    the second home ends with 0 and the same digests;
    the first home's `artifacts/` is removed: the same command finds every step cached, and every artifact is fetched;
    the bucket has each artifact once, and each file under the hash of its bytes.

Last, the bucket vanishes while a run goes on: exit code 4 or 1 with one StoreError, nothing half-committed, and the
same command finishes when it is there again. One JSON line a case, the last one sums up.

    python proofs/bucket.py [--share 50] [--seed 1]        --share N: each named point once, 1/N of the random
    moments; from 10 on two points and one moment
"""

from __future__ import annotations

import argparse
import collections
import hashlib
import json
import os
import random
import shutil
import sys
import tempfile
import time
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kill
from kill import Bench, cases

ROOT = Path(__file__).parent.parent
FEW = 10  # from this share on
sys.path.insert(0, str(ROOT))

from tests.servers.gcs import Bucket, Server  # noqa: E402  # of this checkout, found by the line above


class Remote(Bench):
    """A project whose rows and artifacts lie in a bucket, and a second home beside it."""

    def __init__(self, folder: Path, server: Server) -> None:
        super().__init__(folder)
        self.bucket: Bucket = server.make_bucket("proof")
        self.bucket.upload(self.folder / "data", "data/")
        shutil.rmtree(self.folder / "data")
        text = (self.folder / "five.py").read_text().replace("data/{span}.parquet", "gs://proof/data/{span}.parquet")
        (self.folder / "five.py").write_text(text)
        self.environment["STORAGE_EMULATOR_HOST"] = os.environ["STORAGE_EMULATOR_HOST"] = server.url
        self.environment["HEADRACE_BUCKET_TIMEOUT_S"] = "10"
        self.number = 0
        self.second: Any = None
        self.is_paired = False

    def empty(self) -> None:
        """Forget the store, and begin in a place of its own."""
        if self.second is not None:  # that of a case that proved nothing
            self.second.communicate(timeout=120)
            self.second = None
        super().empty()
        shutil.rmtree(self.folder / "second", ignore_errors=True)
        self.number += 1
        self.environment["HEADRACE_ARTIFACTS"] = f"gs://proof/shared-{self.number}"

    def start(self, *arguments: str, **environment: str) -> Any:
        """As ever; beside a run that is to be killed the second home's begins."""
        process = super().start(*arguments, **environment)
        if arguments[0] == "run" and self.second is None and self.is_paired:
            self.second = super().start("run", "five.py", HEADRACE_HOME=str(self.folder / "second"))
        return process

    def finish(self) -> tuple[int, list[str]]:
        """All that `kill` asks, and what is this proof's own."""
        self.second.communicate(timeout=120)
        wrong = [] if self.second.returncode == 0 else [f"the second home ended with {self.second.returncode}"]
        self.second = None
        resumed, more = super().finish()
        wrong += more
        if not wrong:
            found = self.call_in("second", "doctor", "--digest")
            wrong += [] if found == (0, self.digest) else ["the second home's digests differ"]
            shutil.rmtree(self.folder / ".headrace" / "artifacts")
            (self.folder / ".headrace" / "artifacts").mkdir()
            code, _ = self.call("run", "five.py")
            wrong += [] if code == 0 else [f"without its copies the run ended with {code}"]
            wrong += self.look_at_copies()
            wrong += self.look_into_bucket()
        return resumed, wrong

    def call_in(self, home: str, *arguments: str) -> tuple[int, str]:
        process = super().start(*arguments, HEADRACE_HOME=str(self.folder / home))
        out, _ = process.communicate(timeout=120)
        return process.returncode, out

    def look_at_copies(self) -> list[str]:
        """Whether every artifact can be fetched, and no step ran again for want of its bytes."""
        from headrace.store import Store

        wrong = []
        with Store.open(self.folder / ".headrace", create=False) as store:
            newest = store.runs()[0]
            states = {row.step: row.state for row in store.attempts(newest.run_id)}
            # `push` moves an endpoint: it is looked at again each time, and moves nothing where nothing is to be moved.
            again = {step for step, state in states.items() if state != "cached" and "push" not in step}
            wrong += [f"ran again: {sorted(again)}"] if again else []
            for run in store.runs():
                for row in store.attempts(run.run_id):
                    for item in row.outputs.values():
                        folder = store.artifact_folder(item.digest)
                        wrong += [] if any(folder.iterdir()) else [f"empty: {item.digest}"]
        return wrong

    def look_into_bucket(self) -> list[str]:
        """Each artifact once, each file under its hash."""
        wrong = []
        prefix = f"shared-{self.number}/artifacts/"
        names = [name for name in self.bucket.names() if name.startswith(prefix)]
        for name in names:
            if not name.endswith("/artifact.json"):
                sha256 = name.split("/files/")[1].split("/")[0]
                if hashlib.sha256(self.bucket.get(name)).hexdigest() != sha256:
                    wrong.append(f"{name} holds other bytes than it says")
                continue
            for file, entry in json.loads(self.bucket.get(name))["files"].items():
                if f"{name.removesuffix('artifact.json')}files/{entry['sha256']}/{file}" not in names:
                    wrong.append(f"{name} names {file}, which is not there")
        for name in names:
            self.bucket.delete(name)
        return wrong

    def vanish(self) -> dict[str, Any]:
        """The bucket goes while a run is on its way, and comes back."""
        self.empty()
        self.is_paired = False
        rows = {name: self.bucket.get(name) for name in self.bucket.names() if name.startswith("data/")}
        process = super().start("run", "five.py")
        time.sleep(self.seconds / 3)
        self.bucket.vanish()
        process.communicate(timeout=300)
        messages = (self.folder / "messages.txt").read_text()
        wrong = [] if process.returncode in (1, 4) else [f"without its bucket the run ended with {process.returncode}"]
        wrong += [] if "gs://" in messages else ["no message names the bucket"]
        wrong += ["a traceback in the messages"] if "Traceback" in messages else []
        try:
            self.bucket.server.make_bucket("proof")
        except urllib.error.HTTPError as error:
            if error.code != 409:
                raise
            # An upload that was on its way has made it again: fake-gcs-server does that, Cloud Storage does not.
            self.bucket.vanish()
            self.bucket.server.make_bucket("proof")
        for name, data in rows.items():
            self.bucket.put(name, data)
        code, _ = self.call("run", "five.py")
        wrong += [] if code == 0 else [f"with its bucket again the run ended with {code}"]
        wrong += [] if self.call("doctor", "--digest")[1] == self.digest else ["digests differ afterwards"]
        return {"kind": "vanish", "killed": True, "code": process.returncode, "wrong": wrong}


def few(bench: Remote, choose: random.Random) -> Iterator[dict[str, Any]]:
    """Where bytes lie in the bucket and no row names them yet, and a moment: a minute instead of ten."""
    yield bench.at_point("published", 1, "worker")
    yield bench.at_point("before-commit", 1, "worker")
    yield bench.at_moment(choose.uniform(0, bench.seconds), "runner", choose)


def main() -> None:
    """Prove, print, and end with 1 when anything was not as it must be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=int, default=1, help="do 1/N of the random moments; from 10 on few cases")
    parser.add_argument("--seed", type=int, default=1, help="of the random moments")
    arguments = parser.parse_args()
    started = time.monotonic()
    totals: collections.Counter[str] = collections.Counter()
    kill.NUM_MOMENTS = 100
    server = Server()
    try:
        with tempfile.TemporaryDirectory(prefix="headrace-bucket-") as folder:
            bench = Remote(Path(folder), server)
            bench.undisturbed()
            bench.is_paired = True
            choose = random.Random(arguments.seed)
            for case in few(bench, choose) if arguments.share >= FEW else cases(bench, arguments.share, choose):
                resumed, wrong = bench.finish()
                if case["kind"] == "point" and not case["killed"]:
                    wrong.append("the point was never reached")
                totals.update({"cases": 1, case["kind"]: 1, "killed": case["killed"], "wrong": bool(wrong)})
                print(json.dumps({"proof": "bucket", **case, "resumed": resumed, "wrong": wrong}), flush=True)
            case = bench.vanish()
            totals.update({"cases": 1, "vanish": 1, "wrong": bool(case["wrong"])})
            print(json.dumps({"proof": "bucket", **case}), flush=True)
    finally:
        server.stop()
    summary = {
        "proof": "bucket",
        "summary": True,
        "cases": totals["cases"],
        "points": totals["point"],
        "moments": totals["moment"],
        "killed": totals["killed"],
        "violations": totals["wrong"],
        "seed": arguments.seed,
        "share": arguments.share,
        "seconds": round(time.monotonic() - started),
    }
    print(json.dumps(summary), flush=True)
    raise SystemExit(1 if totals["wrong"] else 0)


if __name__ == "__main__":
    main()
