"""The example's data: the first sentences of what NumPy and PyArrow say of their own functions, one row a function.

Both are installed wherever headrace is, so nothing is fetched. Documents are short, some are missing, and what gives
the package away by name is left to the features to take out.

    python prepare.py        writes data/documents.parquet beside this file
"""

from __future__ import annotations

import inspect
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

HERE = Path(__file__).parent
NUMPY = (np, np.linalg, np.fft, np.ma, np.random, np.strings, np.polynomial.polynomial, np.testing, np.ndarray)
ARROW = (pa, pc, pq, pa.Array, pa.ChunkedArray, pa.RecordBatch, pa.Schema, pa.Table)


def documents(places: tuple[object, ...]) -> dict[str, str | None]:
    """Name of each public function or class to the beginning of its documentation; null where it has none."""
    found: dict[str, str | None] = {}
    for place in places:
        for name, value in sorted(vars(place).items()):
            if name.startswith("_") or isinstance(value, ModuleType) or not callable(value):
                continue
            text = inspect.getdoc(value)
            found[f"{getattr(place, '__name__', place)}.{name}"] = text[:400] if text else None
    return found


def table() -> pa.Table:
    """Columns: name (the key), text, package (the label)."""
    rows = [
        {"name": name, "text": text, "package": package}
        for package, places in (("numpy", NUMPY), ("pyarrow", ARROW))
        for name, text in documents(places).items()
    ]
    return pa.Table.from_pylist(rows)


if __name__ == "__main__":
    (HERE / "data").mkdir(exist_ok=True)
    found = table()
    pq.write_table(found, HERE / "data" / "documents.parquet")
    print(f"{found.num_rows:,} documents")
