"""Proof `tfrecord`: TensorFlow's files read as TensorFlow reads them, it reads ours, and damage is always found.

    written by TensorFlow   random Examples of every kind, plain, GZIP and ZLIB: every value as TensorFlow told it
    written by us           the same values in every legal form (unpacked, out of order), read back by TensorFlow
    flipped and cut         a bit, or some, or the rest of a file: an error that names record and byte; or, behind the
                            checksums (rewritten to be right), what Google's protobuf says, or an error; never a crash
    under sanitizers        the kernel built with -fsanitize=address,undefined, over the same damage, in a process of
                            its own; said where there is no compiler that can

One JSON line a part, the last one sums up.

    python proofs/tfrecord.py [--share 50] [--seed 1]
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PEER = ROOT / "proofs" / "_tfrecord_peer.py"
TENSORFLOW = ROOT / ".venvs" / "tensorflow" / "bin" / "python"
KERNEL = ROOT / "src" / "headrace" / "ingestion" / "kernels" / "tfrecord.c"
NUM_EXAMPLES, NUM_DAMAGED, NUM_MESSAGES = 20_000, 20_000, 200_000


def peer(*arguments: str) -> str:
    """What TensorFlow's half prints."""
    done = subprocess.run([str(TENSORFLOW), str(PEER), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return done.stdout


def features_of(told: dict[str, Any], kinds: dict[str, str]) -> dict[str, list[Any]]:
    """Values as the peer tells them (hexadecimal for bytes and floats) as values."""
    found: dict[str, list[Any]] = {}
    for name, values in told["features"].items():
        if kinds[name] == "bytes":
            found[name] = [bytes.fromhex(value) for value in values]
        elif kinds[name] == "float":
            found[name] = [struct.unpack("<f", bytes.fromhex(value))[0] for value in values]
        else:
            found[name] = values
    return found


KINDS = {"id": "int64", "small": "int64", "x": "float", "vector": "float", "text": "bytes", "tags": "bytes"}
KINDS |= {"raw": "bytes", "Zürich": "int64"}


def told(row: dict[str, Any]) -> dict[str, Any]:
    """A row that we read, as the peer tells one."""
    found: dict[str, Any] = {}
    for name, value in sorted(row.items()):
        if value is None:
            continue
        values = value if isinstance(value, list) else [value]
        if KINDS[name] == "bytes":
            values = [(item.encode() if isinstance(item, str) else item).hex() for item in values]
        elif KINDS[name] == "float":
            values = [struct.pack("<f", item).hex() for item in values]
        found[name] = values
    return {"features": found}


def read(path: Path) -> list[dict[str, Any]]:
    """Our rows of a file."""
    import headrace as hr

    return [told(row) for row in hr.ingest(str(path)).to_arrow().to_pylist()]


def from_tensorflow(folder: Path, seed: int, count: int) -> dict[str, Any]:
    """TensorFlow writes, we read."""
    peer("write", str(folder), str(seed), str(count))
    expected = [json.loads(line) for line in (folder / "tensorflow.jsonl").read_text().splitlines()]
    wrong = {}
    for packing in ("", "-gzip", "-zlib"):
        found = read(folder / f"tensorflow{packing}.tfrecord")
        wrong[packing or "plain"] = sum(one != other for one, other in zip(found, expected, strict=True))
    return {"part": "written by TensorFlow", "examples": count, "wrong": sum(wrong.values()), "files": wrong}


def to_tensorflow(folder: Path, choose: random.Random) -> dict[str, Any]:
    """We write, in every legal form, TensorFlow reads."""
    from headrace.testing.examples import encode_example, encode_records

    expected = [json.loads(line) for line in (folder / "tensorflow.jsonl").read_text().splitlines()]
    for one in expected:  # our small writer knows empty lists of integers alone; TensorFlow's files have the others
        one["features"] = {name: values for name, values in one["features"].items() if values or KINDS[name] == "int64"}
    rows = [features_of(one, KINDS) for one in expected]
    wrong = 0
    for packing in ("", "GZIP", "ZLIB"):
        records = []
        for row in rows:
            pairs = list(row.items())
            choose.shuffle(pairs)
            if pairs and choose.random() < 0.2:
                pairs.insert(0, (pairs[-1][0], [1]))  # named twice: the last one counts
            records.append(encode_example(pairs, is_packed=choose.random() < 0.5))
        file = folder / f"ours{packing}.tfrecord"
        file.write_bytes(encode_records(records, packing=packing))
        lines = [json.loads(line) for line in peer("read", str(file), packing).splitlines()]
        for one, other in zip(lines, expected, strict=True):
            wrong += one != other
        wrong += sum(one != two for one, two in zip(read(file), expected, strict=True))
    return {"part": "written by us", "examples": len(rows), "wrong": wrong}


def damaged_files(folder: Path, choose: random.Random, count: int) -> dict[str, Any]:
    """Flip bits and cut: every damaged file is refused, with the record at fault, and no row of it is wrong."""
    from headrace.dataset import Fragment
    from headrace.errors import InvalidInput
    from headrace.ingestion.sources.tfrecord import TFRecord
    from headrace.testing.examples import encode_example, encode_records

    rows = [{"i": [number], "t": [b"text" * (number % 5)], "x": [number / 3]} for number in range(40)]
    wholes = {packing: encode_records(map(encode_example, rows), packing=packing) for packing in ("", "GZIP", "ZLIB")}
    source, path = TFRecord(""), folder / "damaged.tfrecord"
    found = {"refused": 0, "wrong": 0, "unchanged": 0}
    expected = None
    for number in range(count):
        data = bytearray(wholes[choose.choice(["", "", "GZIP", "ZLIB"])])
        if number % 4:
            for _ in range(choose.choice([1, 1, 2, 8])):
                data[choose.randrange(len(data))] ^= 1 << choose.randrange(8)
        else:
            del data[choose.randrange(len(data)) :]
        path.write_bytes(data)
        try:
            batches = source.read(Fragment("tfrecord", str(path), None))
            got = [row for batch in batches.batches for row in batch.to_pylist()]
        except InvalidInput as error:
            found["refused"] += 1
            found["wrong"] += "damaged.tfrecord" not in str(error)
            continue
        expected = expected or [row_of(row) for row in rows]
        # A cut between records of a plain file leaves a file that is whole, and flips in a packer's header say nothing.
        is_prefix = got == expected[: len(got)]
        found["unchanged" if is_prefix else "wrong"] += 1
    return {"part": "flipped and cut", "files": count, **found}


def row_of(row: dict[str, Any]) -> dict[str, Any]:
    """What a row of `damaged_files` reads as."""
    x = struct.unpack("<f", struct.pack("<f", row["x"][0]))[0]
    return {"i": row["i"][0], "t": row["t"][0].decode(), "x": x}


def messages(choose: random.Random, count: int) -> list[bytes]:
    """Examples, most of them damaged in a bit or cut: what comes after checksums that are right."""
    from headrace.testing.examples import encode_example

    found = []
    for _ in range(count):
        row = {
            "t": [choose.randbytes(choose.randrange(4)) for _ in range(choose.randrange(1, 3))],
            "x": [choose.random() for _ in range(choose.randrange(1, 4))],
            "i": [choose.getrandbits(64) - 2**63 for _ in range(choose.randrange(4))],
        }
        data = bytearray(encode_example(row, is_packed=choose.random() < 0.5))
        for _ in range(choose.choice([0, 1, 1, 2, 5])):
            data[choose.randrange(len(data))] ^= 1 << choose.randrange(8)
        if choose.random() < 0.1:
            del data[choose.randrange(len(data)) :]
        found.append(bytes(data))
    return found


def damaged_messages(choose: random.Random, count: int) -> dict[str, Any]:
    """Wrong bytes behind right checksums: what we read, Google's library reads too; what it refuses, so do we."""
    sys.path.insert(0, str(ROOT))
    import numpy as np
    from google.protobuf.message import DecodeError
    from tests.ingestion.sources.test_tfrecord import parsed

    from headrace.ingestion.kernels import tfrecord as kernels

    found = {"read": 0, "refused": 0, "stricter": 0, "wrong": 0}
    names = {b"t": 1, b"x": 2, b"i": 3}
    for data in messages(choose, count):
        try:
            example: Any = parsed(data)
        except (DecodeError, UnicodeDecodeError):
            example = None
        try:
            places = kernels.find_places(data, np.zeros(1, np.int64), np.array([len(data)]), list(names))
            got = {
                name: kernels.take_column(data, places.starts[index], places.sizes[index], kind)
                for index, (name, kind) in enumerate(names.items())
            }
        except kernels.Fault:
            found["refused" if example is None else "stricter"] += 1
            continue
        if example is None:
            # The library looks at what no column is made of: unknown fields, names and lists that do not count.
            found["stricter"] += 1
            continue
        found["read"] += 1
        for name, kind in names.items():
            feature = example.features.feature
            which = feature[name.decode()].WhichOneof("kind") if name.decode() in feature else None
            values = [] if which is None else list(getattr(feature[name.decode()], which).value)
            form = {1: None, 2: "f", 3: "q"}[kind]
            raw = b"".join(values) if form is None else struct.pack(f"<{len(values)}{form}", *values)
            same = (
                got[name].counts.tolist() == [-1 if which is None else len(values)]
                and got[name].values.tobytes() == raw
            )
            found["wrong"] += not same and not (form == "f" and any(map(math.isnan, values)))
    return {"part": "messages damaged", "messages": count, **found}


DRIVER = """
import ctypes, random, sys, json
sys.path.insert(0, {src!r}); sys.path.insert(0, {proofs!r})
import numpy as np
from headrace.fold.kernels import native
from headrace.ingestion.kernels import tfrecord as kernels
library = ctypes.CDLL({library!r})
for name, (result, arguments) in native._SIGNATURES.items():
    if name.startswith(("hr_tf", "hr_crc")):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
kernels.library = lambda: library
import tfrecord as proof
from headrace.testing.examples import encode_records
choose = random.Random({seed})
count = 0
for data in proof.messages(choose, {count}):
    # In memory of exactly its size, so that one byte too far is seen.
    data = bytes(data)
    for kind in (1, 2, 3):
        try:
            places = kernels.find_places(data, np.zeros(1, np.int64), np.array([len(data)]), [b"t", b"x", b"i"])
            for index in range(3):
                kernels.take_column(data, places.starts[index], places.sizes[index], kind)
        except kernels.Fault:
            pass
    file = bytearray(encode_records([data, data]))
    file[choose.randrange(len(file))] ^= 1 << choose.randrange(8)
    kernels.find_frames(bytes(file[: choose.randrange(len(file) + 1)]))
    count += 1
print(count)
"""


def sanitized(folder: Path, seed: int, count: int) -> dict[str, Any]:
    """The kernel under address and undefined-behaviour sanitizers."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    part: dict[str, Any] = {"part": "under sanitizers", "messages": 0, "wrong": 0}
    if compiler is None:
        return {**part, "note": "no C compiler here"}
    library = folder / "kernel.so"
    flags = ["-O1", "-g", "-fPIC", "-shared", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    built = subprocess.run([compiler, *flags, str(KERNEL), "-o", str(library)], capture_output=True, text=True)
    runtime = subprocess.run([compiler, "-print-file-name=libasan.so"], capture_output=True, text=True).stdout.strip()
    if built.returncode or not Path(runtime).is_absolute():
        return {**part, "note": f"no sanitizers here: {built.stderr[-200:]}"}
    code = DRIVER.format(
        src=str(ROOT / "src"), proofs=str(ROOT / "proofs"), library=str(library), seed=seed, count=count
    )
    # Python's own allocator is switched off, so that each buffer is one of the sanitizer's, with nothing beside it.
    environment = {**os.environ, "LD_PRELOAD": runtime, "ASAN_OPTIONS": "detect_leaks=0", "PYTHONMALLOC": "malloc"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    if done.returncode:
        return {**part, "wrong": 1, "note": done.stderr[-1500:]}
    return {**part, "messages": int(done.stdout)}


def main() -> None:
    """Prove, print, and end with 1 when anything was not as it must be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=int, default=1, help="do 1/N of all counts")
    parser.add_argument("--seed", type=int, default=1, help="of all that is random")
    arguments = parser.parse_args()
    subprocess.run(["sh", str(ROOT / "tools" / "environment.sh"), "tensorflow"], check=True)
    started = time.monotonic()
    choose = random.Random(arguments.seed)
    wrong, cases = 0, 0
    with tempfile.TemporaryDirectory(prefix="headrace-tfrecord-") as name:
        folder = Path(name)
        count = max(20, NUM_EXAMPLES // arguments.share)
        for make in (
            lambda: from_tensorflow(folder, arguments.seed, count),
            lambda: to_tensorflow(folder, choose),
            lambda: damaged_files(folder, choose, max(100, NUM_DAMAGED // arguments.share)),
            lambda: damaged_messages(choose, max(500, NUM_MESSAGES // arguments.share)),
            lambda: sanitized(folder, arguments.seed, max(500, NUM_MESSAGES // 4 // arguments.share)),
        ):
            part = make()
            wrong += part["wrong"]
            cases += 1
            print(json.dumps({"proof": "tfrecord", **part}), flush=True)
    summary = {"proof": "tfrecord", "summary": True, "parts": cases, "violations": wrong, "seed": arguments.seed}
    print(json.dumps({**summary, "share": arguments.share, "seconds": round(time.monotonic() - started)}), flush=True)
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
