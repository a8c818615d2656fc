"""TensorFlow's half of the proof and of the benchmark of TFRecord: in .venvs/tensorflow, knowing nothing of headrace.

write FOLDER SEED COUNT     tensorflow.tfrecord, -gzip, -zlib, and tensorflow.jsonl, what is in them
read FILE PACKING           what TensorFlow finds in a file, a line of JSON a record
time FILE PACKING COLUMNS   TFRecordDataset + parse_example on one core, JSON of seconds
"""

from __future__ import annotations

import json
import os
import random
import struct
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import tensorflow as tf


def feature(kind: str, values: list) -> tf.train.Feature:
    if kind == "bytes":
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
    if kind == "float":
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def make(choose: random.Random) -> tf.train.Example:
    floats = [0.0, -0.0, 1.5, float("inf"), float("-inf"), float("nan"), 1e-40, 3.4e38]
    texts = [b"", b"text", "Zürich".encode(), b"\0", b"a\nb"]
    makers = {
        "id": ("int64", lambda: choose.getrandbits(64) - 2**63, False),
        "small": ("int64", lambda: choose.randrange(-3, 300), True),
        "x": ("float", lambda: choose.choice(floats) if choose.random() < 0.3 else choose.gauss(0, 1e3), False),
        "vector": ("float", lambda: choose.random(), True),
        "text": ("bytes", lambda: choose.choice(texts), False),
        "tags": ("bytes", lambda: choose.choice(texts), True),
        "raw": ("bytes", lambda: choose.randbytes(choose.randrange(9)) + b"\xff", False),
        "Zürich": ("int64", lambda: 1, False),
    }
    found = {}
    for name, (kind, value, is_list) in makers.items():
        if choose.random() < 0.15:
            if choose.random() < 0.3:
                found[name] = tf.train.Feature()
            continue
        found[name] = feature(kind, [value() for _ in range(choose.randrange(4) if is_list else 1)])
    return tf.train.Example(features=tf.train.Features(feature=found))


def told(example: tf.train.Example) -> dict:
    found = {}
    for name, item in sorted(example.features.feature.items()):
        kind = item.WhichOneof("kind")
        if kind is None:
            continue
        values = list(getattr(item, kind).value)
        if kind == "bytes_list":
            values = [value.hex() for value in values]
        elif kind == "float_list":
            values = [struct.pack("<f", value).hex() for value in values]
        found[name] = values
    return {"features": found}


def write(folder: Path, seed: int, count: int) -> None:
    choose = random.Random(seed)
    examples = [make(choose) for _ in range(count)]
    for packing in ("", "GZIP", "ZLIB"):
        name = f"tensorflow{packing and '-' + packing.lower()}.tfrecord"
        with tf.io.TFRecordWriter(str(folder / name), tf.io.TFRecordOptions(compression_type=packing)) as writer:
            for example in examples:
                writer.write(example.SerializeToString(deterministic=True))
    lines = [json.dumps(told(example), ensure_ascii=False) + "\n" for example in examples]
    (folder / "tensorflow.jsonl").write_text("".join(lines), encoding="utf-8")


def read(file: str, packing: str) -> None:
    for record in tf.data.TFRecordDataset(file, compression_type=packing):
        print(json.dumps(told(tf.train.Example.FromString(record.numpy())), ensure_ascii=False))


def measure(file: str, packing: str, columns: dict[str, str], runs: int) -> None:
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    kinds = {"int64": tf.int64, "float": tf.float32, "bytes": tf.string}
    blank = {"int64": -1, "float": float("nan"), "bytes": b""}
    specs = {
        "fixed": {n: tf.io.FixedLenFeature([], kinds[k], default_value=blank[k]) for n, k in columns.items()},
        "varlen": {n: tf.io.VarLenFeature(kinds[k]) for n, k in columns.items()},
    }
    options = tf.data.Options()
    options.threading.private_threadpool_size = 1
    options.threading.max_intra_op_parallelism = 1
    seconds: dict[str, list[float]] = {"read": [], "fixed": [], "varlen": []}
    for _ in range(runs):
        for case in seconds:
            data = tf.data.TFRecordDataset(file, compression_type=packing, buffer_size=1 << 22).batch(4096)
            if case != "read":
                spec = specs[case]
                data = data.map(lambda batch, spec=spec: tf.io.parse_example(batch, spec))
            start = time.process_time()
            for _batch in data.with_options(options):
                pass
            seconds[case].append(time.process_time() - start)
    print(json.dumps({"tensorflow": tf.__version__, "seconds": seconds}))


if __name__ == "__main__":
    command, *rest = sys.argv[1:]
    if command == "write":
        write(Path(rest[0]), int(rest[1]), int(rest[2]))
    elif command == "read":
        read(*rest)
    else:
        measure(rest[0], rest[1], json.loads(rest[2]), int(rest[3]))
