"""A worker: a process that takes one trial after the other from a study until none is left.

What a trainer reports is kept by step and noted in the store now and then; whatever it raises makes the trial a
failed one, and nothing more.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Any

from headrace.errors import LeaseLost
from headrace.store import Store, TakenTrial
from headrace.training import Journal, Trainer
from headrace.tuning._objective import Objective
from headrace.tuning.stopping import Losses, Stopping
from headrace.tuning.studies import Study

__all__ = ["TrialJournal", "work"]

_POLL_S = 0.02
_NOTE_S = 1.0


class TrialJournal(Journal):
    """What a trainer reports during a trial: kept by step, noted in the store now and then, judged at every step.

    Parameters
    ----------
    store : Store
        Where the trial is noted.
    trial : TakenTrial
        The trial.
    stopping : Stopping or None
        When to give up.
    others : sequence of mappings
        What the trials that this one may see reported.
    """

    def __init__(
        self, store: Store, trial: TakenTrial, stopping: Stopping | None = None, others: tuple[Losses, ...] = ()
    ) -> None:
        self._store, self._trial, self._stopping, self._others = store, trial, stopping, others
        self._noted = time.monotonic()
        self.losses: dict[int, float] = {}
        self.is_stopped = False

    def report(self, step: int, values: Mapping[str, float]) -> bool:
        """Keep the loss on the validation rows; False where the trial has fallen behind. LeaseLost: it is not ours."""
        loss = values.get("validation")
        if loss is None or loss != loss:
            return True
        self.losses[int(step)] = float(f"{loss:.9g}")
        now = time.monotonic()
        if now - self._noted > _NOTE_S:
            self._noted = now
            self._store.report_trial(self._trial, self.losses)
        if self._stopping is not None and self._stopping.is_behind(self.losses, self._others):
            self.is_stopped = True
            return False
        return True


def work(
    store: Store, name: str, most: int, objective: Objective, trainer: Trainer, tell: Callable[[dict[str, Any]], None]
) -> None:
    """Take trials until the study has `most` that ended; `tell` hears {"began": n} and {"ended": n}."""
    study = Study.from_plain(store.study(name).spec)
    while True:
        trial = store.take_trial(name, lambda rows: study.next(rows, most))
        if trial is None:
            rows = store.trials(name)
            if len(rows) >= most and all(row.state != "running" for row in rows):
                return
            time.sleep(_POLL_S)
            continue
        tell({"began": trial.number})
        with contextlib.suppress(LeaseLost):  # it ran over its time: somebody else has counted it
            _attempt(store, study, trial, trainer, objective)
        tell({"ended": trial.number})


def _attempt(store: Store, study: Study, trial: TakenTrial, trainer: Trainer, objective: Objective) -> None:
    """Run one trial and count it. Raises LeaseLost, with nothing counted, where another took it over."""
    others: tuple[Losses, ...] = ()
    if study.stopping is not None:
        seen = set(trial.seen)
        rows = [row for row in store.trials(trial.study) if row.number in seen]
        others = tuple(row.losses for row in rows if row.losses and row.state != "failed")
    journal = TrialJournal(store, trial, study.stopping, others)
    try:
        value = objective.value(trainer, trial.params, journal)
    except LeaseLost:
        raise
    except Exception as error:  # the boundary around the trainer's code
        store.end_trial(trial, "failed", losses=journal.losses, reason=f"{type(error).__name__}: {error}")
        return
    if value != value or value in (float("inf"), float("-inf")):
        reason = f"{objective.metric.name} is {value}: {objective.metric.undefined}, or the fit diverged"
        store.end_trial(trial, "failed", losses=journal.losses, reason=reason)
        return
    if journal.is_stopped:
        reason = f"behind the others after step {max(journal.losses)}"
        store.end_trial(trial, "stopped", value=value, losses=journal.losses, reason=reason)
        return
    store.end_trial(trial, "succeeded", value=value, losses=journal.losses)
