"""Files that are no Parquet in a pipeline: what is recorded of how they are read, and what makes them be read again."""

import pytest

from headrace.errors import Misuse
from headrace.orchestration.runner import run_pipeline
from tests.orchestration.small import actions, states

FLOW = """
    @hr.pipeline
    def flow():
        raw = hr.ingest(SOURCE, spans="last 2", label="y", key=["id"])
        schema = hr.infer_schema(hr.analyze(raw))
        hr.validate(raw, schema)
"""


@pytest.fixture
def months(project):
    """Three months of CSV, where NA is written for null."""
    (project.folder / "data").mkdir()
    for name, text in (("1", "id,y\n0,oops\n"), ("2", "id,y\n1,1\n2,NA\n"), ("3", "id,y\n3,0.5\n4,1\n")):
        (project.folder / "data" / f"{name}.csv").write_text(text)

    def write(source):
        project.write(FLOW.replace("SOURCE", source))
        return project

    return write


def run(project):
    """Run it, in this process."""
    return run_pipeline(project.pipeline(), {}, in_process=True)


def test_a_pattern_of_csv_files_needs_no_other_line(months):
    """They become artifacts like Parquet does; a second run reads nothing, a plan names what is new in a file."""
    project = months('"data/{span}.csv"')
    assert run(project).ok
    assert set(states(run(project)).values()) == {"cached"}
    (project.folder / "data" / "4.csv").write_text("id,y,more\n5,,1\n")
    plan = project.pipeline().plan()
    assert actions(plan)["ingest[4]"] == "will run"
    assert "span 4: column 'more' (int64) is new" in plan.data


def test_how_files_are_read_is_part_of_the_step(months):
    """Another meaning of NA reads the files again; another way of naming the same files does not."""
    project = months('"data/{span}.csv"')
    assert run(project).ok
    project = months('hr.Csv("data/{span}.csv", nulls=["NA"])')
    assert actions(project.pipeline().plan())["ingest[3]"] == "will run"
    assert run(project).ok
    project = months('hr.Csv("{span}.csv", base="data", nulls=["NA"])')
    assert actions(project.pipeline().plan())["ingest[3]"] == "cached"
    result = run(project)
    assert result.ok and states(result)["ingest[2]"] == "cached"


def test_a_bad_line_fails_its_span_and_no_other(months):
    """The step says file and line; what it would have given is not there."""
    project = months('"data/{span}.csv"')
    (project.folder / "data" / "3.csv").write_text("id,y\n3,0.5\n4,1,1\n")
    result = run(project)
    found = states(result)
    assert (found["ingest[2]"], found["ingest[3]"], found["ingest"]) == ("succeeded", "failed", "blocked")
    assert "3.csv, line 3" in result.steps["ingest[3]"].reason


def test_what_is_no_source_is_refused_at_its_line(months):
    """An object that cannot be recorded is named where it was written."""
    project = months("object()")
    with pytest.raises(Misuse, match=r"pattern.*object.*flow_\d+\.py, line"):
        project.pipeline().plan()


def test_a_database_is_a_source_too(months):
    """A query is part of the step; an unchanged database is not read again."""
    import duckdb

    project = months('""')
    with duckdb.connect(str(project.folder / "flows.db")) as connection:
        connection.execute("create table flows as select i id, i / 2 y from range(9) r(i)")
    project.write(FLOW.replace("SOURCE", 'hr.DuckDB("flows.db", table="flows")').replace("last 2", "all"))
    assert run(project).ok
    assert set(states(run(project)).values()) == {"cached"}
    query = 'hr.DuckDB("flows.db", query="select id, y from flows where id > 3 order by id")'
    project.write(FLOW.replace("SOURCE", query).replace("last 2", "all"))
    assert actions(project.pipeline().plan())["ingest[all]"] == "will run"
    assert run(project).ok
