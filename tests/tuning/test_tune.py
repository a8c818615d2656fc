"""Tune: what is varied, what is judged, what a study keeps when trials hang, raise and die."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import headrace as hr
from headrace.errors import InvalidInput, MissingExtra, Misuse, StepFailed, UnknownName
from headrace.store import Store
from headrace.tuning import Study, Tuning
from headrace.tuning._objective import Objective, held_out_rows
from tests.tuning.odd import install, rows


@pytest.fixture
def odd(tmp_path, monkeypatch):
    """The trainer of `tests.tuning.odd`."""
    folder = tmp_path / "package"
    folder.mkdir()
    yield install(folder, monkeypatch)
    sys.modules.pop("odd_trainers", None)


@pytest.fixture
def store(tmp_path):
    """An open store."""
    with hr.open_store(tmp_path / "home") as opened:
        yield opened


def study_of(store):
    """The one study there is."""
    (row,) = store.studies()
    return row.name, Study.from_plain(row.spec)


def test_the_best_of_the_trials_is_handed_on(odd, store, tmp_path):
    """Trial 0 is the trainer as given; best, best_params and best_value are the best trial's; it can be saved."""
    graph, dataset = rows()
    tuned = hr.tune(odd(), graph, dataset, trials=8, metric="log_loss")
    assert [trial.number for trial in tuned.trials] == list(range(8))
    assert dict(tuned.trials[0].params) == {"level": 1.0}
    values = [trial.value for trial in tuned.trials]
    assert tuned.best_value == min(values) and tuned.best_number == values.index(min(values))
    assert tuned.best == odd(level=tuned.best_params["level"])
    assert 0.5 < tuned.best_params["level"] < 6.0
    assert tuned.trials[3].losses == {
        step: pytest.approx(abs(tuned.trials[3].params["level"] - 2.0) + 1.0 / (step + 1)) for step in range(4)
    }
    folder = tmp_path / "saved"
    folder.mkdir()
    tuned.save(folder)
    again = Tuning.load(folder)
    assert again.digest == tuned.digest and again.best == tuned.best and again.trials == tuned.trials
    assert hr.train(tuned.best, graph, dataset).signature.trainer["level"] == tuned.best_params["level"]


def test_the_same_seed_gives_the_same_trials(odd, tmp_path):
    """Two stores, one worker and two: equal artifacts for equal arguments; another seed gives other trials."""
    graph, dataset = rows()
    digests = {}
    for name, workers, seed in (("a", 1, 0), ("b", 1, 0), ("c", 2, 0), ("d", 2, 0), ("e", 1, 1)):
        with hr.open_store(tmp_path / name):
            tuned = hr.tune(odd(), graph, dataset, trials=6, workers=workers, seed=seed, searcher="optuna")
            digests[name] = tuned.digest
    assert digests["a"] == digests["b"]
    assert digests["c"] == digests["d"]
    assert digests["a"] != digests["e"]


def test_a_study_is_replayed_from_its_log(odd, store):
    """Each trial's suggestion, asked for again with the results it saw, is what it tried; with two workers too."""
    graph, dataset = rows()
    hr.tune(odd(), graph, dataset, trials=14, workers=2, searcher=hr.Optuna(num_random=3))
    name, study = study_of(store)
    log = store.trials(name)
    assert study.replay(log) == [trial.params for trial in log]
    assert [len(trial.seen) for trial in log] == [max(0, number - 1) for number in range(14)]
    changed = study.suggest(log, 13, range(5))
    assert changed != log[13].params, "what was seen must matter, or this test shows nothing"


def test_called_again_it_has_nothing_to_do_and_more_trials_are_added(odd, store):
    """Equal arguments find the study; a larger number of trials goes on with it."""
    graph, dataset = rows()
    first = hr.tune(odd(), graph, dataset, trials=3)
    again = hr.tune(odd(), graph, dataset, trials=3)
    more = hr.tune(odd(), graph, dataset, trials=5)
    assert again.digest == first.digest
    assert more.trials[:3] == first.trials and len(more.trials) == 5
    assert hr.tune(odd(), graph, dataset, trials=3).digest == first.digest
    assert len(store.studies()) == 1
    assert all(trial.num_attempts == 1 for trial in store.trials(store.studies()[0].name))


def test_what_raises_counts_as_failed(odd, store):
    """Its reason is kept; the others go on, and the best is one of them."""
    graph, dataset = rows()
    tuned = hr.tune(odd(mode="raise", above=2.0), graph, dataset, trials=10, seed=1)
    failed = [trial for trial in tuned.trials if trial.state == "failed"]
    assert failed and all(trial.value is None and trial.params["level"] > 2.0 for trial in failed)
    assert {trial.reason for trial in failed} == {"RuntimeError: the level is too high"}
    assert tuned.best_params["level"] <= 2.0


def test_a_value_that_is_no_number_counts_as_failed(odd, store):
    """A model that predicts NaN has no metric: the reason says so."""
    graph, dataset = rows()
    tuned = hr.tune(odd(mode="nan", above=2.0), graph, dataset, trials=6, seed=1, metric="log_loss")
    failed = [trial for trial in tuned.trials if trial.state == "failed"]
    assert failed and all("log_loss is nan" in trial.reason for trial in failed)


def test_what_hangs_is_ended_at_its_time_out(odd, store):
    """It counts as failed with one clear message, once, and the search ends."""
    graph, dataset = rows()
    started = time.monotonic()
    tuned = hr.tune(
        odd(mode="hang", above=5.0), graph, dataset, trials=4, timeout_s=1.5, space={"level": hr.Choice(1.0, 9.0)}
    )
    assert time.monotonic() - started < 60
    failed = [trial for trial in tuned.trials if trial.state == "failed"]
    assert failed and {trial.reason for trial in failed} == {"ran over timeout_s = 1.5 s and was ended"}
    assert [trial.params["level"] for trial in failed] == [9.0] * len(failed)


def test_a_trial_whose_worker_is_killed_is_taken_again(odd, store, tmp_path):
    """The same trial with the same parameters, by another process; it is counted once."""
    graph, dataset = rows()
    trainer = odd(mode="die", flag=str(tmp_path / "died"), above=5.0)
    tuned = hr.tune(trainer, graph, dataset, trials=4, space={"level": hr.Choice(1.0, 9.0)})
    assert (tmp_path / "died").exists()
    name, _ = study_of(store)
    log = store.trials(name)
    assert [trial.state for trial in log] == ["succeeded"] * 4
    assert sorted(trial.num_attempts for trial in log) == [1, 1, 1, 2]
    ended = [event.body["number"] for event in store.events() if event.kind == "trial-ended"]
    assert sorted(ended) == [0, 1, 2, 3]
    assert len(tuned.trials) == 4


def test_a_trial_that_kills_every_worker_is_given_up(odd, store):
    """After three it counts as failed, and the search goes on."""
    graph, dataset = rows()
    tuned = hr.tune(odd(mode="always die"), graph, dataset, trials=3, space={"level": hr.Choice(1.0, 9.0)}, seed=2)
    assert {trial.reason for trial in tuned.trials if trial.state == "failed"} == {"3 workers died over it"}


def test_all_failed_is_one_error(odd, store):
    """It says how many, and why the first did."""
    graph, dataset = rows()
    with pytest.raises(StepFailed, match=r"all 2 trials failed; the first: RuntimeError: the level is too high"):
        hr.tune(odd(mode="raise", above=0.0), graph, dataset, trials=2)


@pytest.mark.slow
def test_killed_in_the_middle_it_goes_on(odd, tmp_path):
    """kill -9 of the process that called: finished trials are kept, none is done twice, the result is the same."""
    graph, dataset = rows()
    code = (
        "import sys; sys.path[:] = {path!r}\n"
        "import headrace as hr, odd_trainers\n"
        "from tests.tuning.odd import rows\n"
        "graph, dataset = rows()\n"
        "with hr.open_store({home!r}):\n"
        "    hr.tune(odd_trainers.Odd(pause_s=0.1), graph, dataset, trials=8, workers=2)\n"
    ).format(path=sys.path, home=str(tmp_path / "killed"))
    process = subprocess.Popen([sys.executable, "-c", code], cwd=Path.cwd())
    with Store.open(tmp_path / "killed") as store:
        deadline = time.monotonic() + 60
        done = {}
        while len(done) < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
            for study in store.studies():
                done = {row.number: row.ended_us for row in store.trials(study.name) if row.state == "succeeded"}
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert 3 <= len(done) < 8
    with hr.open_store(tmp_path / "killed") as store:
        tuned = hr.tune(odd(pause_s=0.1), graph, dataset, trials=8, workers=2)
        (study,) = store.studies()
        log = store.trials(study.name)
        assert {number: log[number].ended_us for number in done} == done
        ended = [event.body["number"] for event in store.events() if event.kind == "trial-ended"]
        assert sorted(ended) == list(range(8))
    with hr.open_store(tmp_path / "whole"):
        assert hr.tune(odd(pause_s=0.1), graph, dataset, trials=8, workers=2).digest == tuned.digest


def test_trials_that_fall_behind_are_stopped(odd, store):
    """Median and ASHA: they end early, keep what they reported, and are never the best; two runs stop the same ones."""
    graph, dataset = rows()
    for stopping in (hr_median(), hr_asha()):
        tuned = hr.tune(odd(steps=30), graph, dataset, trials=12, stopping=stopping, metric="log_loss")
        stopped = [trial for trial in tuned.trials if trial.state == "stopped"]
        assert stopped and all(len(trial.losses) < 30 and "behind the others" in trial.reason for trial in stopped)
        whole = [trial for trial in tuned.trials if trial.state == "succeeded"]
        assert all(len(trial.losses) == 30 for trial in whole) and tuned.trials[tuned.best_number] in whole
        name, study = next((row.name, Study.from_plain(row.spec)) for row in store.studies()[-1:])
        assert study.stopping == stopping and store.trials(name)[tuned.best_number].state == "succeeded"


def hr_median():
    """Stops early enough for twelve trials."""
    from headrace.tuning import Median

    return Median(min_finished=3, min_step=3)


def hr_asha():
    """The same."""
    from headrace.tuning import Asha

    return Asha(eta=3, min_step=2)


def test_rows_of_eval_are_never_read(odd, store):
    """Trials are fitted on and judged by rows of train alone, apart from each other, the same for every seed."""
    graph, dataset = rows(2000)
    objective = Objective.make(graph, dataset)
    train = set(dataset.to_arrow(split="train")["x"].to_numpy().astype(np.float32).tolist())
    fitted = set(objective.fitted.matrix[:, 0].tolist())
    judged = set(objective.judged.matrix[:, 0].tolist())
    assert fitted | judged == train and not fitted & judged
    assert 0.17 < len(judged) / len(train) < 0.23
    assert not objective.has_validation
    assert held_out_rows(objective.fitted).sum() == 0


def test_a_validation_split_is_what_trials_are_judged_by(odd, store):
    """All of train is fitted on then."""
    graph, dataset = rows(1000, split={"train": 6, "validation": 2, "eval": 2})
    objective = Objective.make(graph, dataset)
    assert objective.has_validation
    assert objective.fitted.num_rows == dataset.to_arrow(split="train").num_rows
    assert objective.judged.num_rows == dataset.to_arrow(split="validation").num_rows


def test_what_is_judged_is_what_the_model_answers(odd, store):
    """A trial's value is that of the model `train` makes, measured by `evaluate` on the same rows."""
    graph, dataset = rows(1000, split={"train": 6, "validation": 2, "eval": 2})
    tuned = hr.tune(odd(), graph, dataset, trials=2, metric="log_loss")
    model = hr.train(odd(), graph, dataset)
    table = dataset.to_arrow(split="validation")
    judged = hr.evaluate(
        model, hr.Dataset.from_arrow(table, label="label"), metrics=["log_loss"], allow_training_rows=True
    )
    assert tuned.trials[0].value == judged["log_loss"].value


def test_a_sample_of_the_rows(odd, store):
    """max_rows fits on that many, the same ones each time, and says so."""
    graph, dataset = rows(1000)
    tuned = hr.tune(odd(), graph, dataset, trials=1, max_rows=200)
    assert (tuned.num_rows, tuned.num_judged) == (200, 50)


def test_what_is_set_on_the_trainer_is_fixed(store):
    """Fields that differ from the class's default are left out of its space; space= varies what it names."""
    from headrace.tuning._tune import space_for

    assert "max_depth" in space_for(hr.XGBoost(), None)
    assert set(space_for(hr.XGBoost(), None)) - set(space_for(hr.XGBoost(max_depth=8), None)) == {"max_depth"}
    assert space_for(hr.XGBoost(max_depth=8), {"max_depth": hr.Int(2, 10)}) == {"max_depth": hr.Int(2, 10)}
    everything = hr.XGBoost(
        max_depth=3, learning_rate=0.2, min_child_weight=2.0, subsample=0.9, colsample_bytree=0.9, reg_lambda=2.0
    )
    with pytest.raises(
        Misuse, match=r"nothing is left to vary: XGBoost has all fields of its own space set; name what"
    ):
        space_for(everything, None)


@pytest.mark.parametrize("name", ["LightGBM", "XGBoost"])
def test_a_class_s_own_space(name):
    """Each range holds the field's default, and both its ends are within the trainer's limits."""
    from headrace.tuning._tune import space_for

    trainer = getattr(hr, name)()
    space = space_for(trainer, None)
    assert len(space) > 3
    for field, domain in space.items():
        assert getattr(trainer, field) in domain
    assert space_for(trainer, dict(space)) == space


def test_an_estimator_s_parameters(store):
    """Of scikit-learn's estimators the space is given by hand, in their own names; trial 0 has their defaults."""
    _, dataset = rows()
    filled = hr.transform(lambda c: {"x": c.x, "noise": c.noise.fill_null(0.0)}, dataset)
    space = {"C": hr.Float(1e-4, 10.0, log=True)}
    tuned = hr.tune(hr.Sklearn("LogisticRegression"), filled, dataset, space=space, trials=2, metric="log_loss")
    assert tuned.trials[0].params == {"C": 1.0}
    assert tuned.best == hr.Sklearn("LogisticRegression", tuned.best_params)
    with pytest.raises(UnknownName, match=r"no parameter named 'c' .*Sklearn"):
        hr.tune(hr.Sklearn("LogisticRegression"), filled, dataset, space={"c": hr.Float(0.1, 1.0)})
    with pytest.raises(Misuse, match="Sklearn has no space of its own"):
        hr.tune(hr.Sklearn("LinearRegression"), filled, dataset)


def test_spaces_that_make_no_sense(odd, store):
    """One message each: the nearest name, the trainer's limit, what a range looks like."""
    graph, dataset = rows()
    for space, kind, said in (
        ({"levle": hr.Float(0.0, 1.0)}, UnknownName, "no parameter named 'levle' .*did you mean 'level'"),
        ({"level": hr.Float(0.0, 1e6)}, InvalidInput, r"level = 1000000.0 .*from -1000 to 1000"),
        ({"level": (1, 2)}, InvalidInput, r"\(1, 2\) says no range of values \(parameter 'level'\).*hr.Float"),
        ({"level": {"float": [2, 1]}}, InvalidInput, "holds no two values.*parameter 'level'"),
        ({}, InvalidInput, r"space = \{\} .*expected parameters and their values"),
        ([hr.Int(1, 2)], InvalidInput, "expected parameters and their values"),
    ):
        with pytest.raises(kind, match=said):
            hr.tune(odd(), graph, dataset, space=space)


def test_wrong_arguments(odd, store):
    """Numbers that are none, rules and searchers that do not exist: told before anything is computed."""
    graph, dataset = rows()
    for options, kind, said in (
        ({"trials": 0}, InvalidInput, "trials = 0 .*whole number from 1"),
        ({"workers": 1.5}, InvalidInput, "workers = 1.5"),
        ({"timeout_s": 0}, InvalidInput, "timeout_s = 0 .*seconds above 0"),
        ({"searcher": "optnua"}, UnknownName, "did you mean 'optuna'"),
        ({"stopping": "medain"}, UnknownName, "did you mean 'median'"),
        ({"metric": "roc_acu"}, UnknownName, "did you mean 'roc_auc'"),
        ({"metric": ["roc_auc", "brier"]}, Misuse, "one metric"),
    ):
        with pytest.raises(kind, match=said):
            hr.tune(odd(), graph, dataset, **options)


def test_a_constant_label(odd, store):
    """Nothing can be told apart: said before any trial runs."""
    graph, dataset = rows(label=1)
    with pytest.raises(InvalidInput, match=r"the label is 1 in all [\d,]+ rows to fit on \(label 'label'\)"):
        hr.tune(odd(), graph, dataset)
    assert store.studies() == []


def test_without_a_store_it_says_what_to_write(odd):
    """The study needs one."""
    graph, dataset = rows()
    with pytest.raises(Misuse, match=r"hr.tune outside a pipeline needs a store.*with hr.open_store\(dir\)"):
        hr.tune(odd(), graph, dataset)


def test_a_missing_extra_is_answered_with_its_install_line(odd, store, monkeypatch):
    """Without Optuna nothing is run, and the line to type is said."""
    monkeypatch.setitem(sys.modules, "headrace.adapters.optuna.searcher", None)
    graph, dataset = rows()
    find_spec = __import__("importlib.util").util.find_spec
    monkeypatch.delitem(sys.modules, "headrace.adapters.optuna.searcher")
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *rest: None if name == "optuna" else find_spec(name, *rest)
    )
    with pytest.raises(MissingExtra, match=r"optuna searcher needs Optuna: pip install 'headrace\[optuna\]'"):
        hr.tune(odd(), graph, dataset, searcher="optuna")
