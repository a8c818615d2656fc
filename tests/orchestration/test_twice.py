"""Once is enough: a run repeated changes nothing, and of two at once over one endpoint the second is told."""

import os
import subprocess
import sys
import time

import pytest

from headrace.orchestration.digests import store_digests
from headrace.settings import load_settings
from headrace.store import Store
from tests.orchestration.small import FLOW, actions, month, states


@pytest.fixture
def months(project, prepared, monkeypatch):
    """Three months have arrived, and version 1 of endpoint `late` serves the model of them."""
    monkeypatch.chdir(project.folder)
    return prepared(project)


def store_of(months):
    """The project's store, to look into."""
    return Store.open(load_settings(months.project.folder).home, read_only=True)


def kept(months):
    """All that a repetition must leave as it is: artifacts, versions, moves, verdicts, what runs made."""
    with store_of(months) as store:
        artifacts = sorted(path.name for path in store.home.artifacts.iterdir())
        live = store.endpoint("late")
        return artifacts, live.version, live.verdict_digest, store.moves("late"), store_digests(store)


def test_running_twice_changes_nothing(months):
    """The second run, and the third, take all from the store: no new version, verdict or artifact."""
    before = kept(months)
    for _ in range(2):
        assert set(actions(months.plan()).values()) == {"cached", "looked up"}
        result = months.run()
        assert set(states(result).values()) == {"cached"} and result.endpoints == {"late": [1]}
        assert kept(months) == before


def test_the_same_after_a_new_month(months):
    """With a champion and a previous data set in play, a repetition still finds all as it left it."""
    months.deliver("04", month(4))
    first = months.run()
    assert first.ok and first.endpoints == {"late": [1, 2]}
    before = kept(months)
    second = months.run()
    assert set(states(second).values()) == {"cached"}
    assert {name: step.outputs for name, step in second.steps.items()} == {
        name: step.outputs for name, step in first.steps.items()
    }
    assert kept(months) == before


def test_an_earlier_model_is_not_pushed_again_in_silence(months):
    """Back to old parameters: all is cached, nothing moves, and both plan and run say how to serve it again."""
    assert months.run(trees=40).endpoints == {"late": [1, 2]}
    (push,) = months.plan().pushes
    assert (push.serves, push.version) == (2, None)
    assert "the pipeline's model is version 1; `headrace endpoints rollback late --to 1` serves it again" in push.what
    result = months.run()
    assert set(states(result).values()) == {"cached"}
    with store_of(months) as store:
        assert store.endpoint("late").version == 2


HOLDING = FLOW.replace(
    "graph = hr.transform(", "examples = hold(examples, trees)\n        graph = hr.transform("
).replace(
    "@hr.pipeline",
    """import time
    from pathlib import Path

    @hr.step
    def hold(examples: hr.Dataset, trees: int) -> hr.Dataset:
        while not Path("go").exists():
            time.sleep(0.05)
        return examples

    @hr.pipeline""",
)


@pytest.mark.slow
def test_of_two_runs_at_once_one_pushes(months):
    """Both are planned on version 1; one pushes version 2, the other is told that the champion moved: it runs anew."""
    months.project.write(HOLDING)
    folder, file = months.project.folder, months.project.file.name
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HEADRACE_")}

    def start(trees):
        return subprocess.Popen(
            [sys.executable, "-m", "headrace.cli", "run", file, "--set", f"trees={trees}"],
            cwd=folder,
            env=clean,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    running = {trees: start(trees) for trees in (20, 40)}
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with store_of(months) as store:
            waiting = [run for run in store.runs(state="running") if store.attempts(run.run_id, "hold")]
        if len(waiting) == 2:
            break
        time.sleep(0.1)
    (folder / "go").touch()
    ended = {trees: (*process.communicate(timeout=120), process.returncode) for trees, process in running.items()}
    assert sorted(code for _, _, code in ended.values()) == [0, 1], ended
    (loser,) = [trees for trees, (_, _, code) in ended.items() if code]
    told = ended[loser][1]
    assert "champion moved: endpoint 'late' serves version 2; expected version 1" in told
    assert f"next: headrace run {file}: it evaluates against what is served now" in told and "resume" not in told
    with store_of(months) as store:
        assert [move.version for move in store.moves("late")] == [1, 2]

    again = start(loser)
    _, err = again.communicate(timeout=120)
    assert again.returncode == 0, err
    assert "endpoint late: now serves version 3" in err
