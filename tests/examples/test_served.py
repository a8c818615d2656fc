"""Texts and pictures, each from raw data to an answer over HTTP: the answer is the model's own for the raw row."""

import base64
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import headrace as hr
from tests.serving.conftest import running

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


def run(folder, home, *command):
    """A command in the example's folder, with a store of its own."""
    environment = {**os.environ, "HEADRACE_HOME": str(home)}
    done = subprocess.run([sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "data", "endpoint", "label", "positive"),
    [("texts", "documents", "package", "package", "pyarrow"), ("digits", "digits", "digit", "digit", None)],
)
def test_from_raw_data_to_an_answer(tmp_path, name, data, endpoint, label, positive):
    """Prepared, run, served; what is asked are raw rows, and what is answered tells the classes apart."""
    folder, home = Path(shutil.copytree(EXAMPLES / name, tmp_path / name)), tmp_path / "home"
    run(folder, home, "prepare.py")
    run(folder, home, "-m", "headrace.cli", "run", f"{name}.py")
    table = pq.read_table(folder / "data" / f"{data}.parquet")
    rows = table.take(list(range(0, table.num_rows, 7)))
    with running(home) as (client, _):
        asked = [
            {
                key: {"b64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value
                for key, value in row.items()
            }
            for row in rows.drop_columns([label]).to_pylist()
        ]
        answer = client.post(f"/v1/models/{endpoint}:predict", json={"instances": asked})
        assert answer.status_code == 200, answer.text
        served = np.array(answer.json()["predictions"], np.float32)
        one = client.post(f"/v1/models/{endpoint}:predict", json={"instances": asked[3:4]}).json()["predictions"]
    with hr.open_store(home) as store:
        model = store.load_artifact(store.endpoint(endpoint).model_digest, hr.Model)
    assert served.tobytes() == model(rows).tobytes()
    assert np.array_equal(np.float32(one[0]), served[3])
    labels = np.array(rows[label].to_pylist(), dtype=object)
    if positive is None:
        assert model.signature.classes == tuple(range(10)) and served.shape == (rows.num_rows, 10)
        assert (served.argmax(axis=1) == labels).mean() > 0.95
        return
    is_positive = labels == positive
    assert served[is_positive].mean() > served[~is_positive].mean() + 0.3
