"""Studies as plain data: what is searched, what the next trial is, and what its suggestion may see.

With `workers` given, trial n sees the results of the trials 0 .. n - workers, and waits for the last of them: so the
same seed and number of workers give the same trials, whoever was faster, and whoever was killed. Without, a trial sees
all that have ended when it is asked for. Either way the numbers seen are logged with it, and `replay` suggests again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from headrace import lookup
from headrace.engine import build, describe
from headrace.errors import InvalidInput, Misuse, UnknownName
from headrace.store import TrialRow
from headrace.training.space import Domain, space_from_plain, space_to_plain
from headrace.tuning._contract import Past, Searcher
from headrace.tuning.stopping import Stopping, stopping_of

__all__ = ["DEFAULT_SEARCHER", "Study", "searcher_of"]

DEFAULT_SEARCHER = "gaussian_process"


def searcher_of(given: Any) -> Searcher:
    """A searcher from its name, or itself; None = the default.

    Raises UnknownName with the nearest name, MissingExtra with the install line, Misuse for what is none.
    """
    if given is None:
        given = DEFAULT_SEARCHER
    made = lookup.find("searcher", given)() if isinstance(given, str) else given
    if not isinstance(made, Searcher):
        raise Misuse(
            f"searcher is {given!r}", expected=f"one of {', '.join(lookup.names('searcher'))}, or an instance of one"
        )
    return made


@dataclass(frozen=True)
class Study:
    """What a study searches; `to_plain` is what its record holds.

    Parameters
    ----------
    space : dict of str to Domain
        What is varied.
    searcher : Searcher
        What says what to try.
    seed : int
        0 or more.
    higher_is_better : bool
        Of the value that trials end with.
    workers : int or None
        How many trials may run at once; None = any number, and nothing waits.
    first : dict or None
        What trial 0 tries.
    stopping : Stopping or None
        When a trial is given up.
    about : dict
        Plain data: all else that makes it another study (trainer, data, metric).
    """

    space: dict[str, Domain]
    searcher: Searcher
    seed: int = 0
    higher_is_better: bool = False
    workers: int | None = None
    first: dict[str, Any] | None = None
    stopping: Stopping | None = None
    about: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value, low in (("seed", self.seed, 0), ("workers", self.workers, 1)):
            given: Any = value
            if given is None and name == "workers":
                continue
            if isinstance(given, bool) or not isinstance(given, int) or given < low:
                raise InvalidInput(f"{name} = {given!r}", where="study", expected=f"a whole number from {low}")
        for name, value in (self.first or {}).items():
            if name not in self.space:
                raise UnknownName("parameter", name, self.space, where="first trial")
            if value not in self.space[name]:
                raise InvalidInput(f"{name} = {value!r}", where="first trial", expected=repr(self.space[name]))

    def to_plain(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "space": space_to_plain(self.space),
            "order": list(self.space),
            "searcher": describe(self.searcher),
            "seed": self.seed,
            "higher_is_better": self.higher_is_better,
            "workers": self.workers,
            "first": self.first,
            "stopping": None if self.stopping is None else describe(self.stopping),
            "about": self.about,
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Study:
        """Read back what `to_plain` gave."""
        return cls(
            space=space_from_plain({name: plain["space"][name] for name in plain["order"]}),
            searcher=build(plain["searcher"]),
            seed=plain["seed"],
            higher_is_better=plain["higher_is_better"],
            workers=plain["workers"],
            first=plain["first"],
            stopping=stopping_of(None if plain["stopping"] is None else build(plain["stopping"])),
            about=plain["about"],
        )

    def loss(self, value: float | None) -> float | None:
        """A trial's value as what is to be made small."""
        return value if value is None or not self.higher_is_better else -value

    def next(self, rows: Sequence[TrialRow], most: int | None) -> tuple[dict[str, Any], list[int]] | None:
        """What the next trial tries, and the numbers whose results that saw; None = none now, or none any more."""
        number = len(rows)
        if most is not None and number >= most:
            return None
        if self.workers is None:
            seen = [row.number for row in rows if row.state != "running"]
        else:
            seen = list(range(max(0, number - self.workers + 1)))
            if any(rows[index].state == "running" for index in seen):
                return None
        return self.suggest(rows, number, seen), seen

    def suggest(self, rows: Sequence[TrialRow], number: int, seen: Sequence[int]) -> dict[str, Any]:
        """What trial `number` tries when it sees the results of these trials."""
        if number == 0 and self.first is not None:
            return dict(self.first)
        params = self.searcher.suggest(self.space, self.history(rows, number, seen), seed=self.seed, number=number)
        for name, domain in self.space.items():
            if params.get(name) not in domain or len(params) != len(self.space):
                raise InvalidInput(
                    f"searcher {type(self.searcher).__name__} suggests {params!r}",
                    where=f"trial {number}",
                    expected=f"{name} in {domain!r}",
                )
        return params

    def history(self, rows: Sequence[TrialRow], number: int, seen: Sequence[int]) -> list[Past]:
        """Earlier trials as a searcher is told of them; those whose results it may not see are running."""
        known = set(seen)
        return [
            Past(row.number, row.params, row.state, self.loss(row.value), row.losses)  # type: ignore[arg-type]  # as checked
            if row.number in known
            else Past(row.number, row.params, "running")
            for row in rows[:number]
        ]

    def replay(self, rows: Sequence[TrialRow]) -> list[dict[str, Any]]:
        """What every trial of a log would be told to try, suggested again from what it saw: equal to what it tried."""
        return [self.suggest(rows, row.number, row.seen) for row in rows]

    def best(self, rows: Sequence[TrialRow]) -> TrialRow | None:
        """The trial with the best value among those that succeeded, the first of equals; None where none did."""
        succeeded = [row for row in rows if row.state == "succeeded"]
        return min(succeeded, key=lambda row: (self.loss(row.value), row.number), default=None)
