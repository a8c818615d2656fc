"""Row `tfrecord`: 100,000 flights as tf.train.Example in a TFRecord file, read, verified and parsed into columns.

Against TensorFlow's own `TFRecordDataset` + `parse_example` (fixed-length and variable-length features) on the same
file, each in a process of its own held to one core, page cache warm, turn and turn about; what counts is the time of
the processor, of all threads, so that a busy machine hits both alike. The types are known to both; what finding them
costs, one more reading, is a line of its own.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from _lines import CACHE, line, options

CASE = "tfrecord"
ROOT = Path(__file__).parent.parent
PEER = ROOT / "proofs" / "_tfrecord_peer.py"
TENSORFLOW = ROOT / ".venvs" / "tensorflow" / "bin" / "python"
FLOOR = 1.0

OURS = """
import json, sys, time
from headrace.dataset import Fragment
from headrace.ingestion.sources.tfrecord import TFRecord
file, runs = sys.argv[1], int(sys.argv[2])
source, fragment = TFRecord(file), Fragment("tfrecord", file, None)
schema = source.read(fragment).schema
seconds = {"parse": [], "find types": [], "rows": 0}
for _ in range(runs):
    start = time.process_time()
    seconds["rows"] = sum(batch.num_rows for batch in source.read(fragment, schema).batches)
    seconds["parse"].append(time.process_time() - start)
    start = time.process_time()
    source.read(fragment)
    seconds["find types"].append(time.process_time() - start)
print(json.dumps(seconds))
"""


def make(folder: Path, num_rows: int) -> tuple[Path, dict[str, str]]:
    """The file, once, and the kind of each of its 19 features."""
    from headrace.testing.examples import encode_example, encode_records

    found = importlib.util.spec_from_file_location("prepare", ROOT / "examples" / "flights" / "prepare.py")
    assert found is not None
    assert found.loader is not None
    prepare = importlib.util.module_from_spec(found)
    found.loader.exec_module(prepare)
    table = prepare.flights().slice(0, num_rows)
    columns = {}
    for item in list(table.schema)[:19]:
        text = str(item.type)
        columns[item.name] = "float" if text == "double" else "int64" if text in ("int64", "bool") else "bytes"
    file = folder / f"flights-{num_rows}.tfrecord"
    if not file.exists():
        records = []
        for row in table.select(list(columns)).to_pylist():
            features: dict[str, list[Any]] = {}
            for name, value in row.items():
                if value is not None:
                    kind = columns[name]
                    features[name] = [
                        str(value).encode() if kind == "bytes" else float(value) if kind == "float" else int(value)
                    ]
            records.append(encode_example(features))
        file.write_bytes(encode_records(records))
    return file, columns


def answer(command: list[str]) -> dict[str, Any]:
    """What a command on one core prints."""
    done = subprocess.run(["taskset", "-c", "0", *command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Print records a second, ours and theirs."""
    arguments = options(__doc__)
    CACHE.mkdir(parents=True, exist_ok=True)
    num_rows = 2_000 if arguments.tiny else 100_000
    file, columns = make(CACHE, num_rows)
    runs, turns = (1, 1) if arguments.tiny else (5, 2)
    mine: dict[str, list[float]] = {}
    theirs: dict[str, list[float]] = {}
    version = ""
    if not arguments.no_peers:
        subprocess.run(["sh", str(ROOT / "tools" / "environment.sh"), "tensorflow"], check=True)
    for _ in range(turns):
        found = answer([sys.executable, "-c", OURS, str(file), str(runs)])
        assert found.pop("rows") == num_rows
        for name, seconds in found.items():
            mine.setdefault(name, []).extend(seconds)
        if not arguments.no_peers:
            found = answer([str(TENSORFLOW), str(PEER), "time", str(file), "", json.dumps(columns), str(runs)])
            version = found["tensorflow"]
            for name, seconds in found["seconds"].items():
                theirs.setdefault(name, []).extend(seconds)

    def rate(seconds: list[float]) -> float:
        return num_rows / 1e3 / sorted(seconds)[len(seconds) // 2]

    what = f"{num_rows:,} flights, {len(columns)} features, {file.stat().st_size / num_rows:.0f} bytes each, one core"
    ours = rate(mine["parse"])
    for case, name in (
        ("fixed", "parse_example, fixed"),
        ("varlen", "parse_example, varlen"),
        ("read", "frames alone"),
    ):
        if case in theirs:
            line(CASE, what, "k records/s", ours, f"TensorFlow {version}, {name}", rate(theirs[case]), higher=True)
    if theirs:
        line(CASE, what, "k records/s", ours, "floor", FLOOR * rate(theirs["fixed"]), higher=True)
    line(CASE, f"{what}: types found, nothing read", "k records/s", rate(mine["find types"]), "", None, higher=True)


if __name__ == "__main__":
    main()
