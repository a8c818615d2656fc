"""`make demo`: six months of flights arrive; a pipeline makes, judges and pushes a model; a server answers with it.
Then the second day: a seventh month, an eighth that came broken, and the same repaired, while the server answers on.

Everything a person reads goes to standard error. The last line of standard output is one JSON object.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
MONTHS = [f"2013-{month:02d}" for month in range(1, 7)]
HEADRACE = [sys.executable, "-m", "headrace.cli"]
NUM_ASKED = 1000


def say(text: str) -> None:
    """One line for the person who watches."""
    print(text, file=sys.stderr, flush=True)


def headrace(*arguments: str, expected: int = 0) -> str:
    """Run the command line tool here; its standard output."""
    done = subprocess.run([*HEADRACE, *arguments], cwd=HERE, stdout=subprocess.PIPE, text=True)
    if done.returncode != expected:
        raise SystemExit(f"headrace {' '.join(arguments)} ended with exit code {done.returncode}, not {expected}")
    return done.stdout


def run(*arguments: str, expected: int = 0) -> dict[str, Any]:
    """`headrace run flights.py`; what it says in JSON."""
    return dict(json.loads(headrace("run", "flights.py", "-o", "json", *arguments, expected=expected)))


def arrive(months: list[str], *, broken: bool = False) -> None:
    """Let exactly these months lie where the pipeline looks for them; the last one broken, if asked for."""
    import pyarrow.parquet as pq
    from prepare import broken as break_rows

    folder = HERE / "data" / "flights"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.parquet"):
        if old.stem not in months:
            old.unlink()
    for month in months:
        target, source, beside = folder / f"{month}.parquet", HERE / "coming" / f"{month}.parquet", folder / ".new"
        if broken and month == months[-1]:
            pq.write_table(break_rows(pq.read_table(source)), beside, compression="zstd")
        elif target.exists() and target.stat().st_size == source.stat().st_size:
            continue
        else:
            shutil.copyfile(source, beside)
        beside.rename(target)


@contextmanager
def server() -> Iterator[str]:
    """`headrace serve` with two workers on any free port; yields its URL."""
    process = subprocess.Popen(
        [*HEADRACE, "serve", "--port", "0", "--workers", "2", "-o", "json"], cwd=HERE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        text = process.stdout.readline()
        if not text:
            raise SystemExit(f"headrace serve ended with exit code {process.wait()}")
        yield json.loads(text)["url"]
    finally:
        process.terminate()
        process.wait(30)


def ask(url: str, rows: list[dict[str, Any]]) -> list[float]:
    """The served predictions of raw rows."""
    body = json.dumps({"instances": rows}).encode()
    request = urllib.request.Request(f"{url}/v1/models/late:predict", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return list(json.loads(answer.read())["predictions"])


class Load:
    """Clients that ask without a pause while a `with` block runs, and count what they are answered."""

    def __init__(self, url: str, row: dict[str, Any], *, num_clients: int = 2) -> None:
        self.num_asked = self.num_failed = 0
        self.answers: dict[str, set[float]] = {}
        self._url, self._body = url.removeprefix("http://"), json.dumps({"instances": [row]})
        self._is_over = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask) for _ in range(num_clients)]

    def _ask(self) -> None:
        connection = http.client.HTTPConnection(self._url, timeout=30)
        while not self._is_over.is_set():
            try:
                connection.request("POST", "/v1/models/late:predict", self._body, {"content-type": "application/json"})
                answer = connection.getresponse()
                body = json.loads(answer.read())
                version, is_right = answer.headers.get("headrace-version", "?"), answer.status == 200
                if (answer.getheader("connection") or "").lower() == "close":
                    connection.close()
            except (OSError, http.client.HTTPException, ValueError):
                connection.close()
                is_right = False
            with self._lock:
                self.num_asked += 1
                self.num_failed += not is_right
                if is_right:
                    self.answers.setdefault(version, set()).add(body["predictions"][0])
            time.sleep(0.002)  # a steady load, not a benchmark: the pipeline needs the cores

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, version: int) -> float:
        """Seconds until an answer of this version comes."""
        start = time.monotonic()
        with self._lock:
            self.answers.pop(str(version), None)
        while str(version) not in self.answers:
            if time.monotonic() - start > 30:
                raise SystemExit(f"version {version} is not served after 30 s; there are {sorted(self.answers)}")
            time.sleep(0.005)
        return time.monotonic() - start


def held_out(store: Any, run: dict[str, Any]) -> tuple[Any, Any]:
    """The evaluation, and the raw rows it judged: labelled rows of split `eval`, in source order."""
    import pyarrow.compute as pc

    from headrace.dataset import Dataset
    from headrace.evaluation import Evaluation

    outputs = run["outputs"]
    report = store.load_artifact(outputs["evaluate"]["evaluation"], Evaluation)
    examples = store.load_artifact(outputs["validate"]["accepted"], Dataset)
    rows = examples.to_arrow(split="eval")
    return report, rows.filter(pc.is_valid(rows["late"]))


def odd_rows(rows: Any) -> Any:
    """Held-out rows made hard: nulls wherever they are allowed, unseen values, unicode, extremes."""
    import pyarrow as pa

    changed = rows.slice(0, 100).to_pylist()
    for index, row in enumerate(changed):
        row["carrier"] = ["ZZ", "", "\u00e9\u00e8", "\u822a\u7a7a", "\U0001f6eb", "AA "][index % 6]
        row["flight"] = [2**63 - 1, -(2**63), 0][index % 3]
        row["time_hour"] = row["time_hour"]
        if index % 2:
            row |= dict.fromkeys(["tailnum", "dep_delay", "plane_year", "seats", "temp", "wind_speed", "precip"])
    return pa.Table.from_pylist(changed, schema=rows.schema)


def as_json_rows(rows: Any) -> list[dict[str, Any]]:
    """Raw rows as a client would send them: no label, timestamps in RFC 3339."""
    asked = []
    for row in rows.drop_columns(["late"]).to_pylist():
        row["time_hour"] = row["time_hour"].isoformat()
        asked.append(row)
    return asked


def skew(url: str, run: dict[str, Any]) -> tuple[int, float, dict[str, Any]]:
    """The version served, the largest difference between its answers and evaluated predictions, and a raw row.

    Asked 1 x 1, in 37s and all at once.
    """
    import numpy as np
    import pyarrow as pa

    from headrace import Dataset, evaluate
    from headrace.model import Model
    from headrace.settings import load_settings
    from headrace.store import Store

    store = Store.open(load_settings(HERE).home, read_only=True)
    live = store.endpoint("late")
    assert live is not None
    report, rows = held_out(store, run)
    # The evaluation judged this run's model; in a later demo another version is live, and is judged on the same rows.
    served = store.load_artifact(live.model_digest, Model)
    expected = report.predictions["prediction"].to_numpy()
    if live.model_digest != run["outputs"]["train"]["model"]:
        expected = served.predict(rows)["prediction"].to_numpy()
    assert rows.num_rows == len(expected), (rows.num_rows, len(expected))
    step = max(1, rows.num_rows // NUM_ASKED)
    picked = list(range(0, rows.num_rows, step))[:NUM_ASKED]
    rows, expected = rows.take(picked), expected[picked]

    hard = odd_rows(rows)
    judged = evaluate(served, Dataset.from_arrow(hard, label="late"), metrics=["brier"])
    rows = pa.concat_tables([rows, hard.filter(hard["late"].is_valid())])
    expected = np.concatenate([expected, judged.predictions["prediction"].to_numpy()])

    asked = as_json_rows(rows)
    worst = 0.0
    for size in (1, 37, len(asked)):
        answers: list[float] = []
        for start in range(0, len(asked), size):
            answers += ask(url, asked[start : start + size])
        worst = max(worst, float(np.abs(np.array(answers, dtype=np.float32) - expected).max()))
    store.close()
    return live.version, worst, asked[0]


def second_day(url: str, row: dict[str, Any], live: int) -> dict[str, Any]:
    """Month 7, month 8 broken, month 8 repaired, under load; what the last line of output says of it."""
    with Load(url, row) as load:
        load.wait_for(live)
        say("4  July arrives: what is known of the months before is read from kept states")
        arrive([*MONTHS, "2013-07"])
        july = run()
        version = july["results"]["push"]["version"]
        if live <= version:
            flip_s = load.wait_for(version)
            say(f"   version {version} answers {flip_s:.1f} s after it was pushed")
        say("5  a person rolls back, looks, and goes forward again")
        now = max(live, version)
        headrace("endpoints", "rollback", "late", "--to", str(now - 1))
        back_s = load.wait_for(now - 1)
        headrace("endpoints", "rollback", "late", "--to", str(now))
        load.wait_for(now)
        say(f"   the version before answered {back_s:.1f} s after the command ended")

        say("6  August arrives broken: distances of one carrier in kilometres, flights renumbered, tail numbers lost")
        arrive([*MONTHS, "2013-07", "2013-08"], broken=True)
        refused = run(expected=1)
        names = refused["results"]["validate"]["names"]
        let_pass = refused["results"]["validate"].get("waived", [])
        found = [*names, *(item["name"] for item in let_pass)]
        faults = sorted({name.split(":")[1] for name in found if name.startswith("drift")})
        blocked = [step["step"] for step in refused["steps"] if step["state"] == "blocked"]
        say(f"   nothing after validation ran ({', '.join(blocked)}); version {now} goes on serving")
        known = [name for name in names if name.startswith("drift_recoded")]  # none in a demo that waived it before
        if known:
            say(f"   the new flight numbers were announced: one finding is waived by name, {known[0]}; the rest stands")
            waived = run("--waive", known[0], "--by", "ada", "--because", "new numbering plan", expected=1)
            assert known[0] not in waived["results"]["validate"]["names"], waived["results"]["validate"]

        say("7  August arrives again, repaired: only what depends on it runs")
        arrive([*MONTHS, "2013-07", "2013-08"])
        august = run()
        load.wait_for(max(now, august["results"]["push"]["version"]))
    for served, answers in load.answers.items():
        assert len(answers) == 1, f"version {served} gave {len(answers)} answers to one row"
    say(f"   {load.num_asked:,} requests were answered meanwhile, {load.num_failed} failed")
    return {
        "versions": [july["results"]["push"]["version"]],
        "requests": load.num_asked,
        "failed_requests": load.num_failed,
        "rows_read_month7": july["results"]["analyze"].get("rows_read", 0),
        "faults_named": faults,
        "rolled_back": True,
        "repaired_version": august["results"]["push"]["version"],
        "second_day_cached": [july["num_cached"], refused["num_cached"], august["num_cached"]],
    }


def main() -> None:
    """The whole demo."""
    started = time.monotonic()
    sys.path.insert(0, str(HERE))
    from prepare import prepare

    say("1  the flights of 2013 are made ready, a file a month; January to June arrive")
    prepare()
    arrive(MONTHS)

    say("2  the pipeline runs: only what is not known yet is computed")
    first = run()

    say("3  the pushed version is served by two workers and asked for flights it never saw")
    with server() as url:
        live, difference, row = skew(url, first)
        report = first["results"]["evaluate"]
        say(
            f"   roc_auc {report['metrics']['roc_auc']:.4f} on {report['num_rows']:,} held-out flights, "
            f"{report['num_slices']} slices; served answers differ from evaluated ones by {difference}"
        )
        later = second_day(url, row, live)
    ingested = first["results"]["ingest"]
    line = {
        "rows": ingested["num_rows"],
        "dropped": ingested["num_unlabelled"],
        "roc_auc": report["metrics"]["roc_auc"],
        "slices": report["num_slices"],
        "versions": [first["results"]["push"]["version"], *later.pop("versions")],
        "skew_max_abs": difference,
        "digest": hashlib.sha256(headrace("doctor", "--digest").encode()).hexdigest(),
        "steps": first["num_steps"],
        "cached": first["num_cached"],
        **later,
        "seconds": round(time.monotonic() - started, 1),
    }
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
