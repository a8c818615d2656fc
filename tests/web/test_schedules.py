"""Schedules: of each watched pipeline when it is looked at, when it was, and what has changed since its last run."""

import pytest

from headrace.orchestration.due import TICK
from tests.orchestration.processes import wait_until
from tests.orchestration.small import month
from tests.web.crawling import Markup

NIGHTLY = """import headrace as hr

@hr.step
def one(n: int) -> int:
    return n

@hr.pipeline(schedule="0 6 * * *", time_zone="Europe/Zurich")
def nightly(n: int = 1):
    one(n)
"""


def rows(pages):
    """The page's rows by pipeline, when every file was looked at."""
    found = wait_until(lambda: (data := pages.data("/schedules"))["num_pending"] == 0 and data, "looks")
    return {row["pipeline"] or row["file"]: row for row in found["schedules"]}


@pytest.mark.slow
def test_what_is_due(pages):
    """One that is up to date, one that waits for its tick, one that cannot be run; then data come for the first."""
    folder = pages.project.folder
    (folder / "nightly.py").write_text(NIGHTLY)
    (folder / "broken.py").write_text("import headrace as hr\n@hr.pipeline\ndef broken():\n    <img src=x>\n")
    found = rows(pages)
    assert found["flow"]["state"] == "up to date" and found["flow"]["changed"] == []
    assert found["flow"]["run"] == pages.run_id and found["flow"]["next_us"] is None
    assert found["nightly"]["state"] == "waits for its tick" and found["nightly"]["changed"] == ["it never ran"]
    assert found["nightly"]["next_us"] > 0 and "has not met it" in found["nightly"]["last_was"]
    assert found["broken.py"]["state"] == "cannot be run" and found["broken.py"]["error"]
    same = {"pipeline": "nightly", "schedule": "0 6 * * *", "time_zone": "Europe/Zurich"}
    pages.store.append_event(TICK, {**same, "tick_us": 1_700_000_000_000_000, "run": "abc"})
    pages.months.deliver("04", month(4))

    def changed():
        return (now := rows(pages))["flow"]["changed"] and now

    found = wait_until(changed, "the new month")
    assert found["flow"]["changed"] == ["span 04 arrived"] and found["flow"]["state"] == "changed"
    assert found["nightly"]["last_us"] == 1_700_000_000_000_000 and found["nightly"]["last_was"] == "run abc"
    assert found["nightly"]["next_us"] == 1_700_024_400_000_000  # the tick after that: 06:00 in Zurich is 05:00 UTC
    page = pages.client.get("/schedules")
    assert Markup(page.text).faults() == [] and "<img" not in page.text and "due" in page.text
