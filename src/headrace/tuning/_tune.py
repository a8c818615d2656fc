"""Tune: the values of a trainer's fields that do best on rows it was not fitted on."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Mapping
from typing import Any

from headrace import disk, progress
from headrace.canonical import digest
from headrace.dataset import Dataset
from headrace.engine import describe
from headrace.errors import InvalidInput, Misuse, StepFailed, UnknownName
from headrace.store import Store, TrialRow
from headrace.training import Trainer
from headrace.training.space import Domain, space_from_plain
from headrace.tuning._crew import run_trials
from headrace.tuning._objective import Objective
from headrace.tuning._tuning import Trial, Tuning
from headrace.tuning.stopping import stopping_of
from headrace.tuning.studies import Study, searcher_of

__all__ = ["check_numbers", "space_for", "tune"]


def tune(
    trainer: Trainer,
    graph: Any,
    dataset: Dataset,
    *,
    store: Store,
    space: Mapping[str, Any] | None = None,
    trials: int = 20,
    seed: int = 0,
    workers: int = 1,
    metric: Any = None,
    searcher: Any = None,
    stopping: Any = None,
    timeout_s: float | None = None,
    max_rows: int | None = None,
    engine: Any = None,
    version: str = "",
) -> Tuning:
    """Try a trainer with other values and return what came of it; `.best` is the trainer that did best.

    What is set on the trainer stays: a field counts as set where it differs from the class's default, and is then
    left out of the class's own space. `space` names what to vary instead; what it names is varied whatever it is set
    to. Trial 0 is the trainer as it was given (a value outside its range: the nearest inside), so the result is never
    worse than that on the rows trials are judged by.

    Those rows are the `validation` split where the data set has one, else a fifth of `train` drawn by row id, the same
    for every seed; rows of `eval` are never read. The study lies in the store: called again with equal arguments it
    goes on where it was killed, and with more `trials` it adds to what it has.

    Parameters
    ----------
    trainer : Trainer
        Such as `headrace.XGBoost(max_depth=8)`.
    graph : TransformGraph
        What `headrace.transform` fitted; features are computed once for all trials.
    dataset : Dataset
        With a label.
    store : Store
        Where the study lies.
    space : mapping of str to Int, Float or Choice, optional
        What to vary; by default the trainer class's own `space`, less what is set on the trainer.
    trials : int
        How many in all, those that fail among them.
    seed : int
        Of the search. Equal seeds and `workers` give equal trials, in any order of finishing, unless `timeout_s`
        strikes.
    workers : int
        Processes that run trials at once.
    metric : str or Metric, optional
        What is judged; by default "roc_auc" where labels are 0 and 1, else "root_mean_squared_error".
    searcher : str or Searcher, optional
        What says what to try next: "random", "optuna" ...
    stopping : str or Stopping, optional
        "median" or "asha": give trials up that fall behind, by the validation loss the trainer reports. By default
        none is: a small learning rate looks bad early and wins late.
    timeout_s : float, optional
        After how many seconds a trial is ended and counted as failed.
    max_rows : int, optional
        Fit trials on at most so many rows; what is best for a tenth of the rows is seldom far from best for all.
    engine : LocalEngine, optional
        Its `workers` is the number of threads that compute features.
    version : str
        What else must be equal for a study to be gone on with: versions of packages.

    Returns
    -------
    Tuning

    Raises UnknownName for a field the trainer lacks, InvalidInput for a range outside the trainer's limits or a label
    that is constant, Misuse where nothing is left to vary, StepFailed where every trial failed.
    Cost: the features once, then a fit a trial; a second to start each worker.
    """
    if not isinstance(trainer, Trainer):
        raise Misuse(f"{type(trainer).__name__} is not a trainer", expected="one such as headrace.XGBoost()")
    check_numbers(trials=trials, seed=seed, workers=workers, timeout_s=timeout_s, max_rows=max_rows)
    varied, now = space_for(trainer, space), trainer.parameters()
    chosen = searcher_of(searcher)
    described = describe(trainer)
    objective = Objective.make(
        graph,
        dataset,
        metric=metric,
        max_rows=max_rows,
        num_threads=getattr(engine, "workers", 0),
        takes_classes=trainer.takes_classes,
    )
    about = {
        "trainer": described,
        "graph": graph.digest,
        "dataset": dataset.digest,
        "metric": describe(objective.metric),
        "max_rows": max_rows,
        "timeout_s": timeout_s,
        "version": version,
    }
    study = Study(
        varied,
        chosen,
        seed=seed,
        higher_is_better=objective.metric.higher_is_better,
        workers=workers,
        first={name: domain.nearest(now[name]) for name, domain in varied.items()},
        stopping=stopping_of(stopping),
        about=about,
    )
    name = digest(study.to_plain())
    store.open_study(name, study.to_plain())
    rows = store.trials(name)
    if len(rows) < trials or any(row.state == "running" for row in rows):
        _run(store, name, trials, trainer, objective, workers, timeout_s)
        rows = store.trials(name)
    rows = rows[:trials]
    if study.best(rows) is None:
        raise StepFailed(
            f"all {len(rows)} trials failed; the first: {rows[0].reason}",
            where=f"tuning of {type(trainer).__name__}",
            fix="try the trainer alone: hr.train(trainer, graph, dataset)",
        )
    return Tuning(
        trainer,
        varied,
        objective.metric.name,
        objective.metric.higher_is_better,
        tuple(_trial(row, varied) for row in rows),
        seed=seed,
        searcher=type(chosen).__name__,
        num_rows=objective.fitted.num_rows,
        num_judged=objective.judged.num_rows,
    )


def _run(
    store: Store,
    name: str,
    trials: int,
    trainer: Trainer,
    objective: Objective,
    workers: int,
    timeout_s: float | None,
) -> None:
    num_left = trials - sum(row.state != "running" for row in store.trials(name))
    folder = disk.make_folder(store.home.attempts / uuid.uuid4().hex, mode=0o700)
    try:
        objective.save(folder)
        call = {
            "home": str(store.home.path.absolute()),
            "lease_s": store.lease_s,
            "study": name,
            "trials": trials,
            "folder": str(folder.absolute()),
            "metric": describe(objective.metric),
            "trainer": describe(trainer),
            "path": sys.path,
        }
        running = run_trials(store, name, call, workers=min(workers, num_left), timeout_s=timeout_s)
        for _ in progress.track(running, "trials", total=num_left, unit="trials"):
            pass
    finally:
        disk.remove_folder(folder)


def check_numbers(**given: Any) -> None:
    """Raise InvalidInput for a count or time that is none."""
    lows = {"trials": 1, "seed": 0, "workers": 1, "max_rows": 2}
    for name, value in given.items():
        if value is None and name in ("timeout_s", "max_rows"):
            continue
        is_right = isinstance(value, (int, float) if name == "timeout_s" else int) and not isinstance(value, bool)
        if not is_right or not value >= lows.get(name, 0) or (name == "timeout_s" and not value > 0):
            expected = "seconds above 0" if name == "timeout_s" else f"a whole number from {lows[name]}"
            raise InvalidInput(f"{name} = {value!r}", where="tuning", expected=expected)


def space_for(trainer: Trainer, space: Mapping[str, Any] | None) -> dict[str, Domain]:
    """What is varied: the space given, else the trainer class's own, less the fields set on this trainer.

    Raises UnknownName for a field that the trainer lacks, InvalidInput for a range outside its limits, Misuse where
    nothing is left.
    """
    where = type(trainer).__name__
    if space is None:
        varied = dict(trainer.free_space())
        if not varied:
            said = "has no space of its own" if not type(trainer).space else "has all fields of its own space set"
            raise Misuse(
                f"nothing is left to vary: {where} {said}",
                fix='name what to vary: space={"max_depth": hr.Int(2, 10), ...}',
            )
        return varied
    varied = space_from_plain(space)
    known = trainer.parameters()
    for name, domain in varied.items():
        if name not in known:
            raise UnknownName("parameter", name, known, where=where)
        options = getattr(domain, "options", None) or (domain.at(0.0), domain.at(1.0))
        for value in options:
            trainer.replace({name: value})  # the trainer's own limits, its own message
    return varied


def _trial(row: TrialRow, space: Mapping[str, Domain]) -> Trial:
    params = {name: row.params[name] for name in space}  # in the order in which they were written
    return Trial(row.number, params, row.state, row.value, row.losses, row.seen, row.reason)
