"""`make demo`: six months of flights arrive; a pipeline makes, judges and pushes a model; a server answers with it.

Everything a person reads goes to standard error. The last line of standard output is one JSON object.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
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


def headrace(*arguments: str) -> str:
    """Run the command line tool here; its standard output."""
    done = subprocess.run([*HEADRACE, *arguments], cwd=HERE, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"headrace {' '.join(arguments)} ended with exit code {done.returncode}")
    return done.stdout


def arrive(months: list[str]) -> None:
    """Let months arrive where the pipeline looks for them."""
    folder = HERE / "data" / "flights"
    folder.mkdir(parents=True, exist_ok=True)
    for month in months:
        target = folder / f"{month}.parquet"
        if not target.exists():
            beside = folder / f".{month}.new"
            shutil.copyfile(HERE / "coming" / f"{month}.parquet", beside)
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


def skew(url: str, run: dict[str, Any]) -> float:
    """The largest difference between served and evaluated predictions, asked 1 x 1, in 37s and all at once."""
    import numpy as np
    import pyarrow as pa

    from headrace import Dataset, evaluate
    from headrace.model import Model
    from headrace.settings import load_settings
    from headrace.store import Store

    store = Store.open(load_settings(HERE).home, read_only=True)
    report, rows = held_out(store, run)
    expected = report.predictions["prediction"].to_numpy()
    assert rows.num_rows == len(expected), (rows.num_rows, len(expected))
    step = max(1, rows.num_rows // NUM_ASKED)
    picked = list(range(0, rows.num_rows, step))[:NUM_ASKED]
    rows, expected = rows.take(picked), expected[picked]

    model = store.load_artifact(run["outputs"]["train"]["model"], Model)
    hard = odd_rows(rows)
    judged = evaluate(model, Dataset.from_arrow(hard, label="late"), metrics=["brier"])
    rows = pa.concat_tables([rows, hard.filter(hard["late"].is_valid())])
    expected = np.concatenate([expected, judged.predictions["prediction"].to_numpy()])

    asked = as_json_rows(rows)
    worst = 0.0
    for size in (1, 37, len(asked)):
        answers: list[float] = []
        for start in range(0, len(asked), size):
            answers += ask(url, asked[start : start + size])
        served = np.array(answers, dtype=np.float32)
        worst = max(worst, float(np.abs(served - expected).max()))
    store.close()
    return worst


def main() -> None:
    """The whole demo."""
    started = time.monotonic()
    sys.path.insert(0, str(HERE))
    from prepare import prepare

    say("1  the flights of 2013 are made ready, a file a month; January to June arrive")
    prepare()
    arrive(MONTHS)

    say("2  the pipeline runs: only what is not known yet is computed")
    run = json.loads(headrace("run", "flights.py", "-o", "json"))

    say("3  the pushed version is served by two workers and asked for flights it never saw")
    with server() as url:
        difference = skew(url, run)
    report = run["results"]["evaluate"]
    say(
        f"   roc_auc {report['metrics']['roc_auc']:.4f} on {report['num_rows']:,} held-out flights, "
        f"{report['num_slices']} slices; served answers differ from evaluated ones by {difference}"
    )
    ingested = run["results"]["ingest"]
    line = {
        "rows": ingested["num_rows"],
        "dropped": ingested["num_unlabelled"],
        "roc_auc": report["metrics"]["roc_auc"],
        "slices": report["num_slices"],
        "versions": run["endpoints"]["late"],
        "skew_max_abs": difference,
        "digest": hashlib.sha256(headrace("doctor", "--digest").encode()).hexdigest(),
        "steps": run["num_steps"],
        "cached": run["num_cached"],
        "seconds": round(time.monotonic() - started, 1),
    }
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
