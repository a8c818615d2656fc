"""Approvals in the browser: an inbox of what waits; the answer, in a person's name, with a reason."""

from types import SimpleNamespace

import pytest

from headrace.orchestration.runner import run_pipeline
from headrace.store import Store
from tests.orchestration.processes import call
from tests.orchestration.test_approvals import FLOW
from tests.web.conftest import Pages
from tests.web.crawling import Markup

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def waiting(project):
    """The pages of a project with a run that waits for an answer."""
    project.write(FLOW)
    run_pipeline(project.pipeline(), {"question": f"fair? {SCRIPT}"}, in_process=True)
    with Store.open(project.folder / ".headrace") as store:
        yield Pages(SimpleNamespace(project=project), store)


@pytest.mark.slow
def test_approve(waiting):
    """The inbox and the run's page ask; a yes with a reason is bound to what was shown; the run then goes on."""
    run_id = waiting.run_id
    (asked,) = waiting.data("/approvals")["waiting"]
    assert (asked["run_id"], asked["question"]) == (run_id, f"fair? {SCRIPT}")
    assert [one["name"] for one in asked["about"]] == ["thing", "evidence[0]"]
    assert waiting.data(f"/runs/{run_id}")["waiting"] == [asked] and waiting.data("/index")["num_waiting"] == 1
    for path in ("/approvals", f"/runs/{run_id}", "/"):
        answer = waiting.client.get(path)
        assert Markup(answer.text).faults() == [] and SCRIPT not in answer.text
    ada = waiting.as_person(waiting.secret("operator", name="ada"))
    form = {"step": asked["step"], "subject": asked["subject"], "answer": "approve", "because": "it is fair"}
    for wrong, words in (
        ({"because": " "}, "without a reason"),
        ({"answer": "maybe"}, "approve or reject"),
        ({"subject": ""}, "nothing is said to be answered"),
        ({"subject": "0" * 64}, "asks about something else by now"),
        ({"step": "train"}, "no approval named"),
    ):
        answer = ada.post(f"/runs/{run_id}/answer.json", data={**form, **wrong})
        assert answer.status_code in (400, 404) and words in answer.json()["error"], answer.text
    eve = waiting.as_person(waiting.secret("viewer", name="eve"))
    assert eve.post(f"/runs/{run_id}/answer", data=form).status_code == 403
    assert "Approve" not in eve.get("/approvals").text and eve.get("/approvals.json").json()["waiting"] == [asked]
    other = waiting.as_person(waiting.secret("operator", name="otto", reads=("other/*",)))
    assert other.get("/approvals.json").json()["waiting"] == []
    assert other.post(f"/runs/{run_id}/answer", data=form).status_code == 403
    told = ada.post(f"/runs/{run_id}/answer.json", data=form).json()
    assert told["is_approved"] and told["state"] == "queued" and "by ada" in told["said"]
    assert ada.get("/approvals.json").json()["waiting"] == []
    assert "by ada already" in ada.post(f"/runs/{run_id}/answer.json", data=form).json()["error"]
    (event,) = [event.body for event in waiting.store.events_of("audit") if event.body["what"] == "approve"]
    assert (event["who"], event["because"], event["subject"]) == ("ada", "it is fair", asked["subject"])
    assert call(waiting.project, "worker", "--once")[0] == 0
    assert waiting.store.run(run_id).state == "succeeded"


@pytest.mark.slow
def test_what_the_answer_hangs_on(prepared, project):
    """Of a verdict and an evaluation the figures are there, not digests alone; so is until when an answer counts."""
    months = prepared(project)
    asking = "hr.push(model, hr.approval(verdict, evidence=[report], timeout_s=3600),"
    months.rewrite("hr.push(model, verdict,", asking)
    assert months.run().state == "waiting"
    with Store.open(project.folder / ".headrace") as store:
        pages = Pages(months, store)
        (asked,) = pages.data("/approvals")["waiting"]
        thing, evidence = asked["about"]
        assert (thing["made_by"], evidence["made_by"]) == ("gate.leave", "evaluate.evaluation")
        assert thing["says"][0] == "1 of 1 values keep the rules" and evidence["says"][0].startswith("roc_auc 0.9")
        assert thing["says"][1].startswith("the nearest to its limit: yes: roc_auc >= 0.6: 0.9")
        page = Markup(pages.client.get("/approvals").text)
        assert page.faults() == [] and "Evidence: evaluate.evaluation" in page.text and "it is a no" in page.text
        assert asked["until_us"] - asked["asked_us"] == 3_600_000_000
        run = pages.data(f"/runs/{asked['run_id']}")
        assert run["num_done"] == run["num_steps"] - 2  # neither what waits is done, nor what is behind it


@pytest.mark.slow
def test_reject(waiting):
    """A no is kept with its reason; the run ends as one that said no."""
    run_id = waiting.run_id
    (asked,) = waiting.data("/approvals")["waiting"]
    form = {"step": asked["step"], "subject": asked["subject"], "answer": "reject", "because": "not fair"}
    assert waiting.post(f"/runs/{run_id}/answer", form).status_code == 303
    call(waiting.project, "worker", "--once")
    assert waiting.store.run(run_id).state == "rejected"
    assert "not fair" in waiting.client.get(f"/runs/{run_id}").text
