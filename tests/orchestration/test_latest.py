"""`hr.latest`: what another pipeline made last is looked up, counts in the plan, and makes `headrace up` run."""

import json

import pytest

import headrace as hr
from headrace.errors import HeadraceError, InvalidInput, Misuse, StoreError, UnknownName
from headrace.orchestration.forecasting import plan_pipeline
from headrace.orchestration.runner import run_pipeline
from headrace.orchestration.values import load_value
from headrace.store import Store
from tests.orchestration.processes import call, store_of
from tests.orchestration.small import actions, reasons

FLOW = """
    from pathlib import Path
    from typing import NamedTuple
    HERE = Path(__file__).parent

    class Counted(NamedTuple):
        number: int
        text: str

    @hr.step(files=["number.txt"])
    def count() -> Counted:
        number = int((HERE / "number.txt").read_text())
        if number < 0: raise ValueError("below zero")
        return Counted(number // 10, str(number))

    @hr.step
    def double(number: int) -> int:
        return 2 * number

    @hr.pipeline
    def daily():
        count()

    @hr.pipeline
    def weekly():
        double(hr.latest("daily", "number"))
"""


@pytest.fixture
def flow(project):
    """A project with a pipeline that takes what the other one gives."""
    (project.folder / "number.txt").write_text("10")
    return project.write(FLOW)


def give(flow, number):
    """The first pipeline's file changes, and it runs."""
    (flow.folder / "number.txt").write_text(str(number))
    flow.forget()
    return run_pipeline(flow.pipeline("daily"), {}, in_process=True)


def doubled(flow):
    """What the newest run of the second one made."""
    with store_of(flow) as store:
        run = store.runs(pipeline="weekly", limit=1)[0]
        return load_value(store, store.attempts(run.run_id, "double")[0].outputs["output"].digest)


def test_what_was_given_last(flow):
    """The newest digest is planned, recorded and passed on; the same digest again changes nothing."""
    with pytest.raises(UnknownName, match="no pipeline named 'daily'"):
        flow.pipeline("weekly").plan()
    give(flow, 10)
    plan = flow.pipeline("weekly").plan()
    assert actions(plan) == {"latest": "looked up", "double": "will run"}
    assert run_pipeline(flow.pipeline("weekly"), {}, in_process=True).ok and doubled(flow) == 2
    give(flow, 11)  # another text, the same number
    again = flow.pipeline("weekly").plan()
    assert again.identity == plan.identity and actions(again)["double"] == "cached"
    give(flow, 20)
    assert give(flow, -1).state == "failed"  # gives nothing: what was given before is still the newest
    newer = flow.pipeline("weekly").plan()
    assert newer.identity != plan.identity and "of daily gave it" in reasons(newer)["latest"][0]
    assert run_pipeline(flow.pipeline("weekly"), {}, in_process=True).ok and doubled(flow) == 4
    with store_of(flow) as store:
        run = store.runs(pipeline="weekly", limit=1)[0]
        (row,) = store.attempts(run.run_id)
        given = store.newest_outputs("daily", "number")[0]
        assert row.inputs == {"latest.artifact": given.digest} and run.resolved["latest"]["digest"] == given.digest
    give(flow, 10)  # content that comes back is the newest too
    assert actions(flow.pipeline("weekly").plan())["double"] == "cached"


@pytest.mark.slow
def test_up_runs_what_waits_for_another(flow):
    """One call brings both up to date; later a new artifact runs the second one, and an equal one does not."""

    def once():
        code, out = call(flow, "up", "--once", "-o", "json")
        return code, {item["pipeline"]: (item["action"], item.get("why", [])) for item in json.loads(out)["pipelines"]}

    alone = call(flow, "up", "--once", "--no-execute", "-o", "json")
    assert alone[0] == 2 and '"what": "daily to give number"' in alone[1]
    with store_of(flow) as store:
        store.request_cancel(store.runs()[0].run_id)
    flow.file.write_text(flow.file.read_text().replace("number // 10", "number // 10 + 0"))
    code, told = once()
    assert (code, told["daily"][0], told["weekly"]) == (0, "run", ("run", ["it never ran"]))
    assert doubled(flow) == 2
    assert {action for action, _ in once()[1].values()} == {"unchanged"}
    (flow.folder / "number.txt").write_text("20")
    code, told = once()
    assert (code, told["weekly"]) == (0, ("run", ["daily gave a new number"])) and doubled(flow) == 4
    (flow.folder / "number.txt").write_text("21")
    code, told = once()
    assert (code, told["daily"][0], told["weekly"][0]) == (0, "run", "unchanged")


def test_what_is_asked_for_wrongly(flow):
    """Itself, an output nobody has given, one of another kind, what is no name, a past span: one clear error each."""
    give(flow, 10)
    for asked, error, match in (
        ('"weekly", "number"', Misuse, "takes what it made itself"),
        ('"daily", "a b"', InvalidInput, "names no output"),
        ('"daily", "model"', InvalidInput, "no run of pipeline 'daily' has given 'model' yet"),
        ('"dayly", "number"', UnknownName, "did you mean 'daily'"),
    ):
        flow.write(FLOW.replace('"daily", "number"', asked))
        with pytest.raises(error, match=match):
            flow.pipeline("weekly").plan()
    flow.write(
        FLOW.replace("number: int\n        text", "model: int\n        text").replace(
            '"daily", "number"', '"daily", "model"'
        )
    )
    give(flow, 10)
    with pytest.raises(InvalidInput, match="'model' of pipeline 'daily' is a value"):
        flow.pipeline("weekly").plan()
    flow.write(FLOW)
    with pytest.raises(HeadraceError, match="nothing says which there was as of 2013-01"):
        plan_pipeline(flow.pipeline("weekly"), {}, as_of="2013-01")


def test_several_steps_give_one(flow):
    """The step is named then; the message lists them."""
    flow.write(
        FLOW.replace("def daily():\n        count()", "def daily():\n        count()\n        double(count().number)")
    )
    give(flow, 10)
    with pytest.raises(InvalidInput, match=r'one of "count\.number", "count_2\.number"'):
        flow.pipeline("weekly").plan()
    flow.write(flow.file.read_text().replace('"daily", "number"', '"daily", "count_2.number"'))
    assert run_pipeline(flow.pipeline("weekly"), {}, in_process=True).ok


def test_outside_a_pipeline(flow):
    """With a store open it is the thing itself; what gc set aside, or took, is said."""
    give(flow, 10)
    with hr.open_store(flow.folder / ".headrace") as store:
        assert hr.latest("daily", "number") == 1
        with pytest.raises(InvalidInput, match="no run of pipeline"):
            hr.latest("daily", "model")
        digest = store.newest_outputs("daily", "number")[0].digest
    with Store.open(flow.folder / ".headrace") as store:
        folder = store.home.artifact(digest)
        (store.home.aside / digest).mkdir(parents=True)
        folder.rename(store.home.aside / digest / "1")
    with pytest.raises(StoreError, match="was set aside by `headrace gc`"):
        flow.pipeline("weekly").plan()
