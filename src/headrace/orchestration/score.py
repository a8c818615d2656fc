"""Score: how ready for production a pipeline is, by 28 things to do, counted from what its runs recorded.

Each item gives 0.5 where it was done once, or only in part, and 1 where the pipeline does it by itself and has done so
in at least two runs; what was last done longer ago than `days` counts as stale and gives nothing. The items stand in
four sections of seven, and a pipeline is as ready as its weakest section: the score is the least of the four sums.

Nothing is asked and nothing believed: an item is done when a record of the store says so. What headrace keeps no record
of is missing, and says what to do.

Source: Breck, Cai, Nielsen, Salib and Sculley, "The ML Test Score" (2017).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from headrace.errors import InvalidInput, UnknownName
from headrace.orchestration.repository import COMMIT
from headrace.orchestration.rubric import ITEMS, SECTIONS, Happened, Item
from headrace.store import RunRow, Store

__all__ = ["Score", "Scored", "score", "word_of"]

_MOST_RUNS = 100
_MOST_EVENTS = 1000
_EVENTS = ("monitored", "request-explained")
_DAY_US = 86_400_000_000
_WORDS = (
    (0.0, "research: nothing shows that it is fit for production"),
    (1.0, "untested: holes that nobody looked into"),
    (2.0, "a first pass"),
    (3.0, "reasonably tested"),
    (5.0, "strong"),
)


@dataclass(frozen=True)
class Scored:
    """One item, and what the records say of it.

    Parameters
    ----------
    item : str
        Its number, "D1".
    section : str
        "data", "model", "infrastructure" or "monitoring".
    what : str
        What there is to do.
    state : "done", "in part", "stale" or "missing"
        "in part" gives 0.5.
    points : float
        0, 0.5 or 1.
    when : str
        When it was last done, RFC 3339; "" for never.
    told : str
        What was done; of what is missing, stale or done in part, what to do.
    """

    item: str
    section: str
    what: str
    state: str
    points: float
    when: str
    told: str


@dataclass(frozen=True)
class Score:
    """The whole of it.

    Parameters
    ----------
    pipeline : str
        Whose.
    items : tuple of Scored
        All 28, in order.
    """

    pipeline: str
    items: tuple[Scored, ...]

    @property
    def sections(self) -> dict[str, float]:
        """The sum of each section, 0 to 7."""
        return {name: sum(one.points for one in self.items if one.section == name) for name in SECTIONS}

    @property
    def final(self) -> float:
        """The least of the sections."""
        return min(self.sections.values())

    def to_plain(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "format": 1,
            "pipeline": self.pipeline,
            "score": self.final,
            "means": word_of(self.final),
            "sections": self.sections,
            "items": [asdict(one) for one in self.items],
        }


def word_of(final: float) -> str:
    """What a score means.

    >>> word_of(0), word_of(0.5), word_of(3.5), word_of(6)
    ('research: nothing shows that it is fit for production', 'untested: holes that nobody looked into', 'strong', \
'exceptional')
    """
    return next((word for most, word in _WORDS if final <= most), "exceptional")


@dataclass
class _Found:
    """The best that was found of an item: in which runs, whether whole, and what was said of the newest."""

    runs: set[str] = field(default_factory=set)
    is_whole: bool = False
    newest_us: int = 0
    told: str = ""


def score(store: Store, pipeline: str | None = None, *, days: float = 30.0, now: datetime | None = None) -> Score:
    """Score a pipeline by the records of its newest 100 runs and of the endpoints that it pushed to.

    Parameters
    ----------
    store : Store
        Only read.
    pipeline : str, optional
        Its name; the one that ran last by default.
    days : float
        After how many days what was done is stale.
    now : datetime, optional
        The time it is; the clock's by default.

    Raises UnknownName for a pipeline that never ran, InvalidInput where none did. Cost: the records of these runs.
    """
    known = [row.pipeline for row in store.pipelines()]
    if not known:
        raise InvalidInput("no pipeline ran here", fix="headrace run FILE")
    name = known[0] if pipeline is None else pipeline
    if name not in known:
        raise UnknownName("pipeline", name, known)
    now_us = int((now or datetime.now(UTC)).timestamp() * 1e6)
    found: dict[str, _Found] = {item.number: _Found() for item in ITEMS}
    endpoints: set[str] = set()
    for run, happened in _happened(store, name):
        endpoints |= happened.endpoints
        for item in ITEMS:
            _take(found[item.number], item.of_run(happened), run.run_id, run.created_us)
    for endpoint in sorted(endpoints):
        for move in store.moves(endpoint):
            for item in ITEMS:
                _take(found[item.number], item.of_move(move), f"{endpoint} {move.time_us}", move.time_us)
    for kind in _EVENTS:
        for event in store.events_of(kind, limit=_MOST_EVENTS):
            if event.body.get("endpoint") in endpoints:
                for item in ITEMS:
                    _take(found[item.number], item.of_event(event), f"{kind} {event.event_id}", event.time_us)
    return Score(name, tuple(_scored(item, found[item.number], now_us, days) for item in ITEMS))


def _happened(store: Store, pipeline: str) -> list[tuple[RunRow, Happened]]:
    """Its newest runs, with what is known of each; the oldest first, since each is told what came before."""
    found: list[tuple[RunRow, Happened]] = []
    older: frozenset[str] | None = None
    for run in reversed(store.runs(pipeline=pipeline, limit=_MOST_RUNS)):
        created = store.newest_event("run-created", run_id=run.run_id)
        commit = store.newest_event(COMMIT, run_id=run.run_id)
        happened = Happened(
            run.state,
            run.resolved,
            run.plan["steps"],
            _last(store.attempts(run.run_id)),
            commit=None if commit is None else commit.body,
            trigger=str(((created.body if created else {}).get("trigger") or {}).get("by", "")),
            older=older,
            minutes=((run.ended_us or run.created_us) - run.created_us) / 60e6,
        )
        found.append((run, happened))
        if happened.features:
            older = happened.features if older is None else older | happened.features
    return found


def _last(attempts: Iterable[Any]) -> Mapping[str, Any]:
    """Step -> its last attempt."""
    return {row.step: row for row in attempts}


def _take(found: _Found, said: tuple[bool, str] | None, where: str, when_us: int) -> None:
    if said is None:
        return
    is_whole, told = said
    if is_whole and not found.is_whole:  # what was done whole counts alone
        found.runs, found.newest_us, found.is_whole = set(), 0, True
    if is_whole == found.is_whole:
        found.runs.add(where)
        if when_us >= found.newest_us:
            found.newest_us, found.told = when_us, told


def _scored(item: Item, found: _Found, now_us: int, days: float) -> Scored:
    if not found.runs:
        return Scored(item.number, item.section, item.what, "missing", 0.0, "", item.how)
    when = datetime.fromtimestamp(found.newest_us / 1e6, UTC).isoformat(timespec="seconds")
    if now_us - found.newest_us > days * _DAY_US:
        told = f"{found.told}, but that is more than {days:g} days ago: {item.how}"
        return Scored(item.number, item.section, item.what, "stale", 0.0, when, told)
    if found.is_whole and len(found.runs) > 1:
        return Scored(item.number, item.section, item.what, "done", 1.0, when, f"{found.told}, {len(found.runs)} times")
    more = "once is by chance: have it run again" if found.is_whole else item.how
    return Scored(item.number, item.section, item.what, "in part", 0.5, when, f"{found.told}; {more}")
