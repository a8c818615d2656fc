"""The nouns: what the store has of each kind, one of them whole, requests asked again, and rows answered in bulk."""

import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest

from headrace.cli import main
from tests.cli.test_looking import home as project  # noqa: F401  # a fixture, as the next
from tests.monitoring.test_monitor import write
from tests.serving.conftest import home as home
from tests.serving.conftest import pushed as pushed


@pytest.fixture
def command(home, tmp_path, monkeypatch, capfd):
    """A function that runs a command on a home with endpoint `late`: (exit code, standard output, standard error)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HEADRACE_HOME", str(home))

    def run(*arguments):
        code = main([str(word) for word in arguments])
        out, err = capfd.readouterr()
        assert "headrace: unexpected" not in err
        return code, out, err

    return run


def test_runs(project):  # noqa: F811
    """ls by state and pipeline; show has parameters, what was looked up, and each step's outputs."""
    for x in ("1", "0"):
        project("run", "looked_at_flow.py", "--in-process", "--set", f"x={x}")
    assert len(json.loads(project("runs", "ls", "-o", "json")[1])) == 2
    failed = json.loads(project("runs", "ls", "--state", "failed", "-o", "json")[1])
    assert [row["state"] for row in failed] == ["failed"]
    assert json.loads(project("runs", "ls", "--pipeline", "other", "-o", "json")[1]) == []
    code, out, _ = project("runs", "show", "@failed")
    assert code == 0 and "parameter x = 0" in out and "ZeroDivisionError" in out
    whole = json.loads(project("runs", "show", failed[0]["run"][:8], "-o", "json")[1])
    assert whole["parameters"] == {"x": 0} and whole["steps"][0]["state"] == "failed"
    assert project("runs", "ls", "--state", "lost")[0] == 2


def test_datasets_and_schemas(project):  # noqa: F811
    """ls says what made each; show has spans, roles and columns; a beginning that is not unique, or wrong, is told."""
    data = project.folder / "data"
    data.mkdir()
    pq.write_table(pa.table({"c": ["a", "b"] * 50, "x": [1, None] * 50}), data / "1.parquet")
    assert project("run", "looked_at_judged.py", "--in-process")[0] == 0
    rows = json.loads(project("datasets", "ls", "-o", "json")[1])
    assert {row["step"] for row in rows} >= {"ingest"} and all(row["size_bytes"] > 0 for row in rows)
    assert project("datasets", "ls")[1].splitlines()[0].split()[:3] == ["DATASET", "PIPELINE", "STEP"]
    code, out, _ = project("datasets", "show", rows[0]["dataset"][:10])
    assert code == 0 and "100 rows, 1 spans" in out and "int64" in out
    whole = json.loads(project("datasets", "show", "-o", "json")[1])
    assert whole["num_rows"] == 100 and [column["column"] for column in whole["columns"]] == ["c", "x"]
    code, _, err = project("datasets", "show", "xyz")
    assert code == 2 and "no dataset named 'xyz'" in err and "headrace datasets ls" in err
    assert {row["step"] for row in json.loads(project("schemas", "ls", "-o", "json")[1])} == {"infer_schema"}
    code, _, err = project("models", "show")
    assert code == 2 and "there is no model in the store yet" in err


def test_models(command, pushed):
    """ls says where each is served; show is its card, or its signature."""
    (row,) = json.loads(command("models", "ls", "-o", "json")[1])
    assert (row["model"], row["served"], row["step"]) == (pushed.model.digest, "late v1", None)
    assert command("models", "show")[1].startswith(f"# Model {pushed.model.digest[:12]}")
    whole = json.loads(command("models", "show", pushed.model.digest[:6], "-o", "json")[1])
    assert whole["label"] == "late" and len(whole["columns"]) == len(pushed.model.columns)


def test_requests(command, home, pushed):
    """ls is newest first and by status; show has what was asked; explain gives the features, and the same answer."""
    write(home, pushed.model, pushed.table, refused=1)
    rows = json.loads(command("requests", "ls", "late", "-n", "500", "-o", "json")[1])
    assert len(rows) == 401 and sum(row["request_status"] == 400 for row in rows) == 1
    assert rows == sorted(rows, key=lambda row: row["event_time_us"], reverse=True)
    assert len(command("requests", "ls", "-n", "3")[1].splitlines()) == 4
    (bad,) = json.loads(command("requests", "ls", "--status", "400", "-o", "json")[1])
    shown = json.loads(command("requests", "show", "1-50", "-o", "json")[1])
    assert len(shown) == 50 and shown[0]["carrier"] == pushed.table["carrier"][50].as_py()
    code, out, _ = command("requests", "explain", "1-50", "-o", "json")
    found = json.loads(out)
    assert (code, found["same"], len(found["rows"])) == (0, True, 50)
    assert set(found["rows"][0]["features"]) == set(pushed.model.feature_names)
    np.testing.assert_array_equal([row["prediction"] for row in found["rows"]], pushed.expected[50:100].tolist())
    code, out, _ = command("requests", "explain", "1-100")
    assert code == 0 and "as it was answered" in out and "what each column adds (exact Shapley values)" in out
    assert found["rows"][0]["explanation"] == pushed.model.explain(pushed.table.slice(50, 1)).to_plain()[0]
    assert found["behind"] is None  # no run made it
    code, _, err = command("requests", "explain", bad["request_id"])
    assert code == 2 and "its values were not written down" in err
    code, _, err = command("requests", "show", "1-")
    assert code == 2 and "several requests begin with '1-'" in err
    code, _, err = command("requests", "show", "nope")
    assert code == 2 and "no request named 'nope'" in err
    code, _, err = command("requests", "ls", "lat")
    assert code == 2 and "did you mean 'late'?" in err


def files(folder, table):
    """The rows in each format."""
    pq.write_table(table, folder / "rows.parquet")
    csv.write_csv(table, folder / "rows.csv")
    rows = table.to_pylist()
    lines = [json.dumps({**row, "when": row["when"].isoformat()}) for row in rows]
    (folder / "rows.jsonl").write_text("\n".join(lines) + "\n\n")
    return [folder / f"rows.{form}" for form in ("parquet", "csv", "jsonl")]


def test_predict_reads_and_writes_every_format(command, pushed, tmp_path):
    """Parquet, CSV and JSON lines give the same predictions as the model itself, in order, to each kind of file."""
    table = pushed.table.set_column(1, "carrier", pa.array(["AA", "UA", "\u00e9", "x"] * 100))  # CSV has no ''
    expected = pushed.model.predict(table)["prediction"].to_numpy()
    for file in files(tmp_path, table):
        code, out, err = command("predict", file, "-o", "json")
        assert code == 0, err
        rows = json.loads(out)
        assert [row["row"] for row in rows] == list(range(400))
        np.testing.assert_array_equal(np.array([row["prediction"] for row in rows], np.float32), expected)
        for form in ("parquet", "csv", "jsonl"):
            target = tmp_path / f"out.{form}"
            code, out, err = command("predict", file, "--endpoint", "late", "--keep", "flight", "--to", target)
            assert (code, out) == (0, "") and "400 predictions" in err
        found = pq.read_table(tmp_path / "out.parquet")
        assert found["flight"].to_pylist() == table["flight"].to_pylist()
        np.testing.assert_array_equal(found["prediction"].to_numpy(), expected)
        assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 400
        assert csv.read_csv(tmp_path / "out.csv").num_rows == 400
    code, out, _ = command("predict", tmp_path / "rows.csv", "--model", pushed.model.digest[:8])
    assert code == 0 and len(out.splitlines()) == 401


def test_predict_reads_standard_input(command, pushed, tmp_path, monkeypatch):
    """JSON lines by default, CSV when said; Parquet cannot be streamed."""
    (_, rows_csv, rows_jsonl) = files(tmp_path, pushed.table)

    def piped(data):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))

    piped(rows_jsonl.read_bytes())
    assert len(json.loads(command("predict", "-o", "json")[1])) == 400
    piped(rows_csv.read_bytes())
    assert len(json.loads(command("predict", "--format", "csv", "-o", "json")[1])) == 400
    piped(b"")
    assert json.loads(command("predict", "-o", "json")[1]) == []
    piped(b"PAR1")
    code, _, err = command("predict", "--format", "parquet")
    assert code == 2 and "cannot be read from a stream" in err


def test_predict_says_what_is_wrong_with_rows(command, pushed, tmp_path):
    """A missing column, a value the model does not take, a line that is no JSON: named; nothing is half-written."""
    table = pushed.table
    out = tmp_path / "out.parquet"
    out.write_text("before")

    def refused(table=None, name="rows.parquet", text=None, *more):
        if text is None:
            pq.write_table(table, tmp_path / name)
        else:
            (tmp_path / name).write_text(text)
        code, said, err = command("predict", tmp_path / name, "--to", out, *more)
        assert (code, said, out.read_text()) == (2, "", "before")
        assert sorted(path.name for path in tmp_path.glob("*.new")) == []
        return err

    assert "no column named 'carrier'" in refused(table.rename_columns(["delay", "carier", *table.column_names[2:]]))
    assert "did you mean 'flight'?" in refused(table, "rows.parquet", None, "--keep", "fligth")
    head = ",".join(table.column_names)
    good = "1.5,AA,,4,,2013-01-31T05:00:00Z,,true"
    assert "no column named 'delay'" in refused(name="rows.csv", text=head.replace("delay", "dely") + "\n" + good)
    err = refused(name="rows.csv", text=f'{head}\n\n{good}\n"1.5","A\nA",,4,,2013-01-31,,\nNA{good[3:]}\n')
    assert "column 'delay' holds 'NA' (" in err and "rows.csv, line 6)" in err and "--nulls NA" in err
    err = refused(name="rows.csv", text=f"{head}\n{good.replace('4', '4.5')}\n")
    assert "column 'hour' holds '4.5' (" in err and "expected a whole number" in err and "--nulls" not in err
    assert "line 1 is not JSON" in refused(name="rows.jsonl", text="{]\n")
    assert "line 2 is not an object" in refused(name="rows.jsonl", text=json.dumps(_row(table)) + "\n[1]\n")
    assert "rows from 0" in refused(name="rows.jsonl", text=json.dumps({**_row(table), "hour": "x"}) + "\n")
    code, _, err = command("predict", tmp_path / "rows.txt")
    assert code == 2 and "no such file" in err
    (tmp_path / "rows.txt").write_text("")
    assert "--format says which" in command("predict", tmp_path / "rows.txt")[2]
    assert "did you mean 'late'?" in command("predict", tmp_path / "rows.jsonl", "--endpoint", "lat")[2]


def _row(table):
    row = table.slice(0, 1).to_pylist()[0]
    del row["late"]
    return {**row, "when": row["when"].isoformat()}
