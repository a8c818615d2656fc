"""Which versions answer beside the one served: each worker loads them by itself, and frees what is wanted no longer.

Nothing here waits for all workers: a version answers in a worker once that has it, and a label moves there then. One
that cannot be loaded is tried again, later each time, unless nothing can change that.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from headrace.serving._flips import Fact, Member
from headrace.serving._retries import Retries

__all__ = ["Kept", "Wanted"]


class Wanted(NamedTuple):
    """What is to answer beside the version served: facts, newest first, and label -> version."""

    facts: tuple[Fact, ...]
    labels: tuple[tuple[str, int], ...]


class Kept:
    """The versions beside those served.

    Parameters
    ----------
    members : callable
        The workers there are.
    say : callable
        Takes a line for the person who watches.
    clock : callable
        Seconds; it never jumps.
    """

    def __init__(
        self,
        members: Callable[[], Iterable[Member]],
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._members, self._say = members, say
        self._wanted: dict[str, Wanted] = {}
        self._retries: Retries[Fact] = Retries(clock)

    def want(self, wanted: Mapping[str, Wanted]) -> None:
        """What the store says now."""
        gone = {name: Wanted((), ()) for name in self._wanted if name not in wanted}
        self._wanted = {**wanted, **gone}
        self.move()

    def loaded(self, member: Member, fact: Fact) -> None:
        """A worker has a version."""
        if fact in member.keeping:
            member.keeping.discard(fact)
            member.kept.add(fact)
            self._retries.succeed(fact)

    def refuse(self, member: Member, fact: Fact, reason: str, details: str = "", *, is_final: bool) -> bool:
        """Whether a worker was to load this to keep it; it cannot."""
        if fact not in member.keeping:
            return False
        member.keeping.discard(fact)
        if self._retries.fail(fact, is_final=is_final):
            later = "" if is_final else "; it is tried again"
            self._say(f"endpoint {fact.endpoint}: version {fact.version} is not kept: {details or reason}{later}")
        return True

    def move(self) -> None:
        """Tell workers what is wanted where that changed, and ask for what is missing."""
        for member in self._members():
            if not member.is_ready:
                continue
            for endpoint, wanted in self._wanted.items():
                if member.told.get(endpoint, Wanted((), ())) != wanted:
                    versions = [fact.version for fact in wanted.facts]
                    told: dict[str, Any] = {"endpoint": endpoint, "versions": versions, "labels": dict(wanted.labels)}
                    member.send({"keep": told})
                    member.told[endpoint] = wanted
                    member.kept = {one for one in member.kept if one.endpoint != endpoint or one in wanted.facts}
                for fact in wanted.facts:
                    if fact not in member.kept and fact not in member.keeping and self._retries.may(fact):
                        member.keeping.add(fact)
                        member.send({"hold": fact._asdict(), "why": "keep"})
