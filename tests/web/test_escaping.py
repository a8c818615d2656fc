"""A user's own words are shown as text on every page, whatever they are; and every link leads somewhere."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headrace.orchestration.runner import run_pipeline
from headrace.store import Store
from tests.web.conftest import Client, Pages
from tests.web.crawling import crawl

EVIL = "<script>alert(1)</script>"
COLUMN = "<img src=x onerror=alert(2)>"
CATEGORY = "\"'><svg onload=alert(3)>\u202e"
PRINTED = "</pre><script>alert(4)</script>"
FLOW = """
    from headrace import ops

    COLUMN = {column!r}

    def features(x):
        return {{"c": ops.vocabulary(x[COLUMN], top_k=5), "n": ops.z_score(x.n)}}

    @hr.step
    def talk(word: str) -> str:
        print({printed!r})
        return word

    @hr.step
    def fall(word: str) -> str:
        raise ValueError({printed!r} + word)

    @hr.pipeline
    def flow(word: str = {evil!r}):
        raw = hr.ingest("data/{{span}}.parquet", label="y", key=["id"], split={{"train": 8, "eval": 2}})
        schema = hr.infer_schema(hr.analyze(raw, slices=[COLUMN]))
        examples = hr.validate(raw, schema).accepted
        graph = hr.transform(features, examples)
        model = hr.train(hr.XGBoost(n_estimators=2, max_depth=2), graph, examples)
        report = hr.evaluate(model, examples, slices=[COLUMN], metrics=["roc_auc"])
        hr.push(model, hr.gate(model, report, rules=["roc_auc >= 0.1"]), endpoint="late")
        fall(talk(word))
"""


class _Months:
    def __init__(self, project):
        self.project = project


@pytest.fixture
def evil(project):
    """A project full of words that a page must not take for markup."""
    random = np.random.default_rng(0)
    rows = 300
    n = random.normal(size=rows)
    words = pa.array([None, *([CATEGORY, EVIL, "plain"][at] for at in random.integers(0, 3, rows - 1))])
    table = pa.table({"id": pa.array(range(rows)), COLUMN: words, "n": pa.array(n), "y": pa.array(n > 0)})
    (project.folder / "data").mkdir()
    pq.write_table(table, project.folder / "data" / "2013.parquet")
    project.write(FLOW.format(column=COLUMN, printed=PRINTED, evil=EVIL))
    result = run_pipeline(project.pipeline(), {})
    assert result.state == "failed", result
    with Store.open(project.folder / ".headrace") as store:
        # No function has such a name; what another version, or a hand, has written may have.
        run = store.run(result.run_id)
        other = store.create_run(
            EVIL, run.plan, resolved=run.resolved, is_queued=True, trigger={"by": EVIL, "why": [EVIL]}
        )
        store.request_cancel(other)
        pages = Pages(_Months(project), store)
        pages.site.audit(None, EVIL, **{COLUMN: CATEGORY})
        yield pages


@pytest.mark.slow
def test_words_stay_words(evil):
    """On every page that links lead to, no element, attribute or address was made by a word; each has its data."""
    look = evil.site.look(evil.project.file)
    look.thread.join(60)
    token, secret = evil.site.tokens.add(EVIL, "admin")
    client = Client(evil.app, authorization=f"Bearer {secret}")
    pages = crawl(client)
    assert {"/", "/runs", "/grid", "/pipelines", "/data", "/models", "/endpoints/late", "/audit", "/access"} <= set(
        pages
    )
    assert len(pages) > 40
    assert {path: faults for path, page in pages.items() if page is not None and (faults := page.faults())} == {}
    texts = {path: page.text for path, page in pages.items() if page is not None}
    assert all(EVIL in text for text in texts.values())  # the name of who looks, in the bar
    run = next(run for run in evil.store.runs() if run.pipeline == "flow").run_id
    assert PRINTED in texts[f"/runs/{run}/steps/talk"]
    assert PRINTED in texts[f"/runs/{run}/steps/fall"] and PRINTED in texts[f"/runs/{run}"]
    statistics = evil.store.catalog("statistics")[0].digest
    shown = texts[f"/artifacts/{statistics}"]
    assert COLUMN in shown and "\\u202e" in shown and "\u202e" not in shown
    log = client.get(f"/runs/{run}/steps/talk/log")
    assert PRINTED in log.text and log.headers["content-type"].startswith("text/plain")
    assert token.name == EVIL
    for path, page in pages.items():
        if page is None:
            continue
        bare, _, query = path.partition("?")
        answer = client.get(("/index" if bare == "/" else bare) + ".json" + (f"?{query}" if query else ""))
        assert answer.status_code == 200 and answer.json()["format"] == 1, path
        assert answer.headers["content-type"] == "application/json"
