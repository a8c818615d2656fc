"""The data change shape: what `plan` says, what a run does, which one file changes, and what serves meanwhile."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from headrace.cli import main
from headrace.model import Model
from headrace.orchestration.ending import ending
from headrace.settings import load_settings
from headrace.store import Store
from tests.orchestration.small import STEPS, actions, changed, month, reasons, states


@pytest.fixture
def months(project, prepared, monkeypatch):
    """Three months have arrived, and version 1 of endpoint `late` serves the model of them."""
    monkeypatch.chdir(project.folder)
    return prepared(project)


def served(months):
    """(version, model) behind the endpoint."""
    with Store.open(load_settings(months.project.folder).home, read_only=True) as store:
        live = store.endpoint("late")
        return live.version, store.load_artifact(live.model_digest, Model)


def answers(months, rows):
    """What the served version says of rows."""
    return served(months)[1].predict(rows)["prediction"].to_pylist()


def findings(result):
    """The names of what the validation refused."""
    return result.steps["validate"].result.get("names", [])


def warnings(result, step="validate"):
    """The names of what it warned of."""
    return [line.partition(": ")[0] for line in result.steps[step].result.get("warnings", ())]


def said(months, result):
    """All that is told at the end of a run, as one text."""
    with Store.open(load_settings(months.project.folder).home, read_only=True) as store:
        return "\n".join(ending(store, store.run(result.run_id)))


def refused(months, result, *names):
    """The run stopped at validation with exactly these findings, and version 1 answers as before."""
    assert result.state == "rejected" and findings(result) == list(names)
    assert all(states(result)[step] == "blocked" for step in STEPS[4:])
    assert served(months)[0] == 1
    text = said(months, result)
    assert "endpoint late: still serves version 1" in text
    is_shape = any(name.startswith(("missing_column:", "type:")) for name in names)  # no step could read it
    assert ("--waive" in text) != is_shape
    assert is_shape or f"--waive {names[0]} --by NAME --because REASON" in text
    return text


def test_nothing_new(months):
    """With the same files and code everything is cached, and nothing would be pushed."""
    plan = months.plan()
    assert set(actions(plan).values()) == {"cached", "looked up"}
    assert (plan.data, plan.gone) == ((), ())
    assert [(push.serves, push.version) for push in plan.pushes] == [(1, None)]


def test_a_new_month(months):
    """The plan names the span that arrived and what follows from it, the endpoint, and what has left the window."""
    months.deliver("04", month(4))
    plan = months.plan()
    assert {name: action for name, action in actions(plan).items() if action != "looked up"} == {
        "ingest[02]": "cached",
        "ingest[03]": "cached",
        "ingest[04]": "will run",
        "ingest": "will run",
        "analyze": "runs if its input changes",
        "infer_schema": "runs if its input changes",
        "validate": "will run",
        "transform": "runs if its input changes",
        "train": "runs if its input changes",
        "evaluate": "will run",
        "gate": "runs if its input changes",
        "push": "will run",
    }
    why = reasons(plan)
    assert why["ingest[04]"] == ["span 04 arrived"]
    assert why["ingest"] == ["ingest[01].span is no longer given", "ingest[04].span may change"]
    assert why["analyze"] == ["ingest.dataset may change"]
    assert why["validate"] == ["previous.dataset is given now", "ingest.dataset may change"]
    assert why["champion"] == ["version 1"]
    assert (plan.gone, plan.data) == (("ingest[01]",), ())
    (push,) = plan.pushes
    assert (push.endpoint, push.serves, push.version) == ("late", 1, 2)
    result = months.run()
    assert result.ok and result.endpoints == {"late": [1, 2]}


def test_a_column_renamed(months):
    """Plan and run name the column, the span and who uses it; one line of flow.py makes old and new one column."""
    rows = month(4)
    before = answers(months, rows)
    months.deliver("04", rows.rename_columns(["town" if name == "city" else name for name in rows.column_names]))
    line = months.project.line('"city": ops.vocabulary(x.city, top_k=5),')
    missing, new = months.plan().data
    assert missing.startswith("span 04: column 'city' is missing; span 03 has it as string; used by features")
    assert line in missing and "slices of evaluate" in missing
    assert new == "span 04: column 'town' (string) is new"

    text = refused(months, months.run(), "missing_column:city")
    assert "column 'city' is missing in span 04; if 'town', which is new there, is the same: hr.ingest(" in text

    months.rewrite('label="late",', 'label="late", rename={"town": "city"},')
    plan = months.plan()
    assert plan.data == () and reasons(plan)["ingest[04]"] == ["rename.town: - -> city"]
    result = months.run()
    assert result.ok and served(months)[0] == 2
    with Store.open(load_settings(months.project.folder).home, read_only=True) as store:
        old = store.load_artifact(store.endpoint("late", 1).model_digest, Model)
    assert old.predict(rows)["prediction"].to_pylist() == before  # its own codec still takes its own columns
    assert len(answers(months, rows)) == len(rows)


def test_a_column_renamed_everywhere(months):
    """When the whole window has the new name, the features change; version 1 keeps its codec, version 2 has its own."""
    old_model = served(months)[1]
    for number in (1, 2, 3):
        rows = month(number)
        months.deliver(
            f"0{number}", rows.rename_columns(["town" if name == "city" else name for name in rows.column_names])
        )
    refused(months, months.run(), "missing_column:city")
    months.rewrite("ops.vocabulary(x.city", "ops.vocabulary(x.town")
    months.rewrite('slices=["city"]', 'slices=["town"]')
    (months.project.folder / "schema.yaml").write_text(
        "format: 1\nfeatures:\n"
        + "".join(
            f"  - {{name: {name}, kind: {kind}}}\n"
            for name, kind in {"id": "integer", "at": "timestamp", "town": "text", "delay": "number"}.items()
        )
        + "  - {name: n, kind: integer}\n  - {name: late, kind: boolean, not_in: [serving]}\n"
    )
    plan = months.plan()
    assert next(why for why in reasons(plan)["transform"] if "feature" in why).startswith("feature 'city' changed")
    assert actions(plan)["load_schema"] == "will run"
    result = months.run()
    assert result.ok and "not compared with the champion" in said(months, result)
    version, model = served(months)
    assert version == 2
    assert {column.name for column in old_model.signature.columns} == {"delay", "city", "n"}
    assert {column.name for column in model.signature.columns} == {"delay", "town", "n"}


def test_a_category_added(months):
    """A city nobody listed stops the run; accepting it writes one file, the schema, and the next run goes on."""
    rows = month(4)
    months.deliver("04", changed(rows, "city", pc.if_else(pc.equal(rows["city"], "C"), "D", rows["city"])))
    assert months.plan().data == ()  # what is in the rows cannot be seen without reading them
    result = months.run()
    text = refused(months, result, "domain:city")
    assert "'D'; the schema lists 3 values" in text
    assert f"headrace schemas accept {result.run_id} --allow domain:city" in text

    assert main(["schemas", "accept", result.run_id, "--allow", "domain:city"]) == 0
    file = months.project.folder / "schema.yaml"
    assert "domain: [A, B, C, D]" in file.read_text()
    plan = months.plan()
    assert actions(plan)["load_schema"] == "will run"
    assert "load_schema.schema may change" in reasons(plan)["validate"]
    assert {actions(plan)[name] for name in ("ingest[04]", "ingest", "analyze")} == {"cached"}
    assert months.run().ok and served(months)[0] == 2
    written = file.read_bytes()
    assert main(["schemas", "accept", result.run_id]) == 0  # the file says so already, and is left as it is
    assert main(["schemas", "accept", result.run_id, "--replace"]) == 2  # nor is it written anew unasked
    assert file.read_bytes() == written


def test_a_unit_changed(months):
    """Kilometres for miles in one month stop the run, with the factor; the month repaired is one file again."""
    miles = pa.array(np.tile([187.0, 200.0, 502.0, 944.0, 1400.0, 2475.0, 733.0, 1089.0], 50))
    for number in (1, 2, 3):
        months.deliver(f"0{number}", month(number).append_column("dist", miles))
    months.rewrite('"n": x.n,', '"n": x.n, "dist": x.dist,')
    result = months.run(trees=5)  # the schema accepted so far knows nothing of it
    assert "column 'dist' is in the data, but not in the schema" in result.steps["transform"].reason
    assert "headrace schemas accept --allow new_column:dist" in result.steps["transform"].reason
    assert main(["schemas", "accept", "--allow", "new_column:dist"]) == 0
    assert months.run(trees=5).ok and served(months)[0] == 2
    months.deliver("04", month(4).append_column("dist", pc.multiply(miles, 1.609344)))
    result = months.run(trees=5)
    assert result.state == "rejected" and findings(result) == ["drift_scale:dist"]
    assert "1.609 times" in said(months, result) and "kilometres instead of miles" in said(months, result)
    assert served(months)[0] == 2

    months.deliver("04", month(4).append_column("dist", miles))
    plan = months.plan(trees=5)
    assert reasons(plan)["ingest[04]"] == ["04.parquet changed"]
    assert {actions(plan)[name] for name in ("ingest[02]", "ingest[03]")} == {"cached"}
    assert months.run(trees=5).ok and served(months)[0] == 3


def test_a_column_added(months):
    """A column that nobody asked for stops nothing: it is named, and nothing that was there changes."""
    months.deliver("04", month(4).append_column("wind", pa.array([None, *[1.5] * 399])))
    assert months.plan().data == ("span 04: column 'wind' (double) is new",)
    result = months.run()
    assert result.ok and warnings(result) == ["new_column:wind"]
    assert "'wind' is missing in 02, 03 but double in 04" in result.steps["analyze"].result["warnings"][0]
    assert {column.name for column in served(months)[1].signature.columns} == {"delay", "city", "n"}


def test_an_integer_widened(months):
    """int32 that became int64 is read as int64, warned of, and sliced by; nothing stops."""
    months.rewrite('slices=["city"]', 'slices=["city", "n"]')
    months.run()
    rows = month(4)
    months.deliver("04", changed(rows, "n", rows["n"].cast(pa.int64())))
    (line,) = months.plan().data
    assert line.startswith("span 04: column 'n' is int64; in span 03 it is int32; used by features")
    result = months.run()
    assert result.ok and "type:n" in warnings(result)
    assert "int32 in spans 02, 03 but int64 in span 04; it is read as int64" in said(months, result)


def test_whole_numbers_that_became_fractions(months):
    """int32 that became double is another kind: the schema, one file, says that it may be."""
    rows = month(4)
    months.deliver("04", changed(rows, "n", pc.add(rows["n"].cast(pa.float64()), 0.5)))
    (line,) = months.plan().data
    assert line.startswith("span 04: column 'n' is double; in span 03 it is int32")
    result = months.run()
    text = refused(months, result, "type:n")
    assert "number (double) in span 04; the schema says integer: deliver that, or change the schema to kind" in text

    assert main(["schemas", "accept", result.run_id, "--allow", "type:n"]) == 0
    result = months.run()
    assert result.ok and "it is read as double" in said(months, result) and served(months)[0] == 2
    kinds = {column.name: column.kind for column in served(months)[1].signature.columns}
    assert kinds["n"] == "number"
    assert (
        "gate warns of:\n  not compared with the champion: it does not take these rows: column 'n' is double"
        in said(months, result)
    )


def test_another_time_zone(months):
    """The same moments told in another zone are the same moments: read as UTC, and warned of."""
    rows = month(4)
    months.deliver("04", changed(rows, "at", rows["at"].cast(pa.timestamp("us", "America/New_York"))))
    (line,) = months.plan().data
    assert "column 'at' is timestamp[us, tz=America/New_York]; in span 03 it is timestamp[us, tz=UTC]" in line
    result = months.run()
    assert result.ok and warnings(result) == ["type:at"]


def test_no_time_zone(months):
    """Moments that have lost their zone do not say when they are: refused, with what to deliver."""
    rows = month(4)
    months.deliver("04", changed(rows, "at", rows["at"].cast(pa.timestamp("us"))))
    text = refused(months, months.run(), "type:at")
    assert "timestamp[us] in span 04; moments without a zone do not say when they are: deliver them with one" in text


def test_two_columns_of_one_name(months):
    """A file that names two columns alike cannot be read: plan and run name the file; redelivered, it runs."""
    rows = month(4)
    months.deliver("04", rows.append_column("city", rows["city"]))
    (line,) = months.plan().problems
    assert line.startswith("span 04: it cannot be read: two columns are named 'city'") and "04.parquet" in line
    result = months.run()
    assert result.state == "failed" and states(result)["ingest[04]"] == "failed"
    text = said(months, result)
    assert "two columns are named 'city'" in text and "endpoint late: still serves version 1" in text
    assert "next: put the file right, then: headrace run" in text and "resume" not in text
    months.deliver("04", rows)
    assert months.run().ok and served(months)[0] == 2


def test_an_empty_month(months):
    """A month without rows is warned of; its empty parts, all alike, are taken for nobody's training rows."""
    months.deliver("04", month(4).slice(0, 0))
    assert months.plan().data == ("span 04: no rows",)
    result = months.run()
    assert result.ok and warnings(result) == ["empty_span"] and served(months)[0] == 2
    assert not any(part.startswith("04/") for part in served(months)[1].signature.fitted_parts)
    months.deliver("05", month(5).slice(0, 0))
    result = months.run()
    assert result.ok and result.value("evaluate").num_rows > 0
    months.deliver("06", month(6))
    assert months.run().ok


def test_a_month_delivered_twice(months):
    """The same rows under two names would count twice: the plan says so, the run refuses; one file goes."""
    months.deliver("04", month(4))
    months.deliver("04b", month(4))
    assert months.plan().data == ("span 04b: the same file as span 04; its rows would count twice",)
    text = refused(months, months.run(), "repeated_span")
    assert "spans 04, 04b hold the same rows" in text
    (months.folder / "04b.parquet").unlink()
    assert months.run().ok and served(months)[0] == 2


def test_late_rows(months):
    """A month delivered again with more rows: only it is read again, and all that follows from it."""
    months.deliver("03", pa.concat_tables([month(3), month(3, 50)]))
    plan = months.plan()
    assert plan.data == ("span 03: delivered again, with 450 rows; it had 400",)
    assert reasons(plan)["ingest[03]"] == ["03.parquet changed"]
    assert {actions(plan)[name] for name in ("ingest[01]", "ingest[02]")} == {"cached"}
    result = months.run()
    assert result.ok and served(months)[0] == 2
    assert result.steps["ingest"].result["num_rows"] == 1250
    assert result.steps["ingest[03]"].state == "succeeded" and result.steps["ingest[01]"].state == "cached"
    months.deliver("03", month(3))  # and back
    plan = months.plan()
    assert set(actions(plan).values()) <= {"cached", "looked up"}


def test_a_schema_file_that_is_none(months):
    """A mistake in the schema file is told by the plan already, with its line; the run says to put it right."""
    (months.project.folder / "schema.yaml").write_text("format: 1\nfeatures:\n  - name: n\n    kynd: integer\n")
    plan = months.plan()
    assert actions(plan)["load_schema"] == "will run" and reasons(plan)["load_schema"] == ["schema.yaml is there now"]
    (line,) = plan.problems
    assert line.startswith("schema.yaml: it cannot be read: no key named 'kynd'") and "line 4" in line
    result = months.run()
    assert result.state == "failed" and "next: put the file right, then: headrace run" in said(months, result)


def test_a_feature_of_no_column(months):
    """The plan says already that a feature's column is in no span, with its line and the nearest name."""
    assert months.plan().problems == ()
    months.rewrite("x.city", "x.ctiy")
    (line,) = months.plan().problems
    assert line.startswith("transform cannot run: no column named 'ctiy'") and "did you mean 'city'?" in line
    assert months.project.file.name in line
    months.run()
    assert months.plan().problems == (line,)  # known spans are asked too, not only new files
