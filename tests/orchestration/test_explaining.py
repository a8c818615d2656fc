"""Explanations: why a step ran or was cached, field by field against the nearest earlier attempt."""

import pytest

from headrace.errors import UnknownName
from headrace.orchestration.changes import shown
from headrace.orchestration.explaining import explain, key_changes
from headrace.orchestration.runner import run_pipeline
from headrace.settings import load_settings
from headrace.store import Store

FLOW = """
    LIMIT = 3

    def inner(x):
        y = x + 1
        return y

    @hr.step(files=["*.sql"])
    def make(n: int, options: dict) -> list:
        return [inner(i) for i in range(n)]

    @hr.step
    def total(values: list, other: list, start: int) -> int:
        return sum(values) + start + LIMIT

    @hr.pipeline
    def flow(n: int = 4, start: int = 0, slack: float = 0.5):
        made = make(n, {"slack": slack, "names": ["a", "b"]})
        total(made, make(2, {}), start)
"""


@pytest.fixture
def flow(project):
    """A project with two files that its steps read, and a call that runs it."""
    (project.folder / "a.sql").write_text("select 1")

    def run(source=FLOW, **parameters):
        project.write(source)
        return run_pipeline(project.pipeline(), parameters, in_process=True).run_id

    project.run = run
    return project


def why(project, run_id, step):
    """The explanation of a step of a run."""
    with Store.open(load_settings(project.folder).home, read_only=True) as store:
        return explain(store, store.run(run_id), step)


def texts(explanation):
    """Its changes, in words."""
    return [change.text for change in explanation.changes]


def test_the_first_time(flow):
    """A step that was never attempted says so; a step that a pipeline does not have is an unknown name."""
    first = flow.run()
    found = why(flow, first, "make")
    assert (found.state, found.why, found.changes) == ("succeeded", "it ran: there was no attempt at it before", ())
    assert found.parts["arguments"]["n"] == 4
    with pytest.raises(UnknownName, match="did you mean 'make'"):
        why(flow, first, "maek")


def test_cached_says_from_where(flow):
    """A cached step names the run whose result it is, and the step when that had another name."""
    first = flow.run()
    second = flow.run()
    assert why(flow, second, "total").why == f"cached: code, parameters and inputs are those of run {first}"
    third = flow.run(FLOW.replace("made = make(n,", "make(2, {})\n        made = make(n,"))
    assert why(flow, third, "make").why.endswith(f"run {first}, as step make_2")


@pytest.mark.parametrize(
    ("old", "new", "parameters", "expected"),
    [
        ("", "", {"n": 5}, ["n: 4 -> 5"]),
        ("", "", {"slack": 0.25}, ["options.slack: 0.5 -> 0.25"]),
        ('["a", "b"]', '["a", "c"]', {}, ["options.names: ..., b -> ..., c"]),
        ("y = x + 1", "y = x + 2", {}, ["code of {stem}:inner changed ({stem}.py, line 6)"]),
        ("[inner(i) for", "[inner(i - 1 + 1) for", {}, ["code of {stem}:make changed ({stem}.py, line 11)"]),
        ("return [inner(i) for i in range(n)]", "return [i + 1 for i in range(n)]", {}, [
            "code of {stem}:inner is gone", "code of {stem}:make changed ({stem}.py, line 11)",
        ]),
        ("options: dict)", "options: dict, more: int = 1)", {}, [
            "more: - -> 1", "code of {stem}:make changed ({stem}.py, line 10)",
        ]),
    ],
)  # fmt: skip
def test_what_changed_is_named(flow, old, new, parameters, expected):
    """A parameter by its path and values, code by the function that changed and its line."""
    first = flow.run()
    found = why(flow, flow.run(FLOW.replace(old, new), **parameters), "make")
    assert found.compared == first
    assert texts(found) == [text.format(stem=flow.stem) for text in expected]


def test_files_constants_and_packages_are_named(flow):
    """A file a step reads, a constant it uses, a package it imports."""
    flow.run()
    (flow.folder / "a.sql").write_text("select 2")
    assert texts(why(flow, flow.run(), "make")) == ["a.sql changed"]
    (flow.folder / "b.sql").write_text("select 3")
    assert texts(why(flow, flow.run(), "make")) == ["b.sql is new"]
    assert texts(why(flow, flow.run(FLOW.replace("LIMIT = 3", "LIMIT = 4")), "total")) == [
        f"code of {flow.stem}:LIMIT changed ({flow.stem}.py, line 3)"
    ]
    source = FLOW.replace("sum(values)", "int(numpy.sum(values))").replace("LIMIT = 3", "import numpy\n    LIMIT = 3")
    (first, second) = texts(why(flow, flow.run(source), "total"))
    assert first.startswith(f"code of {flow.stem}:total changed") and second.startswith("numpy: - -> ")


def test_what_is_behind_an_input_is_named(flow):
    """An input that came out otherwise says which step's change is the cause."""
    flow.run()
    found = why(flow, flow.run(n=6), "total")
    assert texts(found) == ["make.output changed"]
    assert [(step, change.text) for step, change in found.behind] == [("make", "n: 4 -> 6")]


def test_the_nearest_attempt_is_taken(flow):
    """Of all earlier attempts the one with the fewest differences, not simply the last."""
    first = flow.run(n=4, start=1)
    flow.run(n=9, start=2, slack=0.75)
    found = why(flow, flow.run(n=5), "make")
    assert (found.compared, texts(found)) == (first, ["n: 4 -> 5"])


def test_failed_blocked_and_run_again(flow):
    """A failure says why; what it blocks says by what; its next attempt says that a failure is not kept."""
    bad = FLOW.replace("y = x + 1", "y = x + 1 // 0")
    first = flow.run(bad)
    assert why(flow, first, "make").why.startswith("failed (ZeroDivisionError")
    assert why(flow, first, "total").why == "blocked: make failed"
    second = why(flow, flow.run(bad), "make")
    assert second.why.endswith(f"its key is that of run {first}, which failed: only a success is kept")
    assert second.changes == ()


def test_key_changes_of_two_runs(flow):
    """All steps of two runs: those that only one has are named, equal ones are left out."""
    first, second = flow.run(), flow.run(FLOW.replace("make(2, {})", "made"), start=5)
    with Store.open(load_settings(flow.folder).home, read_only=True) as store:
        found = key_changes(store, store.run(first), store.run(second))
        assert key_changes(store, store.run(first), store.run(first)) == {}
    assert {step: [change.text for change in changes] for step, changes in found.items()} == {
        "total": ["make.output changed", "start: 0 -> 5"],
        "make_2": [f"step make_2 is gone ({flow.stem}.py, line 20)"],
    }


def test_values_are_shown_short():
    """Digests by their beginning, nothing as a dash, long values cut."""
    assert shown("ab" * 32) == "ab" * 6
    assert shown("source " + "ab" * 32) == "ab" * 6
    assert (shown(None), shown([1, "a"]), shown("x")) == ("-", '[1, "a"]', "x")
    assert len(shown(list(range(1000)))) == 40
