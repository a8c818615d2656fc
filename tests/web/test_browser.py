"""A real browser: the story of a pipeline, from upload to rolling back, without an error and without a request away."""

import textwrap

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headrace.access import Tokens
from tests.orchestration.small import FLOW, changed, month
from tests.web.browser.teller import ALERTS, PYTHON, find_chromium, plain_rows, tell, up


@pytest.mark.slow
@pytest.mark.browser
def test_the_story(tmp_path):
    """It is told to its end; no error is on the console, and nothing is asked of anybody else."""
    if not PYTHON.exists() or find_chromium() is None:
        pytest.skip("NO BROWSER: sh tools/environment.sh browser, and apt-get install chromium")
    project, beside = tmp_path / "project", tmp_path / "beside"
    (project / "data").mkdir(parents=True)
    beside.mkdir()
    (project / "headrace.toml").write_text('home = ".headrace"\nworkers = 2\npoll_s = 0.2\n' + ALERTS)
    for number in (1, 2, 3):
        pq.write_table(month(number), project / "data" / f"0{number}.parquet")
    bad = month(5)
    scaled = pa.array([None if value is None else value * 60 for value in bad["delay"].to_pylist()])
    pq.write_table(month(4), beside / "04.parquet")
    pq.write_table(changed(bad, "delay", scaled), beside / "05.parquet")
    (beside / "flow.py").write_text("import headrace as hr\n" + textwrap.dedent(FLOW))
    _, secret = Tokens(project / ".headrace").add("ada", "admin")
    with up(project) as addresses:
        seen = tell(
            project,
            addresses,
            beside,
            rows=plain_rows(month(2).drop_columns(["late"])),
            secret=secret,
            file=str(beside / "flow.py"),
            pipeline="flow",
            parameter="trees",
            value="5",
            endpoint="late",
            good=[str(beside / "04.parquet"), str(project / "data" / "04.parquet")],
            bad=[str(beside / "05.parquet"), str(project / "data" / "05.parquet")],
        )
    assert seen["faults"] == []
    assert "delay" in seen["why"] and seen["num_waived"] > 0
    assert seen["approved_run"] and "roc_auc" in seen["read"]
    first, last = seen["share_of_version_2"]
    assert first == 0 and last >= 80
