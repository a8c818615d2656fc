"""Long lists: paged, newest first, and every page of them leads on."""

from tests.web.crawling import crawl


def copy_runs(pages, number):
    """So many more runs of 14 pipelines, cancelled."""
    run = pages.store.runs(limit=1)[0]
    for index in range(number):
        made = pages.store.create_run(f"flow_{index % 14}", run.plan, resolved=run.resolved, is_queued=True)
        pages.store.request_cancel(made)


def test_every_run_is_on_one_page(pages):
    """Following `older` from the first page meets each run once; `newer` leads back."""
    copy_runs(pages, 120)
    seen, path, num_pages = [], "/runs", 0
    while path:
        found = pages.client.get(path.replace("/runs", "/runs.json")).json()
        assert pages.client.get(path).status_code == 200
        seen += [row["run"] for row in found["runs"]]
        older = found["pages"]["older"]
        path, num_pages = (f"/runs{older}" if older else None), num_pages + 1
    assert (len(seen), len(set(seen)), num_pages) == (121, 121, 3)
    middle = pages.client.get("/runs.json?offset=50").json()["pages"]
    assert (middle["newer"], middle["older"]) == ("?", "?offset=100")
    few = pages.client.get("/runs.json?pipeline=flow_3&state=cancelled").json()
    assert {row["pipeline"] for row in few["runs"]} == {"flow_3"} and len(few["runs"]) == 9


def test_every_page_of_every_list(pages):
    """Lists that go on are pages as all others; odd places in them are empty pages, not errors."""
    copy_runs(pages, 60)
    for number in range(130):
        pages.site.audit(None, "tried", number=number)
    found = crawl(pages.client, leave=("/runs/", "/artifacts/", "/runs?pipeline="))
    assert {"/grid?offset=10", "/runs?offset=50"} <= set(found)
    assert any(path.startswith("/audit?before=") for path in found)
    for path in ("/runs?offset=9999999999999999", "/runs?offset=-1", "/runs?offset=x", "/grid?offset=500"):
        assert pages.client.get(path).status_code == 200
    assert pages.client.get("/data?kind=nothing").status_code == 404
