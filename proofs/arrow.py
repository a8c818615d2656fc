"""Proof: damaged Arrow streams never crash what reads them, and never take more memory than is said.

Streams of every kind of column, plain and compressed by LZ4 and Zstandard, with dictionaries, are cut, overwritten and
changed bit by bit; one in three parts is aimed at the messages' metadata, where sizes and places stand. A process under
RLIMIT_AS reads each as the server does: an answer, or one of our errors. One JSON line.

    python proofs/arrow.py [--share 50] [--seed 1]      --share N: 1/N of 1,000,000 streams
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import time
from typing import Any

NUM_STREAMS = 1_000_000
LIMIT_BYTES = 4 << 30
HUGE = [value.to_bytes(8, "little") for value in (2**64 - 1, 0, 1 << 62, 1 << 40, 1 << 31, 1000, (1 << 64) - 2)]


def streams() -> list[bytes]:
    """Whole ones: three compressions, with and without dictionaries, several batches."""
    import pyarrow as pa

    turns = 20
    table = pa.table(
        {
            "a": pa.array([1.5, None, 3.0] * turns),
            "i": pa.array([1, None, 3] * turns),
            "b": pa.array([True, None, False] * turns),
            "d": pa.array(["x", None, "\u00e9"] * turns).dictionary_encode(),
            "s": pa.array(["AA", None, "b"] * turns),
            "w": pa.array([1, 2, None] * turns, pa.timestamp("s")),
            "large": pa.array(["AA", None, "b"] * turns, pa.large_string()),
            "view": pa.array(["AA", None, "b" * 20] * turns, pa.string_view()),
            "more": pa.array([[1, 2], None, [3]] * turns),
        }
    )
    found = []
    for compression in (None, "lz4", "zstd"):
        sink = pa.BufferOutputStream()
        options = pa.ipc.IpcWriteOptions(compression=compression)
        with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
            for batch in table.to_batches(max_chunksize=25):
                writer.write_batch(batch)
        found.append(sink.getvalue().to_pybytes())
    return found


def damaged(generator: random.Random, whole: list[bytes]) -> bytes:
    """One of them, not as it was."""
    body = bytearray(generator.choice(whole))
    most = len(body) if generator.random() < 0.67 else 2_000
    for _ in range(generator.choice([1, 1, 2, 4, 16])):
        if not body:
            break
        kind, place = generator.randrange(6), generator.randrange(max(1, min(most, len(body))))
        if kind == 0:
            del body[place + 1 :]
        elif kind == 1:
            body[place : place + 8] = generator.choice(HUGE)
        elif kind == 2:
            body[place : place + 4] = generator.choice(HUGE)[:4]
        elif kind == 3:
            body[place] ^= 1 << generator.randrange(8)
        elif kind == 4:
            end = min(len(body), place + generator.randrange(1, 64))
            body[place:end] = body[end : end + (end - place)]
        else:
            body[place] = generator.randrange(256)
    return bytes(body)


def child(number: int, seed: int) -> None:
    """Read them; prints how many were answered and refused."""
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT_BYTES, LIMIT_BYTES))
    from headrace.errors import HeadraceError
    from headrace.model import Codec, InputColumn
    from headrace.serving.ipc import read_stream

    kinds: dict[str, Any] = {"a": "number", "i": "integer", "b": "boolean", "w": "timestamp"}
    kinds |= dict.fromkeys(("d", "s", "large"), "text")
    codec = Codec([InputColumn(name, kind) for name, kind in kinds.items()])
    names = {*kinds, "view", "more"}
    whole = streams()
    for stream in whole:
        assert len(codec.from_batch(read_stream(stream, names))["text"]) == 60
    generator = random.Random(seed)
    found = {"answered": 0, "refused": 0}
    for _ in range(number):
        try:
            codec.from_batch(read_stream(damaged(generator, whole), names))
            found["answered"] += 1
        except HeadraceError:
            found["refused"] += 1
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({**found, "peak_mb": round(peak_mb)}), flush=True)


def main() -> None:
    """Start the process, and say how it ended."""
    parser = argparse.ArgumentParser(description="arrow")
    parser.add_argument("--share", type=int, default=1, help="1/N of the streams")
    parser.add_argument("--seed", type=int, default=1, help="of the damage")
    parser.add_argument("--child", type=int, default=0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.child, arguments.seed)
        return
    number, start = max(1, NUM_STREAMS // arguments.share), time.monotonic()
    command = [sys.executable, __file__, "--child", str(number), "--seed", str(arguments.seed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    told = json.loads(done.stdout) if done.returncode == 0 else {}
    found = {"case": "arrow", "streams": number, "seed": arguments.seed, **told, "exit_code": done.returncode}
    found["ok"] = done.returncode == 0 and told["answered"] + told["refused"] == number and told["peak_mb"] < 1024
    print(json.dumps({**found, "seconds": round(time.monotonic() - start)}), flush=True)
    if not found["ok"]:
        print(done.stderr[-4000:], file=sys.stderr)
        raise SystemExit(1)


if __name__ == "__main__":
    main()
