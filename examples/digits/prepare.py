"""The example's data: scikit-learn's bundled digits, 1,797 grey pictures of 8 x 8, each as the bytes of a PNG.

python prepare.py        writes data/digits.parquet beside this file
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from sklearn.datasets import load_digits

HERE = Path(__file__).parent


def png(grey: np.ndarray) -> bytes:
    """A picture whose 16 is 240."""
    held = io.BytesIO()
    Image.fromarray((grey * 15).astype(np.uint8)).save(held, "PNG")
    return held.getvalue()


def table() -> pa.Table:
    """Columns: scan (the key), picture (PNG; black ground), digit (the label)."""
    found = load_digits()
    pictures = pa.array([png(grey) for grey in found.images], pa.binary())
    return pa.table({"scan": range(len(found.target)), "picture": pictures, "digit": found.target})


if __name__ == "__main__":
    (HERE / "data").mkdir(exist_ok=True)
    made = table()
    pq.write_table(made, HERE / "data" / "digits.parquet")
    print(f"{made.num_rows:,} pictures")
