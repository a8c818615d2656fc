"""Case `tfma`: the rows and metrics of case `evaluate`, beside TensorFlow Model Analysis as far as it gets.

It is given 5,000 rows, then four times as many, up to all 327,346, until `--minutes` are over; ours measures the same
rows, intervals included, which it is not asked for. Values over all rows are compared where both define them alike.
Needs .venvs/tfma: sh tools/environment.sh tfma. Without it, and with `--tiny`, ours runs alone.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

import pyarrow.parquet as pq
from _evaluate_rows import METRICS, SLICES, make
from _lines import line, median_s

CASE = "tfma"
ROOT = Path(__file__).parent.parent
PEER = ROOT / ".venvs" / "tfma" / "bin" / "python"
ALIKE = {"log_loss": "binary_crossentropy", "brier": "mean_squared_error", "precision": "precision", "recall": "recall"}
SIZES = (5_000, 20_000, 80_000, 327_346)


def peer(path: Path, timeout_s: float) -> dict[str, object] | None:
    """What TensorFlow Model Analysis took and said; None where the time was over first."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [str(PEER), "-W", "ignore", str(Path(__file__).with_name("_tfma_peer.py")), str(path)]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired:
        return None
    if done.returncode:
        raise SystemExit(f"TensorFlow Model Analysis failed: {done.stderr[-800:]}")
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Ours and theirs, size by size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tiny", action="store_true", help="a small input: does it still run?")
    parser.add_argument("--no-peers", action="store_true", help="ours alone")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long the peer may take in all")
    given = parser.parse_args()

    from headrace.evaluation import evaluate_predictions

    has_peer = PEER.exists() and not given.tiny and not given.no_peers
    end = time.monotonic() + 60 * given.minutes
    for num_rows in SIZES[: 1 if given.tiny else None]:
        table = make(num_rows)

        def ours() -> object:
            return evaluate_predictions(table, label="late", prediction="p", metrics=METRICS, slices=list(SLICES))  # noqa: B023

        took = median_s(ours, runs=1 if given.tiny else 5)
        found = evaluate_predictions(table, label="late", prediction="p", metrics=METRICS, slices=list(SLICES))
        what = f"{num_rows:,} rows x {found.num_slices + 1} slices, 5 metrics"
        theirs = None
        with tempfile.TemporaryDirectory() as folder:
            if has_peer and end > time.monotonic():
                path = Path(folder) / "rows.parquet"
                pq.write_table(table, path)
                theirs = peer(path, end - time.monotonic())
        note = "not asked: there is no .venvs/tfma" if not has_peer else f"not within {given.minutes:g} minutes"
        if theirs is not None:
            metrics = theirs["metrics"]
            assert isinstance(metrics, dict)
            apart = max(abs(found[name].value - metrics[theirs_name]) for name, theirs_name in ALIKE.items())
            note = f"largest difference {apart:.1e}; area {found['roc_auc'].value:.6f}, theirs {metrics['auc']:.6f}"
        seconds = None if theirs is None else float(str(theirs["seconds"]))
        line(CASE, what, "s", took, "TensorFlow Model Analysis 0.47.1", seconds, note=note)


if __name__ == "__main__":
    main()
