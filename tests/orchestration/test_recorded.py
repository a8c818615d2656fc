"""Recorded plans: what a run's record gives back is what was planned, key for key."""

import pytest

from headrace.errors import InvalidInput
from headrace.orchestration.planning import make_plan
from headrace.orchestration.recorded import recorded_plan
from headrace.store import Store

FLOW = """
    import math

    def half(x):
        return x / 2

    @hr.step(retries=2, timeout_s=5)
    def one(x: float, names: list) -> float: return half(x) + len(names)

    @hr.step
    def model(seed: int): return seed

    @hr.step
    def two(given: dict) -> float: return math.fsum(given["values"])

    @hr.pipeline
    def flow(x: float = 1.5):
        first = one(x, ["a", "b"])
        two({"values": [first, x, float("inf")], "plain": {"deep": [None, True]}})
        made = model(1)
        hr.push(made, hr.gate(made, model(2), rules=["roc_auc >= 0.5"]), endpoint="late")
"""


@pytest.fixture
def planned(project, tmp_path):
    """A plan, and the run that recorded it."""
    plan = make_plan(project.write(FLOW).pipeline(), {"x": 2.5}, None)
    with Store.open(tmp_path / ".headrace") as store:
        run_id = store.create_run("flow", plan.to_plain(), resolved=plan.resolved, plan_id=plan.identity)
        yield plan, store.run(run_id)


def test_it_comes_back_whole(planned, project):
    """Graph, code, sources, notes and keys are those of the plan; nothing of the project is imported for it."""
    plan, run = planned
    project.forget()
    again = recorded_plan(run, plan.project)
    assert again.graph == plan.graph
    assert [(node.retries, node.timeout_s, node.line) for node in again.graph.nodes] == [
        (node.retries, node.timeout_s, node.line) for node in plan.graph.nodes
    ]
    assert again.graph.nodes[0].retries == 2 and again.graph.nodes[0].timeout_s == 5
    assert (again.sources, again.identity, again.folder) == (plan.sources, plan.identity, plan.folder)
    assert list(again.sources) == [str(project.file)]
    for node in plan.graph.nodes:
        digests = dict.fromkeys(node.needs, "ab" * 32)
        assert again.key_of(node, digests) == plan.key_of(node, digests)
        assert again.notes_of(node) == plan.notes_of(node)
    assert again.to_plain() == plan.to_plain()
    assert run.plan["functions"][f"{project.stem}:one"]["sources"].keys() == {project.file.name}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"file": None}, "defined at a prompt"),
        ({"file": "gone.py"}, "is gone"),
        ({"code": {"push": {"headrace": "0.0.1"}}}, "another version of headrace"),
        ({"code": ...}, "an older headrace"),
    ],
)
def test_what_cannot_be_run_here_is_said(planned, changed, message):
    """A run from a prompt, of a file that is gone, or of another headrace is refused, with what to do."""
    plan, run = planned
    for name, value in changed.items():
        run.plan.pop(name)
        if value is not ...:
            run.plan[name] = value
    with pytest.raises(InvalidInput, match=message):
        recorded_plan(run, plan.project)


def test_outputs_keep_their_names(project):
    """Fields that are not in order of the alphabet come out under their own names in a worker, as they do here."""
    from headrace.orchestration.values import load_value
    from tests.orchestration.processes import call, store_of

    project.write(
        """
        from typing import NamedTuple

        class Pair(NamedTuple):
            second: str
            first: int

        @hr.step
        def pair() -> Pair: return Pair("two", 1)

        @hr.pipeline
        def flow():
            pair()
        """
    )
    assert call(project, "run", project.file, "--detach")[0] == 0 and call(project, "worker", "--once")[0] == 0
    with store_of(project) as store:
        (row,) = store.attempts(store.runs()[0].run_id)
        assert {name: load_value(store, item.digest) for name, item in row.outputs.items()} == {
            "second": "two",
            "first": 1,
        }
