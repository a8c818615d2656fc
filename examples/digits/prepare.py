"""The example's data: scikit-learn's bundled digits, 1,797 pictures of 8 x 8 grey values, one row a picture.

python prepare.py        writes data/digits.parquet beside this file
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.datasets import load_digits

HERE = Path(__file__).parent


def table() -> pa.Table:
    """Columns: picture (the key), p00 .. p77 (row, column; 0 white, 16 black), digit (the label)."""
    found = load_digits()
    pixels = {f"p{row}{column}": found.images[:, row, column].astype("int8") for row in range(8) for column in range(8)}
    return pa.table({"picture": range(len(found.target)), **pixels, "digit": found.target})


if __name__ == "__main__":
    (HERE / "data").mkdir(exist_ok=True)
    made = table()
    pq.write_table(made, HERE / "data" / "digits.parquet")
    print(f"{made.num_rows:,} pictures")
