"""20 million distinct texts, of which the million most frequent become a vocabulary, within 1 GB.

A child process makes the Parquet file, another fits `ops.vocabulary(x.word, top_k=1_000_000)` to it and says how long
that took and the most memory it ever held (resident, all of it: interpreter, Arrow, file pages). Counts are exact; how
they are checked: word n comes 1 + (n % 7 == 0) + (n % 1000 == 0) times, so the vocabulary is known without counting.
Beside it DuckDB asks for the same by GROUP BY and LIMIT, with a memory limit of 1 GB of its own.

    python benchmarks/vocabulary.py [--tiny] [--no-peers]
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

CASE = "vocabulary"
NUM_WORDS, TOP = 20_000_000, 1_000_000
LIMIT_MB = 1024
_PIECE = 1 << 18


def make(file: str, number: int) -> None:
    """Write the texts: word n is 'w' and n times an odd number modulo a power of two, so that they come in no order."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    with pq.ParquetWriter(file, pa.schema([("word", pa.string())]), use_dictionary=False) as writer:
        for step in (1, 7, 1000):
            for first in range(0, number, _PIECE * step):
                places = np.arange(first, min(number, first + _PIECE * step), step)
                mixed = (places.astype(np.uint64) * np.uint64(2_654_435_761)) & np.uint64((1 << 40) - 1)
                texts = pc.binary_join_element_wise("word-", pa.array(mixed).cast(pa.string()), "")
                writer.write_table(pa.table({"word": texts}))


def fit(file: str, number: int, top: int) -> None:
    """Fit, and say time, memory and whether it is right."""
    import numpy as np

    from headrace import ops
    from headrace.dataset import Dataset
    from headrace.transformation import transform

    dataset = Dataset.from_parquet(file)
    start = time.perf_counter()
    graph = transform(lambda x: {"word": ops.vocabulary(x.word, top_k=top)}, dataset)
    took = time.perf_counter() - start
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    (constants,) = graph.to_plain()["constants"].values()
    places = np.arange(number)
    counts = 1 + (places % 7 == 0) + (places % 1000 == 0)
    names = (places.astype(np.uint64) * np.uint64(2_654_435_761)) & np.uint64((1 << 40) - 1)
    expected: list[str] = []
    for count in (3, 2, 1):
        if len(expected) < top:
            expected += sorted(f"word-{name}" for name in names[counts == count].tolist())
    is_right = constants["values"] == expected[:top]
    print(json.dumps({"seconds": took, "peak_mb": peak_mb, "is_right": is_right}))


def peer(file: str, top: int, folder: str) -> None:
    """The same by DuckDB."""
    import duckdb

    start = time.perf_counter()
    with duckdb.connect() as connection:
        connection.execute(f"set memory_limit='{LIMIT_MB}MB'; set threads=2; set temp_directory='{folder}'")
        asked = f"select word from '{file}' group by word order by count(*) desc, word limit {top}"
        connection.execute(asked).to_arrow_table()
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": time.perf_counter() - start, "peak_mb": peak_mb}))


def child(*arguments: str, **more: str) -> dict[str, float]:
    """Another process of this file, whose memory is its own."""
    command = [sys.executable, __file__, *arguments]
    done = subprocess.run(command, env={**os.environ, **more}, stdout=subprocess.PIPE, check=False)
    return dict(json.loads(done.stdout)) if done.returncode == 0 and done.stdout else {}


def main() -> None:
    """Make, fit, ask."""
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        what, file, *rest = sys.argv[1:]
        if what == "make":
            make(file, int(rest[0]))
        elif what == "fit":
            fit(file, int(rest[0]), int(rest[1]))
        else:
            peer(file, int(rest[0]), rest[1])
        return
    arguments = options(__doc__)
    number, top = (200_000, 10_000) if arguments.tiny else (NUM_WORDS, TOP)
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "words.parquet")
        child("make", file, str(number))
        found = child("fit", file, str(number), str(top), **({"HEADRACE_MEMORY_MB": "16"} if arguments.tiny else {}))
        if not found.get("is_right"):
            raise SystemExit("vocabulary: not the vocabulary that these texts have")
        theirs = {} if arguments.no_peers else child("peer", file, str(top), folder)
        what = f"{number:,} distinct texts, the {top:,} most frequent"
        told = f"DuckDB {theirs['peak_mb']:.0f} MB" if theirs else ""
        line(
            CASE, what, "s", found["seconds"], "DuckDB" if theirs else "", theirs.get("seconds"), note="exact, the same"
        )
        line(CASE, "most memory held", "MB", found["peak_mb"], "limit", float(LIMIT_MB), note=told)


if __name__ == "__main__":
    main()
