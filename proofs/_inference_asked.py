"""What both scripts of clients share: what they are told, the rows, and how answers are judged.

KServe's client and Triton's describe the same messages under the same names, so that one process cannot hold both.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(sys.argv[1])
TOLD = json.loads((FOLDER / "told.json").read_text())
COLUMNS = dict(np.load(FOLDER / "columns.npz"))
EXPECTED = np.load(FOLDER / "expected.npy")
TOKEN = {"authorization": f"Bearer {TOLD['token']}"}
COUNTS: Counter[str] = Counter()
PROBLEMS: list[str] = []
DATATYPES = {"f": "FP64", "i": "INT64", "b": "BOOL", "U": "BYTES"}


def check(what: str, is_right: bool, more: object = "") -> None:
    """Count, and remember what was wrong."""
    COUNTS[what] += 1
    if not is_right:
        PROBLEMS.append(f"{what}: {more}")


def tensors(first: int, size: int) -> Iterator[tuple[str, str, np.ndarray]]:
    """The tensors of some rows."""
    for name, values in COLUMNS.items():
        part = values[first : first + size]
        if part.dtype.kind == "U":
            part = part.astype(object)
        yield name, DATATYPES.get(part.dtype.kind, "BYTES"), part


def same(what: str, found: Any, first: int, size: int) -> None:
    """The prediction is what the model was evaluated with, bit for bit."""
    right = EXPECTED[first : first + size]
    check(
        what, found is not None and np.asarray(found, np.float32).tobytes() == right.tobytes(), f"rows {first}+{size}"
    )


def turns(seed: int) -> Iterator[tuple[int, int]]:
    """(first row, number of rows) of requests: single ones, a few, and many."""
    random = np.random.default_rng(seed)
    for _ in range(TOLD["turns"]):
        size = int(random.choice([1, 1, 2, 7, 64, 400]))
        yield int(random.integers(0, len(EXPECTED) - size + 1)), size


def tell() -> None:
    """What was wrong goes to standard output with the counts."""
    print(json.dumps({"counts": COUNTS, "problems": PROBLEMS[:20], "num_problems": len(PROBLEMS)}))
