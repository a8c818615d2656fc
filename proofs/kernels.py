"""Case `kernels`: the compiled kernels of folds under address and undefined-behaviour sanitizers.

The library is built anew with -fsanitize=address,undefined and put in the place of the installed one, in a process of
its own whose every buffer is the sanitizer's; there the tests that hold kernels and twins together run, `--seeds` times
with other random tables (the evaluation of odd tables beside them). Said where there is no compiler that can.

One JSON line; exit code 1 where a sanitizer or a test speaks.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCES = sorted(ROOT.glob("src/headrace/*/kernels/*.c"))  # as pyproject.toml lists them
# What a share of the proof runs too.
TWINS = ["tests/fold/test_by_group.py", "tests/fold/test_native.py"]
# Every test that holds kernels to their twins, or to a library that does the same.
TESTS = [
    *TWINS,
    "tests/engine/test_local.py",
    "tests/fold/test_class_curves.py",
    "tests/fold/test_class_sums.py",
    "tests/fold/test_class_totals.py",
    "tests/fold/test_counts.py",
    "tests/fold/test_curves.py",
    "tests/fold/test_distribution.py",
    "tests/fold/test_encoding.py",
    "tests/fold/test_error_curve.py",
    "tests/fold/test_exponent_accumulator.py",
    "tests/fold/test_hashing.py",
    "tests/fold/test_hyperloglog.py",
    "tests/fold/test_lanes.py",
    "tests/fold/test_label_sums.py",
    "tests/fold/test_lanes.py",
    "tests/fold/test_ordered_grid.py",
    "tests/fold/test_score_curve.py",
    "tests/fold/test_sums.py",
    "tests/fold/test_text_patterns.py",
    "tests/ingestion/sources/test_tfrecord.py",
]

DRIVER = """
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from headrace.fold.kernels import native

native.__file__ = str(Path({folder!r}) / "native.py")
assert native.library() is not None
code = pytest.main(["-n", "0", "-q", *{tests!r}])
assert code == 0, code

from headrace.dataset import Dataset
from headrace.engine import LocalEngine
from headrace.evaluation import evaluate_predictions
from headrace.statistics import analyze

for seed in range({seeds}):
    generator = np.random.default_rng(seed)
    size = int(generator.integers(1, 400))
    scores = generator.random(size)
    scores[generator.random(size) < 0.1] = np.nan
    table = pa.table({{
        "y": (generator.random(size) < 0.3).astype(float),
        "p": scores if seed % 2 else np.round(scores, 1).astype(np.float32),
        "w": generator.integers(0, 3, size) / 2.0,
        "by": generator.integers(0, max(1, size // 3), size),
    }})
    metrics = ["roc_auc", "average_precision", "log_loss", "f1", "mean_absolute_error"]
    weight = "w" if seed % 3 else None
    said = []
    for context in (native.without_native, nullcontext):
        with context():  # of this thread alone
            found = evaluate_predictions(
                table, label="y", prediction="p", weight=weight, metrics=metrics, slices=["by"],
                engine=LocalEngine(workers=1),
            )
        said.append(found.digest)
    assert said[0] == said[1], seed

    # Columns of each width, of few values and of many, in steps, beyond 32 bits, and texts, from an odd first row.
    size, first = int(generator.integers(1, 6_000)), int(generator.integers(0, 9))
    gone = generator.random(size) < generator.choice([0.0, 0.3])
    most, step = int(generator.choice([3, 1_000, 2**40])), int(generator.choice([1, 3_600, -7]))
    numbers = generator.integers(0, most, size) * step
    words = np.array([f"{{'ü' * (at % 40)}}{{at}}" for at in numbers.tolist()])
    table = pa.table({{
        "narrow": pa.array(generator.integers(-128, 128, size).astype(np.int8), mask=gone),
        "whole": pa.array(numbers, mask=gone),
        "when": pa.array(numbers, pa.timestamp("us"), mask=gone),
        "real": pa.array(np.ldexp(numbers.astype(float), -(numbers % 90)), mask=gone),
        "text": pa.array(words, mask=gone),
        "code": pa.array(words, mask=gone).dictionary_encode(),
        "by": pa.array(generator.integers(0, 50, size), mask=gone),
    }}).slice(first)
    if table.num_rows == 0:
        continue
    said = []
    for context in (native.without_native, nullcontext):
        with context():
            data = Dataset.from_arrow(table)
            said.append(analyze(data, slices=["by"], engine=LocalEngine(workers=1)).digest)
    assert said[0] == said[1], seed
"""


def main() -> int:
    """Build, run, say."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--share", type=int, default=1, help="do 1/N of the random tables")
    parser.add_argument("--seeds", type=int, default=500, help="random tables evaluated")
    arguments = parser.parse_args()
    said = {"proof": "kernels", "seeds": max(3, arguments.seeds // arguments.share), "ok": True}
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        print(json.dumps({**said, "note": "no C compiler here"}))
        return 0
    with tempfile.TemporaryDirectory(prefix="headrace-kernels-") as folder:
        library = Path(folder) / "_native.so"
        flags = ["-O1", "-g", "-fPIC", "-shared", "-ffp-contract=off", "-fsanitize=address,undefined"]
        built = subprocess.run(
            [compiler, *flags, "-fno-sanitize-recover=all", *map(str, SOURCES), "-o", str(library)],
            capture_output=True,
            text=True,
        )
        asked = [compiler, "-print-file-name=libasan.so"]
        runtime = subprocess.run(asked, capture_output=True, text=True).stdout.strip()
        if built.returncode or not Path(runtime).is_absolute():
            print(json.dumps({**said, "note": f"no sanitizers here: {built.stderr[-200:]}"}))
            return 0
        code = DRIVER.format(folder=folder, tests=TESTS if arguments.share == 1 else TWINS, seeds=said["seeds"])
        # Python's own allocator and Arrow's are switched off: each buffer is one of the sanitizer's, with nothing
        # beside it.
        environment = {
            **os.environ,
            "LD_PRELOAD": runtime,
            "ASAN_OPTIONS": "detect_leaks=0",
            "PYTHONMALLOC": "malloc",
            "ARROW_DEFAULT_MEMORY_POOL": "system",
        }
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=ROOT)
    if done.returncode:
        said |= {"ok": False, "note": (done.stdout + done.stderr)[-3000:]}
    print(json.dumps(said))
    return 0 if said["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
