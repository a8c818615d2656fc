"""The Beam engine, in its own environment: the same bytes as threads, under another pyarrow."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headrace.dataset import Dataset, Part
from headrace.dataset.travel import describe_dataset
from headrace.engine import Local, describe
from headrace.fold import Counts, Distribution, encode

ROOT = Path(__file__).parents[3]
PYTHON = ROOT / ".venvs" / "beam" / "bin" / "python"

pytestmark = [
    pytest.mark.beam,
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON.exists(), reason="no Beam environment: run `sh tools/environment.sh beam`"),
]

FOLDS = [Distribution("delay", "number"), Distribution("carrier", "text"), Counts("id", "integer")]

_ON_BEAM = """
import json, sys
import pyarrow
from headrace.adapters.beam.engine import Beam
from headrace.dataset import Part
from headrace.dataset.travel import build_dataset
from headrace.engine import build
from headrace.errors import HeadraceError
from headrace.fold import encode

task = json.load(sys.stdin)
folds = [build(fold) for fold in task["folds"]]
data = build_dataset(task["dataset"])
try:
    states = Beam().fold(folds, data, [Part(*part) for part in task["parts"]])
except Exception as error:
    print(json.dumps({"error": str(error)}))
else:
    states = [encode(fold, state).hex() for fold, state in zip(folds, states)]
    print(json.dumps({"pyarrow": pyarrow.__version__, "states": states}))
"""


def _on_beam(data: Dataset, parts: list[Part]) -> dict[str, Any]:
    task = {
        "folds": [describe(fold) for fold in FOLDS],
        "dataset": describe_dataset(data),
        "parts": [[part.span, part.split, part.fragment_index] for part in parts],
    }
    done = subprocess.run(
        [str(PYTHON), "-c", _ON_BEAM],
        input=json.dumps(task),
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    """Three files of uneven size, nulls in every column."""
    random = np.random.default_rng(7)
    for index, rows in enumerate((500, 1, 2000)):
        missing = random.random(rows) < 0.1
        table = pa.table(
            {
                "id": pa.array(random.integers(0, 300, rows), mask=missing),
                "carrier": pa.array(
                    [None if m else f"C{n}" for m, n in zip(missing, random.integers(0, 9, rows), strict=True)]
                ),
                "delay": pa.array(random.normal(size=rows) * 1e6, mask=missing),
            }
        )
        pq.write_table(table, tmp_path / f"{index}.parquet", row_group_size=300)
    return Dataset.from_parquet(tmp_path / "*.parquet", key=["id"], split={"train": 8, "eval": 2})


def test_same_bytes_as_threads(data: Dataset) -> None:
    """FnApiRunner, under pyarrow 25, gives the state bytes that threads give under the newest."""
    parts = data.parts("train")
    expected = [encode(fold, state).hex() for fold, state in zip(FOLDS, Local(2).fold(FOLDS, data, parts), strict=True)]
    answer = _on_beam(data, parts)
    assert answer["states"] == expected
    assert answer["pyarrow"].startswith("25.")


def test_a_missing_file_is_named(data: Dataset, tmp_path: Path) -> None:
    """A file that vanished after planning is named in the error, through all of Beam's layers."""
    (tmp_path / "1.parquet").unlink()  # the footer was read when the data set was made
    assert "1.parquet" in _on_beam(data, data.parts())["error"]
