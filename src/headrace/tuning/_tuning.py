"""Tuning: the noun, what a search tried and what came of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from headrace import canonical, disk
from headrace.engine import build
from headrace.errors import InvalidInput, StoreTooNew
from headrace.lookup import Shown
from headrace.training import Trainer
from headrace.training.space import Domain, space_from_plain

__all__ = ["Trial", "Tuning"]

_FORMAT = 1
_FILE = "tuning.json"


@dataclasses.dataclass(frozen=True)
class Trial:
    """Values that were tried together, and what came of them.

    Parameters
    ----------
    number : int
        From 0; trial 0 is the trainer as it was given.
    params : dict
        What it tried.
    state : str
        "succeeded", "stopped" (it fell behind) or "failed".
    value : float or None
        The metric; None of one that failed. Of a stopped one, what it had reached.
    losses : dict of int to float
        The loss on the rows it was judged by, by step, where the trainer reported it.
    seen : tuple of int
        The trials whose results its suggestion saw.
    reason : str
        Why it failed or was stopped.
    """

    number: int
    params: Mapping[str, Any]
    state: str
    value: float | None
    losses: Mapping[int, float] = dataclasses.field(default_factory=dict)
    seen: tuple[int, ...] = ()
    reason: str = ""


@dataclasses.dataclass(frozen=True, eq=False)
class Tuning(Shown):
    """What `tune` found; `tuning.best` is the trainer to go on with.

    Parameters
    ----------
    trainer : Trainer
        As it was given.
    space : dict of str to Domain
        What was varied.
    metric : str
        What `value` of a trial is.
    higher_is_better : bool
        Which way is up.
    trials : tuple of Trial
        By number.
    seed : int
        Of the search.
    searcher : str
        The name of its class.
    num_rows, num_judged : int
        Rows that trials were fitted on and judged by.
    """

    kind: ClassVar[str] = "tuning"
    elsewhere: ClassVar[Mapping[str, str]] = {
        "best_trial": "tuning.trials[tuning.best_number]",
        "best_estimator_": "tuning.best",
        "best_params_": "tuning.best_params",
        "best_score_": "tuning.best_value",
        "study": "tuning.trials",
    }

    trainer: Trainer
    space: Mapping[str, Domain]
    metric: str
    higher_is_better: bool
    trials: tuple[Trial, ...]
    seed: int = 0
    searcher: str = ""
    num_rows: int = 0
    num_judged: int = 0

    def __repr__(self) -> str:
        return f"<Tuning {self.metric} {self.best_value:.6g} at {dict(self.best_params)}; {len(self.trials)} trials>"

    @property
    def best_number(self) -> int:
        """The number of the best trial that succeeded; the first of equals."""
        sign = -1.0 if self.higher_is_better else 1.0
        succeeded = [(sign * trial.value, trial.number) for trial in self.trials if _counts(trial)]  # type: ignore[operator]  # never None there
        return min(succeeded)[1]

    @property
    def best(self) -> Trainer:
        """The trainer with the best trial's parameters: what `train` takes."""
        return self.trainer.replace(self.best_params)

    @property
    def best_params(self) -> Mapping[str, Any]:
        """What the best trial tried."""
        return self.trials[self.best_number].params

    @property
    def best_value(self) -> float:
        """The metric that the best trial reached, on the rows trials are judged by: chosen for it, so it flatters."""
        value = self.trials[self.best_number].value
        assert value is not None
        return value

    @property
    def summary(self) -> dict[str, Any]:
        """The few figures a person looks for first, as plain data."""
        states = [trial.state for trial in self.trials]
        return {
            "metric": self.metric,
            "higher_is_better": self.higher_is_better,
            "best_value": self.best_value,
            "first_value": self.trials[0].value,
            "best_params": dict(self.best_params),
            "best_number": self.best_number,
            "num_trials": len(states),
            "num_stopped": states.count("stopped"),
            "num_failed": states.count("failed"),
        }

    def to_plain(self) -> dict[str, Any]:
        """As plain data; no time, process or machine is in it."""
        from headrace.engine import describe

        return {
            "format": _FORMAT,
            "trainer": describe(self.trainer),
            "space": [[name, domain.to_plain()] for name, domain in self.space.items()],
            "metric": self.metric,
            "higher_is_better": self.higher_is_better,
            "seed": self.seed,
            "searcher": self.searcher,
            "num_rows": self.num_rows,
            "num_judged": self.num_judged,
            "trials": [
                {
                    "number": trial.number,
                    "params": dict(trial.params),
                    "state": trial.state,
                    "value": trial.value,
                    "losses": [[step, loss] for step, loss in trial.losses.items()],
                    "seen": list(trial.seen),
                    "reason": trial.reason,
                }
                for trial in self.trials
            ],
        }

    @property
    def digest(self) -> str:
        """sha256 of the canonical form."""
        return canonical.digest(self.to_plain())

    def save(self, folder: Path) -> None:
        """Write tuning.json into an existing folder."""
        disk.write_file(Path(folder) / _FILE, canonical.to_canonical(self.to_plain()))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote. Raises InvalidInput for a damaged file, StoreTooNew for a later format."""
        file = Path(folder) / _FILE
        try:
            plain = canonical.from_canonical(file.read_bytes())
            if plain["format"] > _FORMAT:
                raise StoreTooNew(f"tuning format {plain['format']}", where=str(file), fix="upgrade headrace")
            return cls(
                trainer=build(plain["trainer"]),
                space=space_from_plain(dict(plain["space"])),
                metric=plain["metric"],
                higher_is_better=plain["higher_is_better"],
                trials=tuple(_read_trials(plain["trials"])),
                seed=plain["seed"],
                searcher=plain["searcher"],
                num_rows=plain["num_rows"],
                num_judged=plain["num_judged"],
            )
        except FileNotFoundError as error:
            raise InvalidInput("there is no tuning here", where=str(error.filename)) from None
        except InvalidInput:
            raise
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput(f"not a tuning: {error}", where=str(folder)) from error


def _counts(trial: Trial) -> bool:
    return trial.state == "succeeded" and trial.value is not None


def _read_trials(plain: Sequence[Mapping[str, Any]]) -> list[Trial]:
    return [
        Trial(
            item["number"],
            item["params"],
            item["state"],
            item["value"],
            {int(step): float(loss) for step, loss in item["losses"]},
            tuple(item["seen"]),
            item["reason"],
        )
        for item in plain
    ]
