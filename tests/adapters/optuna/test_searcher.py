"""Optuna behind the contract: it is Optuna that suggests, told of our trials."""

import warnings

import pytest

import headrace as hr
from headrace.canonical import digest
from headrace.errors import InvalidInput
from headrace.testing.searcher_cases import SPACES, SearcherCases, history_of, search
from headrace.tuning import Past

optuna = pytest.importorskip("optuna")


class TestFewAtRandom(SearcherCases):
    """The estimator from the second trial on."""

    @pytest.fixture
    def searcher(self):
        """The suite's default draws its first ten at random."""
        return hr.Optuna(num_random=1)


def test_it_suggests_what_optuna_would():
    """With the same trials and the seed that we give it, Optuna's own study asks for the very same values."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space = {"x": hr.Float(-5.0, 10.0), "y": hr.Float(0.0, 15.0), "n": hr.Int(1, 50, log=True)}
    history = search(hr.Optuna(), space, 30)
    for number in (30, 31, 47):
        seed = int(digest(["optuna", 4, number])[:8], 16)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
            for past in history:
                distributions = {
                    "x": optuna.distributions.FloatDistribution(-5.0, 10.0),
                    "y": optuna.distributions.FloatDistribution(0.0, 15.0),
                    "n": optuna.distributions.IntDistribution(1, 50, log=True),
                }
                study.add_trial(
                    optuna.trial.create_trial(params=past.params, distributions=distributions, value=past.loss)
                )
            trial = study.ask()
            expected = {
                "x": trial.suggest_float("x", -5.0, 10.0),
                "y": trial.suggest_float("y", 0.0, 15.0),
                "n": trial.suggest_int("n", 1, 50, log=True),
            }
        assert hr.Optuna().suggest(space, history, seed=4, number=number) == expected


def test_what_runs_is_seen():
    """Trials that run change the suggestion: two workers do not try one thing."""
    space, history = SPACES["mixed"], [past for past in history_of(SPACES["mixed"], 40) if past.state != "running"]
    best = min((past for past in history if past.loss is not None), key=lambda past: past.loss)
    running = [Past(number, best.params, "running") for number in range(40, 46)]
    numbers = range(46, 56)
    alone = [hr.Optuna().suggest(space, history, seed=0, number=number) for number in numbers]
    beside = [hr.Optuna().suggest(space, [*history, *running], seed=0, number=number) for number in numbers]
    assert alone != beside


def test_wrong_parameters():
    """One message each."""
    with pytest.raises(InvalidInput, match="num_random = -1"):
        hr.Optuna(num_random=-1)
