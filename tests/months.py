"""The flights of two small months, as Parquet and as messages, and the data set that a pipeline makes of either."""

import itertools
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from headrace.dataset.types import type_text
from headrace.orchestration import load_pipeline
from headrace.orchestration.runner import run_pipeline
from headrace.orchestration.stores import project_store
from headrace.orchestration.streams import Following, streams_of
from headrace.settings import load_settings

_FLOWS = itertools.count()
_FLOW = """
import headrace as hr


@hr.pipeline
def flow():
    raw = hr.ingest({source}, spans="last 6", label="late",
                    key=["time_hour", "carrier", "flight", "origin"], split={{"train": 8, "eval": 2}})
    hr.analyze(raw)
"""
PARQUET = '"data/{span}.parquet"'


def months(num_rows: int = 400) -> dict[str, pa.Table]:
    """The first flights of January and February 2013: nulls, texts, numbers, a time and a label."""
    import sys

    sys.path.insert(0, str(Path(__file__).parent.parent / "examples" / "flights"))
    try:
        from prepare import flights
    finally:
        sys.path.pop(0)
    table = flights()
    return {f"2013-{month:02d}": table.filter(pc.equal(table["month"], month)).slice(0, num_rows) for month in (1, 2)}


def as_messages(table: pa.Table) -> list[bytes]:
    """Each row as a JSON object; a null as null, a moment as RFC 3339."""
    found = []
    for row in table.to_pylist():
        row["time_hour"] = row["time_hour"].strftime("%Y-%m-%dT%H:%M:%SZ")
        found.append(json.dumps(row).encode())
    return found


def how(table: pa.Table) -> str:
    """The parameters of a stream of these rows."""
    types = {item.name: type_text(item.type) for item in table.schema}
    return f'time="time_hour", span="month", time_zone="America/New_York", types={types}'


def digest_of(folder: Path, source: str) -> str:
    """The digest of the data set that a pipeline of this source ingests, in a project of its own store."""
    file = folder / f"months_{next(_FLOWS)}.py"
    file.write_text(_FLOW.format(source=source))
    (folder / "headrace.toml").touch()
    pipeline = load_pipeline(file)
    settings = load_settings(folder)
    with project_store(settings) as store:
        assert store is not None
        streams = streams_of(pipeline, {})
        Following(store, streams, settings, lambda event: None).run(is_following=False)
        result = run_pipeline(pipeline, {}, in_process=True)
        assert result.ok
        return result.steps["ingest"].outputs["dataset"]


def write_months(folder: Path, tables: dict[str, pa.Table]) -> None:
    """As the demo has them."""
    (folder / "data").mkdir()
    for name, table in tables.items():
        pq.write_table(table, folder / "data" / f"{name}.parquet")
