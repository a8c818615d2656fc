"""The conformance suite of searchers: suggestions within the space, from any history, the same each time."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from typing import Any

import pytest

from headrace import lookup
from headrace.engine import build, describe
from headrace.training import Choice, Float, Int, Space
from headrace.training.space import space_from_plain, space_to_plain
from headrace.tuning import Past, Searcher

__all__ = ["SPACES", "SearcherCases", "history_of", "search"]

# One parameter, each kind, mixed, choices alone, more parameters than trials.
SPACES: dict[str, Space] = {
    "one": {"x": Float(-1.0, 1.0)},
    "log": {"rate": Float(1e-6, 1.0, log=True), "size": Int(1, 1000, log=True)},
    "mixed": {"depth": Int(2, 10), "rate": Float(0.01, 0.3, log=True), "kind": Choice("a", "b", "c")},
    "choices": {"a": Choice(True, False), "b": Choice(1, 1.0, "1", None)},
    "narrow": {"n": Int(3, 4)},
    "wide": {f"x{index}": Float(0.0, 1.0) for index in range(30)},
}


def _loss(space: Space, params: Any) -> float:
    """Smallest where every parameter is at a third of its range."""
    return sum((domain.place(params[name]) - 1.0 / 3.0) ** 2 for name, domain in space.items())


def search(searcher: Searcher, space: Space, num_trials: int, *, seed: int = 0) -> list[Past]:
    """A whole search of the loss of this suite: each trial sees all before it."""
    history: list[Past] = []
    for number in range(num_trials):
        params = searcher.suggest(space, tuple(history), seed=seed, number=number)
        history.append(Past(number, params, "succeeded", _loss(space, params)))
    return history


def history_of(space: Space, num_trials: int) -> list[Past]:
    """Trials of every state, some of them missing, some with equal losses."""
    tried = search(lookup.find("searcher", "random")(), space, num_trials, seed=99)
    states = ("succeeded", "failed", "succeeded", "stopped", "running", "succeeded", "succeeded")
    found = []
    for past in tried:
        state: Any = states[past.number % len(states)]
        loss = None if state in ("failed", "running") else round(past.loss or 0.0, 1)
        if past.number % 9 != 8:
            found.append(Past(past.number, past.params, state, loss, {0: 1.0, 1: 0.5} if state == "stopped" else {}))
    return found


class SearcherCases:
    """Inherit in a test class; every searcher that `headrace.lookup` finds then passes every case.

    For one searcher, with parameters of your own:

    class TestRandom(SearcherCases):
        @pytest.fixture
        def searcher(self):
            return Random()
    """

    @pytest.fixture(params=lookup.names("searcher"))
    def searcher(self, request: pytest.FixtureRequest) -> Searcher:
        """The searcher under test; override to test one."""
        made: Searcher = lookup.find("searcher", request.param)()
        return made

    @pytest.fixture(params=SPACES)
    def space(self, request: pytest.FixtureRequest) -> Space:
        """What is searched."""
        return SPACES[request.param]

    @staticmethod
    def check(space: Space, params: Any) -> None:
        """A value for each parameter and no other, within its domain, of its type, as plain data."""
        assert list(params) == list(space)
        for name, domain in space.items():
            assert params[name] in domain, (name, params[name], domain)
            wanted = int if isinstance(domain, Int) else float if isinstance(domain, Float) else None
            assert wanted is None or type(params[name]) is wanted, (name, params[name])
        assert json.loads(json.dumps(params)) == params

    def test_is_found_by_its_file_s_name(self, searcher: Searcher) -> None:
        """It has a docstring and defaults for its parameters, and is found by name."""
        cls = type(searcher)
        assert (cls.__doc__ or "").strip()
        assert isinstance(cls(), Searcher)
        assert cls in [lookup.find("searcher", name) for name in lookup.names("searcher")]

    def test_it_travels(self, searcher: Searcher, space: Space) -> None:
        """As plain data and back it is an equal searcher, and so is the space: the study's record holds both."""
        again = build(json.loads(json.dumps(describe(searcher))))
        assert again == searcher
        assert space_from_plain(json.loads(json.dumps(space_to_plain(space)))) == space

    def test_suggestions_lie_in_the_space(self, searcher: Searcher, space: Space) -> None:
        """From no trial to twenty, one after the other."""
        for past in search(searcher, space, 20):
            self.check(space, past.params)

    def test_any_history_will_do(self, searcher: Searcher, space: Space) -> None:
        """Trials that failed, were stopped, run, are missing or equal; all failed; all running; only the newest."""
        history = history_of(space, 30)
        failed = [Past(past.number, past.params, "failed") for past in history]
        running = [Past(past.number, past.params, "running") for past in history]
        huge = [Past(past.number, past.params, "succeeded", 1e300 if past.number else -1e300) for past in history]
        for seen in (history, history[-1:], failed, running, huge, []):
            self.check(space, searcher.suggest(space, seen, seed=1, number=30))

    def test_the_same_question_has_one_answer(self, searcher: Searcher, space: Space) -> None:
        """Asked again, or an equal searcher asked, with other questions between: nothing is remembered or changed."""
        history = history_of(space, 25)
        before = json.dumps([[past.number, dict(past.params), past.state, past.loss] for past in history])
        first = searcher.suggest(space, history, seed=5, number=25)
        searcher.suggest(space, history[:4], seed=6, number=26)
        assert searcher.suggest(space, tuple(history), seed=5, number=25) == first
        assert build(describe(searcher)).suggest(space, list(history), seed=5, number=25) == first
        assert json.dumps([[past.number, dict(past.params), past.state, past.loss] for past in history]) == before

    def test_another_process_gives_the_same_answer(self, searcher: Searcher) -> None:
        """A study is replayed on another day: no hash seed, order of imports or global generator is in it."""
        space, history = SPACES["mixed"], history_of(SPACES["mixed"], 25)
        code = (
            "import json, sys\n"
            "import numpy; numpy.random.seed(1)\n"
            "from headrace.engine import build\n"
            "from headrace.testing.searcher_cases import SPACES, history_of\n"
            "searcher = build(json.loads(sys.argv[1]))\n"
            "space = SPACES['mixed']\n"
            "print(json.dumps(searcher.suggest(space, history_of(space, 25), seed=2, number=25)))\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, json.dumps(describe(searcher))], capture_output=True, text=True, check=True
        )
        assert json.loads(done.stdout) == searcher.suggest(space, history, seed=2, number=25)

    def test_seeds_and_numbers_are_told_apart(self, searcher: Searcher) -> None:
        """Before anything is known, another seed or another number tries something else."""
        space = SPACES["wide"]
        found = [searcher.suggest(space, [], seed=seed, number=number) for seed in (0, 1) for number in (0, 1, 2)]
        assert len({json.dumps(params) for params in found}) == len(found)

    def test_it_finds_what_there_is_to_find(self, searcher: Searcher) -> None:
        """In thirty trials of three parameters it comes as near as chance would in ten: it is no fixed point."""
        space = SPACES["mixed"]
        reached = [min(past.loss or 0.0 for past in search(searcher, space, 30, seed=seed)) for seed in range(3)]
        assert math.fsum(reached) / 3 < 0.1
