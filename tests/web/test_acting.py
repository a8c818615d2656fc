"""Acting: upload, check, run, cancel, resume, waive, roll back; each does what its command does, in a person's name."""

import pyarrow as pa
import pytest

from tests.orchestration.processes import call, wait_until
from tests.orchestration.small import changed, month
from tests.web.conftest import BASE

SIMPLE = """import headrace as hr

@hr.step
def double(number: int) -> int:
    return 2 * number

@hr.pipeline
def doubling(number: int = 3, share: float = 0.5, is_on: bool = False, word: str = "a", rest=None):
    double(number)
"""


def upload(pages, name, text, **more):
    """A file through the form."""
    return pages.post("/pipelines", more, files={"file": (name, text.encode())})


def looked_at(pages, name):
    """What the page of a file says when it was looked at."""
    return wait_until(lambda: (found := pages.data(f"/pipelines/{name}")) and not found["is_looking"] and found, name)


def events(pages, *kinds):
    """The audit log, oldest first."""
    return [event.body for event in reversed(pages.store.events_of("audit")) if event.body["what"] in kinds]


@pytest.mark.slow
def test_upload_look_run(pages):
    """A file goes into the project, is looked at apart, shown with a typed form, and runs with what the form says."""
    answer = upload(pages, "doubling.py", SIMPLE)
    assert (answer.status_code, answer.headers["location"]) == (303, "/pipelines/doubling.py")
    found = looked_at(pages, "doubling.py")
    assert found["error"] is None and not found["is_watched"]
    (pipeline,) = found["pipelines"]
    assert [(field["name"], field["type"], field["value"]) for field in pipeline["form"]] == [
        ("number", "int", "3"),
        ("share", "float", "0.5"),
        ("is_on", "bool", "false"),
        ("word", "str", "a"),
        ("rest", "json", "null"),
    ]
    wrong = pages.post("/pipelines/doubling.py", {"pipeline": "doubling", "p.number": "many"})
    assert wrong.status_code == 400 and "not of type int" in wrong.text
    assert pages.post("/pipelines/doubling.py", {"pipeline": "other"}).status_code == 400
    form = {"pipeline": "doubling", "p.number": "21", "p.rest": "[1, 2]"}
    run_id = pages.post("/pipelines/doubling.py", form).headers["location"].rpartition("/")[2]
    run = pages.store.run(run_id)
    assert (run.state, run.plan["parameters"]["number"], run.plan["parameters"]["rest"]) == ("queued", 21, [1, 2])
    assert call(pages.project, "worker", "--once")[0] == 0
    page = pages.data(f"/runs/{run_id}")
    assert page["state"] == "succeeded" and page["trigger"]["by"] == pages.site.person(None, None).name
    digest = page["steps"][0]["outputs"]["output"]["digest"]
    assert "42" in pages.client.get(f"/artifacts/{digest}").text
    assert [event["what"] for event in events(pages, "upload", "run")] == ["upload", "run"]
    assert pages.data("/pipelines/doubling.py")["pipelines"][0]["runs"][0]["run"] == run_id
    again = pages.client.get(f"/pipelines/doubling.py?as={run_id}").text
    assert 'value="21"' in again


def test_uploads_that_are_refused(pages):
    """No path, no hidden module, no other file, no accident; what is replaced stays to be had."""
    stem = pages.project.file.stem
    for name in (
        "../evil.py",
        "a/../../evil.py",
        "evil.txt",
        ".evil.py",
        "e vil.py",
        "evil.py\n",
        "json.py",
        "numpy.py",
    ):
        answer = upload(pages, name, SIMPLE)
        written = [path.name for path in pages.project.folder.glob("*.py")]
        if answer.status_code == 303:  # of a path the name alone is taken
            assert set(written) == {f"{stem}.py", "evil.py"} and not (pages.project.folder.parent / "evil.py").exists()
            (pages.project.folder / "evil.py").unlink()
            pages.site.forget_files()
        else:
            assert answer.status_code == 400 and written == [f"{stem}.py"], name
    assert upload(pages, "empty.py", " ").status_code == 400
    assert upload(pages, f"{stem}.py", SIMPLE).status_code == 400
    before = pages.project.file.read_bytes()
    assert upload(pages, f"{stem}.py", SIMPLE, replace="yes").status_code == 303
    assert pages.project.file.read_text() == SIMPLE
    kept = [file.read_bytes() for file in (pages.project.folder / ".headrace" / "uploads").iterdir()]
    assert sorted(kept) == sorted([before, SIMPLE.encode()])


def test_uploads_can_be_switched_off(pages):
    """The setting web_uploads says whether there are any."""
    from dataclasses import replace

    pages.site.settings = replace(pages.site.settings, web_uploads=False)
    assert upload(pages, "doubling.py", SIMPLE).status_code == 400
    assert "Upload" not in pages.client.get("/pipelines").text


@pytest.mark.slow
def test_up_leaves_uploads_alone(pages):
    """`headrace up` runs an uploaded file by itself only where that was asked for."""
    upload(pages, "doubling.py", SIMPLE)
    upload(pages, "tripling.py", SIMPLE.replace("doubling", "tripling"), watch="yes")
    assert call(pages.project, "up", "--once", "--no-execute")[0] == 0
    assert {run.pipeline for run in pages.store.runs(state="queued")} == {"tripling"}


@pytest.mark.slow
def test_fail_fix_resume(pages):
    """A step that fails shows where; the file put right is uploaded, and the run goes on from there."""
    broken = SIMPLE.replace("return 2 * number", "print('about to fall'); return number / 0")
    upload(pages, "doubling.py", broken)
    looked_at(pages, "doubling.py")
    run_id = pages.post("/pipelines/doubling.py", {"pipeline": "doubling"}).headers["location"].rpartition("/")[2]
    assert call(pages.project, "worker", "--once")[0] in (0, 1)
    step = pages.data(f"/runs/{run_id}/steps/double")
    assert step["state"] == "failed" and "division by zero" in step["says"][0]
    assert "about to fall" in step["log"]["text"] and "doubling.py" in step["log"]["text"]
    upload(pages, "doubling.py", SIMPLE, replace="yes")
    assert pages.data(f"/runs/{run_id}")["can"] == {"cancel": False, "resume": True}
    assert pages.post(f"/runs/{run_id}/resume").status_code == 303
    wait_until(lambda: pages.store.run(run_id).state == "succeeded", "the run")
    again = pages.post(f"/runs/{run_id}/resume")
    assert again.status_code == 400 and "is succeeded" in again.text


def test_cancel(pages):
    """A queued run is cancelled at once; one that has ended is left as it is."""
    run = pages.store.runs(limit=1)[0]
    queued = pages.store.create_run(run.pipeline, run.plan, resolved=run.resolved, is_queued=True)
    assert pages.post(f"/runs/{queued}/cancel", {"now": "yes"}).status_code == 303
    assert pages.store.run(queued).state == "cancelled"
    page = pages.client.get(f"/runs/{queued}")
    assert "can be resumed" in page.text and "can be resumed" not in pages.client.get(f"/runs/{queued}").text
    pages.post(f"/runs/{run.run_id}/cancel")
    assert pages.store.run(run.run_id).state == run.state
    assert events(pages, "cancel")[0] | {"who": ""} == {
        "who": "",
        "role": "admin",
        "token": "",
        "what": "cancel",
        "run": queued,
        "urgent": True,
    }


@pytest.mark.slow
def test_why_refused_waive(pages):
    """A month with another unit is refused; the page says why; a person lets it pass, and the next run is theirs."""
    bad = month(4)
    scaled = pa.array([None if value is None else value * 60 for value in bad["delay"].to_pylist()])
    pages.months.deliver("04", changed(bad, "delay", scaled))
    name = pages.project.file.name
    form = {"pipeline": "flow"}
    run_id = pages.post(f"/pipelines/{name}", form).headers["location"].rpartition("/")[2]
    call(pages.project, "worker", "--once")
    page = pages.data(f"/runs/{run_id}")
    assert page["state"] == "rejected"
    assert all(finding["can_waive"] for finding in page["findings"])
    names = [finding["name"] for finding in page["findings"]]
    assert any("delay" in one for one in names)
    validation = next(step for step in page["steps"] if step["name"] == "validate")["outputs"]["validation"]["digest"]
    assert "not accepted" in pages.client.get(f"/artifacts/{validation}").text
    assert pages.post(f"/runs/{run_id}/waive", {"because": "known"}).status_code == 400
    assert pages.post(f"/runs/{run_id}/waive", {"finding": names, "because": " "}).status_code == 400
    secret = pages.secret("operator", name="ada")
    answer = pages.as_person(secret).post(
        f"/runs/{run_id}/waive.json", data={"finding": names, "because": "seconds now"}
    )
    new = answer.json()["run"]
    call(pages.project, "worker", "--once")
    steps = {step["name"]: step for step in pages.as_person(secret).get(f"/runs/{new}.json").json()["steps"]}
    assert steps["validate"]["state"] == "succeeded" and any("by ada" in line for line in steps["validate"]["says"])
    assert events(pages, "waive")[0]["who"] == "ada"


@pytest.mark.slow
def test_roll_back(pages):
    """An endpoint goes back in a person's name, with a reason; the log of moves and the page say so."""
    pages.months.deliver("04", month(4))
    assert pages.months.run().ok
    assert pages.data("/endpoints/late")["version"] == 2
    assert pages.post("/endpoints/late/rollback", {"to": "1"}).status_code == 400
    assert pages.post("/endpoints/late/rollback", {"to": "7", "because": "x"}).status_code == 404
    ada = pages.as_person(pages.secret("operator", name="ada"))
    answer = ada.post("/endpoints/late/rollback", data={"to": "1", "because": "worse"}, headers={"origin": BASE})
    assert answer.status_code == 303
    page = ada.get("/endpoints/late.json").json()
    assert page["version"] == 1
    assert (page["moves"][0]["who"], page["moves"][0]["action"], page["moves"][0]["reason"]) == (
        "ada",
        "rollback",
        "worse",
    )
    served = ada.get("/models.json").json()["models"]
    assert sorted(len(one["times"]) for model in served for one in model["served"]) == [1, 2]
