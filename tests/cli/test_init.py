"""`headrace init`: from a table to an answered prediction, in the files and commands that a stranger meets."""

import errno
import json
import re
import shlex
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn import datasets

from headrace.cli import main
from headrace.testing.faults import failures
from tests.cli.test_commands import headrace
from tests.proposal.tables import customers, oddities
from tests.serving.conftest import running


def bundled(name):
    """One of scikit-learn's tables, its classes by name."""
    found = getattr(datasets, f"load_{name}")()
    table = pa.table(dict(zip(map(str, found.feature_names), found.data.T, strict=True)))
    names = getattr(found, "target_names", None)
    target = found.target if names is None else np.array(names)[found.target].astype(str)
    return table.append_column("target", pa.array(target.tolist()))


def answer(folder, request, endpoint):
    """What a server says to the request that `init` proposed."""
    with running(folder / ".headrace") as (client, _):
        found = client.post(f"/v1/models/{endpoint}:predict", json={"instances": [request]})
        assert found.status_code == 200, found.text
        return found.json()["predictions"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options", "is_probability"),
    [
        ("breast_cancer", [], True),
        ("diabetes", [], False),
        ("iris", ["--positive", "virginica"], True),
        ("iris", [], None),
        ("customers", ["--label", "churned"], True),
        ("oddities", ["--label", "status"], True),
    ],
)
def test_from_a_table_to_an_answer(tmp_path, name, options, is_probability):
    """init, run, serve, ask; the second run takes everything from the store."""
    made = {"customers": customers, "oddities": oddities}
    pq.write_table(made[name]() if name in made else bundled(name), tmp_path / f"{name}.parquet")
    code, out, err = headrace(tmp_path, "init", f"{name}.parquet", *options, "-o", "json")
    assert code == 0, err
    proposal = json.loads(out)
    assert proposal["next"] == [f"headrace run {name}.py", "headrace serve"]
    for expected in (0, 11):
        code, out, err = headrace(tmp_path, *shlex.split(proposal["next"][0])[1:], "-o", "json")
        assert code == 0, err
        run = json.loads(out)
        assert (run["state"], run["num_cached"]) == ("succeeded", expected)
    (prediction,) = answer(tmp_path, proposal["request"], proposal["endpoint"])
    if is_probability is None:
        assert len(prediction) == 3 and abs(sum(prediction) - 1.0) < 1e-5
        return
    assert (0.0 < prediction < 1.0) if is_probability else (20.0 < prediction < 400.0)


@pytest.mark.slow
def test_months_in_a_folder(tmp_path):
    """A folder of months is spans: the pipeline compares a new one with those before."""
    (tmp_path / "visits").mkdir()
    for month in (1, 2, 3):
        pq.write_table(customers(seed=month), tmp_path / "visits" / f"2024-0{month}.parquet")
    code, out, err = headrace(tmp_path, "init", "visits", "--label", "churned")
    assert (code, "visits/{span}.parquet: 3,600 rows, 9 columns, 3 spans" in out) == (0, True), err
    assert "previous=hr.previous(raw)" in (tmp_path / "visits.py").read_text()
    assert headrace(tmp_path, "run", "visits.py")[0] == 0


def test_what_is_said(tmp_path):
    """What was looked at, what is proposed and why, and what to type next; then nothing is overwritten unasked."""
    pq.write_table(customers(), tmp_path / "churn.parquet")
    code, out, err = headrace(tmp_path, "init", "churn.parquet", "--label", "churned")
    assert (code, err) == (0, "")
    said = [re.split(r" {2,}", line, maxsplit=1) for line in out.splitlines()]
    assert [heading for heading, _ in said if heading] == [
        *["looked at", "label", "key", "features", "left out", "left out", "left out", "gate", "wrote", "next"],
        "answers",
    ]
    assert "1,200 rows, 9 columns" in out and "1 is 'yes', a value that says so" in out
    assert "currency: one value in all rows" in out
    assert said[-1][1] == """{"predictions":[the probability that churned is 'yes']}"""
    command = shlex.split(out.splitlines()[-2])
    assert set(json.loads(command[-1])["instances"][0]) == {"gender", "tenure", "Monthly Charges", "contract", "joined"}
    assert "is_reviewed: false" in (tmp_path / "schema.yaml").read_text()
    written = (tmp_path / "churn.py").read_bytes()
    (tmp_path / "churn.py").write_bytes(b"mine")
    code, _, err = headrace(tmp_path, "init", "churn.parquet", "--label", "churned")
    assert code == 2 and "churn.py and schema.yaml" in err and "--force" in err and "--name and --schema" in err
    assert (tmp_path / "churn.py").read_bytes() == b"mine"
    assert headrace(tmp_path, "init", "churn.parquet", "--label", "churned", "--force")[0] == 0
    assert (tmp_path / "churn.py").read_bytes() == written
    beside = ["init", "churn.parquet", "--label", "churned", "--name", "beside"]
    assert headrace(tmp_path, *beside)[0] == 0 and (tmp_path / "beside-schema.yaml").exists()
    again = ["init", "churn.parquet", "--label", "churned", "--name", "other", "--schema", "schemas/other.yaml"]
    assert headrace(tmp_path, *again, "--endpoint", "leaving")[0] == 0
    text = (tmp_path / "other.py").read_text()
    assert '"schemas/other.yaml"' in text and 'endpoint="leaving"' in text and "def other(" in text
    assert (tmp_path / "schemas" / "other.yaml").exists()


def test_what_cannot_be_told_is_asked_for(tmp_path):
    """Exit code 2, one line that says what to type, and no file."""
    pq.write_table(customers(), tmp_path / "churn.parquet")
    pq.write_table(pa.table({"x": range(90), "target": [0, 1, 2] * 30}), tmp_path / "places.parquet")
    pq.write_table(pa.table({"a": pa.array([], pa.int64()), "y": pa.array([], pa.bool_())}), tmp_path / "no.parquet")
    twice = pa.Table.from_arrays([pa.array([1, 2])] * 2, names=["a", "a"])
    pq.write_table(twice, tmp_path / "twice.parquet")
    (tmp_path / "text.parquet").write_text("a,b\n1,2\n")
    for source, options, message in [
        ("churn.parquet", [], r"--label COLUMN; it could be .*churned \('no' or 'yes'\)"),
        ("churn.parquet", ["--label", "churnd"], "did you mean 'churned'"),
        ("churn.parquet", ["--label", "churned", "--key", "id"], "no column named 'id'"),
        ("churn.parquet", ["--label", "churned", "--name", "a b"], "not a Python name"),
        ("churn.parquet", ["--label", "churned", "--endpoint", "a b"], "not an endpoint's name"),
        ("places.parquet", [], r"names of classes, or a quantity.*--positive 2"),
        ("no.parquet", [], "null in every row|no row"),
        ("twice.parquet", [], "two columns are named 'a'"),
        ("text.parquet", [], "text.parquet"),
        ("nowhere.parquet", [], "no such file"),
    ]:
        code, out, err = headrace(tmp_path, "init", source, *options)
        assert (code, out) == (2, ""), (source, options, err)
        assert re.search(message, err), err
        assert len(err.splitlines()) == 1
    assert {path.suffix for path in tmp_path.iterdir()} == {".parquet"}


def test_both_files_or_none(tmp_path, monkeypatch, capsys):
    """A disk that refuses at any write leaves no file of the two behind."""
    pq.write_table(customers(100), tmp_path / "churn.parquet")
    monkeypatch.chdir(tmp_path)
    num_failed = 0
    for faults in failures(monkeypatch, errno.ENOSPC):
        code = main(["init", "churn.parquet", "--label", "churned"])
        if faults.has_failed:
            num_failed += 1
            assert code == 4 and "No space left" in capsys.readouterr().err
            assert [path.name for path in tmp_path.iterdir()] == ["churn.parquet"]
    assert (code, num_failed >= 4) == (0, True)
    assert {path.name for path in tmp_path.iterdir()} == {"churn.parquet", "churn.py", "schema.yaml"}


def test_help_is_light():
    """Help of init waits for no third party."""
    code = "import sys; from headrace.cli import main; main(['init', '--help']); print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"


def test_a_file_without_rows(tmp_path):
    """A header alone: that there are no rows is said, not that a label is missing."""
    (tmp_path / "rows.csv").write_text("a,b\n")
    code, _, err = headrace(tmp_path, "init", "rows.csv", "--label", "a")
    assert (code, "no rows" in err) == (2, True) and not (tmp_path / "rows.py").exists()


def test_a_decimal_comma(tmp_path):
    """Numbers as some countries write them are named for what they are, with what to do."""
    rows = [f"{index % 7},{index % 10};{index % 2};{index % 13}" for index in range(200)]
    (tmp_path / "rows.csv").write_text("\n".join(["a;late;n", *rows]))
    code, out, err = headrace(tmp_path, "init", "rows.csv", "--label", "late")
    assert code == 0, err
    assert "a: numbers with a decimal comma: write them with a point, 1.5 for 1,5" in out
