"""Grants and masking: whose data a person may see, and what of a sensitive column nobody sees."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headrace.orchestration.runner import run_pipeline
from headrace.store import Store
from tests.web.conftest import Pages
from tests.web.crawling import crawl

FLOW = """
    @hr.step
    def talk(examples: object) -> int:
        print("row 1: {'patient': 'Mallory s3cret', 'n': 3}")
        print("patient=s3cret-2")
        return 3

    @hr.step
    def fall(number: int) -> int:
        raise ValueError("patient: s3cret-3")

    @hr.pipeline
    def flow():
        left = hr.ingest("data/{span}.parquet", label="y", key=["id"], sensitive=["patient"])
        right = hr.ingest("data/{span}.parquet", label="y", key=["id"], sensitive="patient", spans="last 1")
        schema = hr.infer_schema(hr.analyze(left))
        hr.validate(left, schema)
        hr.analyze(right)
        fall(talk(left))
"""


class _Months:
    def __init__(self, project):
        self.project = project


@pytest.fixture
def two(project):
    """A pipeline over two data sets, with a sensitive column that its steps print."""
    random = np.random.default_rng(0)
    n = random.normal(size=200)
    people = pa.array([None, *(f"s3cret-{at % 5}" for at in range(199))])
    (project.folder / "data").mkdir()
    table = pa.table({"id": pa.array(range(200)), "patient": people, "n": pa.array(n), "y": pa.array(n > 0)})
    pq.write_table(table, project.folder / "data" / "2013.parquet")
    project.write(FLOW)
    assert run_pipeline(project.pipeline(), {}).state == "failed"
    with Store.open(project.folder / ".headrace") as store:
        yield Pages(_Months(project), store)


@pytest.mark.slow
def test_what_a_person_sees(two):
    """With a grant for one data set: what was made of it, and nothing of the other; never a sensitive value."""
    run = two.run_id
    (ingests, statistics) = (
        [step["name"] for step in two.store.run(run).plan["steps"] if step["call"] == call]
        for call in ("ingest", "analyze")
    )
    assert len(ingests) == len(statistics) == 2
    left = ingests[0]
    ada = two.as_person(two.secret("viewer", name="ada", reads=[f"flow/{left}"]))
    bob = two.as_person(two.secret("viewer", name="bob", reads=["other/*"]))
    eve = two.as_person(two.secret("viewer", name="eve", reads=["flow/*"]))

    def status(client, path):
        return client.get(path).status_code, client.get(path + ".json").status_code

    assert status(ada, f"/runs/{run}/steps/{statistics[0]}") == (200, 200)
    assert status(ada, f"/runs/{run}/steps/{statistics[1]}") == (403, 403)
    assert status(ada, f"/runs/{run}/steps/talk/log") == (200, 200)
    assert status(ada, f"/runs/{run}") == (403, 403)  # it tells of both
    assert status(eve, f"/runs/{run}") == (200, 200)
    for path in (f"/runs/{run}", f"/runs/{run}/steps/talk", f"/runs/{run}/steps/talk/log"):
        assert status(bob, path) == (403, 403)
    assert status(bob, "/runs") == (200, 200)
    digest = two.store.catalog("validation")[0].digest
    assert status(ada, f"/artifacts/{digest}") == (200, 200) and status(bob, f"/artifacts/{digest}") == (403, 403)
    told = bob.get(f"/artifacts/{digest}.json").json()["error"]
    assert "bob may not see validation" in told


@pytest.mark.slow
def test_no_sensitive_value_on_any_page(two):
    """Not in statistics, not in logs, not in a failure's reason, not in the data behind a page."""
    client = two.as_person(two.secret("admin"))
    pages = crawl(client)
    assert len(pages) > 15
    for path in pages:
        bare, _, query = path.partition("?")
        twin = ("/index" if bare == "/" else bare) + ".json" + (f"?{query}" if query else "")
        for address in (path, twin):
            assert "s3cret" not in client.get(address).text, address
    log = client.get(f"/runs/{two.run_id}/steps/talk/log").text
    assert "patient=[masked]" in log and "'patient': [masked], 'n': 3" in log


def test_a_log_in_pieces(pages):
    """A log is given from a byte on, in whole lines while its run goes on, so that no half of a value is shown."""
    run = pages.store.runs(limit=1)[0]
    going = pages.store.create_run(run.pipeline, run.plan, resolved=run.resolved)
    folder = pages.store.home.logs / going
    folder.mkdir()
    (folder / "train.log").write_bytes(b"one\ntwo\nthr")
    path = f"/runs/{going}/steps/train/log"
    first = pages.client.get(path)
    assert (first.text, first.headers["x-next"]) == ("one\ntwo\n", "8")
    assert pages.client.get(f"{path}?after=8").text == ""
    (folder / "train.log").write_bytes(b"one\ntwo\nthree\n" + "ä".encode() * 40_000 + b"\n" + b"x" * 100 + b"\n")
    text, after = "", 8
    while piece := pages.client.get(f"{path}?after={after}"):
        if not piece.text:
            break
        text, after = text + piece.text, int(piece.headers["x-next"])
    assert text.startswith("three\n") and text.endswith("x" * 100 + "\n") and text.count("ä") >= 39_998
    pages.store.finish_run(going, "failed")
    (folder / "train.log").write_bytes(b"one\nhalf")
    assert pages.client.get(path).text == "one\nhalf"
    for odd in ("-1", "x", "9" * 30, "1e3", "99"):
        assert pages.client.get(f"{path}?after={odd}").status_code == 200
