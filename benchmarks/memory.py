"""Memory of fitting and computing features, beside the number of rows: 1 million, then 10 million.

Each is a process of its own, which fits five features to a Parquet file with the setting `memory_mb` = 1024, computes
them batch by batch, and says the most memory it ever held (resident, all of it: interpreter, Arrow, file pages). The
columns are random numbers, one of them whole, texts of 50,000 words, and texts of which each row has its own.

    python benchmarks/memory.py [--tiny] [--no-peers]
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _lines import line, options

CASE = "memory"
SETTING_MB = 1024
_PIECE = 1 << 18


def make(file: str, number: int) -> None:
    """Write the rows, piece by piece."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    random = np.random.default_rng(1)
    words = pa.array([f"word {place}" for place in range(50_000)])
    writer = None
    for first in range(0, number, _PIECE):
        size = min(_PIECE, number - first)
        own = pa.array(random.permutation(size) + first).cast(pa.string())
        columns = {
            "amount": pa.array(random.normal(size=size), mask=random.random(size) < 0.05),
            "count": random.integers(0, 1 << 40, size),
            "word": words.take(pa.array(random.integers(0, len(words), size))),
            "other": words.take(pa.array(random.integers(0, 100, size))),
            "own": own,
        }
        table = pa.table(columns)
        writer = writer or pq.ParquetWriter(file, table.schema, use_dictionary=["word", "other"])
        writer.write_table(table)
    assert writer is not None
    writer.close()


def run(file: str) -> None:
    """Fit, compute, and say what it took."""
    from headrace import ops
    from headrace.dataset import Dataset
    from headrace.transformation import transform

    dataset = Dataset.from_parquet(file)

    def features(x):  # type: ignore[no-untyped-def]
        return {
            "amount": ops.z_score(x.amount),
            "count": ops.bucketize(x["count"], num_buckets=100),
            "word": ops.vocabulary(x.word, top_k=10_000, num_oov=100),
            "cross": ops.vocabulary(ops.cross(x.word, x.other), top_k=1_000),
            "own": ops.vocabulary(x.own, top_k=1_000),
        }

    start = time.perf_counter()
    graph = transform(features, dataset)
    fitted = time.perf_counter()
    total = 0
    for part in dataset.parts():
        for rows in dataset.read(part, [column.name for column in graph.columns]):
            total += len(graph.matrix_of(rows.batch))
    done = time.perf_counter()
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"fit_s": fitted - start, "apply_s": done - fitted, "peak_mb": peak_mb, "rows": total}))


def child(*arguments: str) -> dict[str, float]:
    """Another process of this file, whose memory is its own."""
    command = [sys.executable, __file__, *arguments]
    environment = {**os.environ, "HEADRACE_MEMORY_MB": str(SETTING_MB)}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    return dict(json.loads(done.stdout)) if done.stdout else {}


def main() -> None:
    """Few rows, then ten times as many."""
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        what, file, *rest = sys.argv[1:]
        if what == "make":
            make(file, int(rest[0]))
        else:
            run(file)
        return
    arguments = options(__doc__)
    few = 5_000 if arguments.tiny else 1_000_000
    peaks = []
    for number in (few, 10 * few):
        with tempfile.TemporaryDirectory() as folder:
            file = str(Path(folder) / "rows.parquet")
            child("make", file, str(number))
            found = child("run", file)
            assert found["rows"] == number
            note = f"fitted in {found['fit_s']:.1f} s, computed in {found['apply_s']:.1f} s"
            line(CASE, f"{number:,} rows", "MB", found["peak_mb"], "setting", float(SETTING_MB), note=note)
            peaks.append(found["peak_mb"])
    line(CASE, "ten times the rows", "times the memory", peaks[1] / peaks[0], "", None)


if __name__ == "__main__":
    main()
