"""Rows written down for a while: there as long as somebody can read them, and not longer."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from headrace.dataset import Dataset
from headrace.errors import InvalidInput, InvalidSchema


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go in this test."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def test_they_go_with_the_last_data_set(temporary: Path, tmp_path: Path) -> None:
    """Data sets made of a data set keep its rows; when all are gone the folder is empty."""
    (tmp_path / "x.csv").write_text("id,y\n1,2\n3,\n")
    data = Dataset.from_csv(tmp_path / "x.csv", label="y", key="id", split={"train": 1, "eval": 1})
    other = data.select_spans(["all"]).with_schema(None)
    del data
    gc.collect()
    assert other.to_arrow().to_pydict() == {"id": [1, 3], "y": [2, None]}
    assert len(list(temporary.iterdir())) == 1
    del other
    gc.collect()
    assert list(temporary.iterdir()) == []


def test_a_forked_child_leaves_them(temporary: Path, tmp_path: Path) -> None:
    """A child that forgets the data set, or ends, takes nothing from its parent."""
    (tmp_path / "x.csv").write_text("id\n1\n")
    data = Dataset.from_csv(tmp_path / "x.csv")
    script = (
        "import gc, os, sys\n"
        "from headrace.dataset import Dataset\n"
        f"data = Dataset.from_csv({str(tmp_path / 'x.csv')!r})\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    del data; gc.collect(); sys.exit(0)\n"
        "os.waitpid(child, 0)\n"
        "assert data.to_arrow().num_rows == 1\n"
    )
    environment = {**os.environ, "TMPDIR": str(temporary)}
    subprocess.run([sys.executable, "-c", script], check=True, env=environment)
    assert len(list(temporary.iterdir())) == 1  # ours; the script's went with its process
    assert data.num_rows == 1


def test_a_file_that_cannot_be_read_leaves_nothing(temporary: Path, tmp_path: Path) -> None:
    """Types are known before anything is written; what fails while writing is taken away again."""
    (tmp_path / "x.csv").write_text("id\n1\n")
    (tmp_path / "y.csv").write_text("id\n1,2\n")
    with pytest.raises(InvalidInput, match=r"y\.csv, line 2"):
        Dataset.from_csv(tmp_path / "*.csv")
    from headrace.dataset.temporary import TemporaryReader

    def broken():
        yield pa.record_batch({"id": [1]})
        raise InvalidSchema("the file has changed")

    with pytest.raises(InvalidSchema, match="changed"):
        TemporaryReader(broken(), pa.schema([("id", pa.int64())]))
    gc.collect()
    assert list(temporary.iterdir()) == []


def test_a_saved_data_set_stands_alone(temporary: Path, tmp_path: Path) -> None:
    """What is saved holds its rows itself, and is the data set it was."""
    for name, rows in (("a", "1,x"), ("b", "2.5,")):
        (tmp_path / f"{name}.csv").write_text(f"n,t\n{rows}\n")
    data = Dataset.from_csv([tmp_path / "a.csv", tmp_path / "b.csv"])
    assert data.arrow_schema.types == [pa.float64(), pa.string()]
    (tmp_path / "saved").mkdir()
    data.save(tmp_path / "saved")
    digest = data.digest
    del data
    gc.collect()
    again = Dataset.load(tmp_path / "saved")
    assert again.digest == digest and again.to_arrow().to_pydict() == {"n": [1.0, 2.5], "t": ["x", None]}
