"""One file that is delivered again under its old name is compared with what was accepted of it before."""

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from headrace.orchestration.runner import run_pipeline
from tests.orchestration.small import actions, changed, month, reasons, states

ONE_FILE = """
    @hr.pipeline
    def flow(weight: int = 8):
        raw = hr.ingest("data.parquet", label="late", key=["id"], split={"train": weight, "eval": 2})
        schema = hr.load_schema("schema.yaml", otherwise=hr.infer_schema(hr.analyze(raw)))
        hr.validate(raw, schema, previous=hr.previous(raw)).accepted
"""


@pytest.fixture
def delivered(project):
    """Deliver a table as the pipeline's one file and run it."""
    project.write(ONE_FILE)

    def deliver(table, **parameters):
        pq.write_table(table, project.folder / "data.parquet")
        return run_pipeline(project.pipeline(), parameters, in_process=True)

    return deliver


def in_other_units(table):
    """The same rows, their delays a hundred times as large."""
    return changed(table, "delay", pc.multiply(table["delay"], 100.0))


def test_another_unit_is_found(delivered, project):
    """The second delivery is judged by the first, and refused: the plan says what it is compared with."""
    first = delivered(month(1))
    assert first.ok and "drift not compared: there is no previous" in first.steps["validate"].result["summary"]
    second = delivered(in_other_units(month(1)))
    assert second.state == "rejected"
    assert second.steps["previous"].outputs == {"dataset": first.steps["validate"].outputs["accepted"]}
    assert second.steps["validate"].result["names"] == ["drift_scale:delay"]
    (why,) = reasons(project.pipeline().plan())["previous"]
    assert why.endswith("an earlier delivery of the same spans")


def test_more_rows_are_compared_and_pass(delivered):
    """A file that has grown is compared with what it was; run again, it is compared with the same, all cached."""
    first = delivered(month(1))
    longer = pa.concat_tables([month(1), month(2)])
    for _ in range(2):
        grown = delivered(longer)
        assert grown.ok and "not compared" not in grown.steps["validate"].result["summary"]
        assert grown.steps["previous"].outputs == {"dataset": first.steps["validate"].outputs["accepted"]}
    assert set(states(grown).values()) == {"cached"}


def test_the_same_content_is_not_its_own_previous(delivered, project):
    """Run again, or split otherwise: still the first delivery, compared with nothing."""
    delivered(month(1))
    assert set(actions(project.pipeline().plan()).values()) == {"cached", "looked up"}
    again = delivered(month(1), weight=7)
    assert again.steps["previous"].outputs == {"dataset": None}
