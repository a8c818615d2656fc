"""Which version each worker is to serve: all of them move together, or none does.

A new version is prepared by every worker first; when all have it, all are told to flip, within the same millisecond.
When one of them refuses it, all forget it, what they serve goes on being served, and clients are told why. A worker
that was started meanwhile catches up alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from headrace.serving._retries import Retries

__all__ = ["Fact", "Flips", "Member"]


class Fact(NamedTuple):
    """That an endpoint serves a version: what its model is, by digest."""

    endpoint: str
    version: int
    digest: str


@dataclass
class Member:
    """What is known of one worker that takes requests.

    Parameters
    ----------
    send : callable
        Hands it a message.
    """

    send: Callable[[dict[str, Any]], None]
    is_ready: bool = False
    asked: set[Fact] = field(default_factory=set)
    loaded: set[Fact] = field(default_factory=set)
    serving: dict[str, Fact] = field(default_factory=dict)
    # What it loads, and has loaded, for tables to name; endpoint -> the table it divides traffic by.
    holding: set[Fact] = field(default_factory=set)
    held: set[Fact] = field(default_factory=set)
    routed: dict[str, str] = field(default_factory=dict)
    # The same of versions that answer beside the one served; endpoint -> what it was told of them.
    keeping: set[Fact] = field(default_factory=set)
    kept: set[Fact] = field(default_factory=set)
    told: dict[str, Any] = field(default_factory=dict)


class Flips:
    """The versions served, those that are to be, and those that were refused.

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
        self.good: dict[str, Fact] = {}
        self.targets: dict[str, Fact] = {}
        self.refused: dict[Fact, str] = {}
        self._retries: Retries[Fact] = Retries(clock)

    def want(self, current: Mapping[str, Fact]) -> None:
        """What the store says now."""
        for endpoint, fact in current.items():
            target = self.targets.get(endpoint)
            if self.good.get(endpoint) == fact:
                self._abandon(endpoint)
                for other in [one for one in self.refused if one.endpoint == endpoint]:
                    del self.refused[other]  # went back: nobody waits for the other any more
                    self._tell_all({"note": other._asdict(), "reason": ""})
            elif fact != target and self._retries.may(fact):
                self._abandon(endpoint)
                self.targets[endpoint] = fact
        self._move()

    def ready(self, member: Member, serving: Iterable[Fact]) -> None:
        """A worker takes requests, and serves these."""
        member.is_ready = True
        for fact in serving:
            member.serving[fact.endpoint] = fact
            self.good.setdefault(fact.endpoint, fact)
        for fact, reason in self.refused.items():
            member.send({"note": fact._asdict(), "reason": reason})
        self._move()

    def loaded(self, member: Member, fact: Fact) -> None:
        """A worker has prepared a version."""
        if fact in member.asked:
            member.loaded.add(fact)
        self._move()

    def refuse(self, fact: Fact, reason: str, details: str = "", *, is_final: bool) -> None:
        """A worker cannot serve a version: no other does, and it is said once. One that is not final is tried again."""
        is_served = self.good.get(fact.endpoint) == fact  # by the others: this worker alone must try again
        is_final = is_final and not is_served
        if self._retries.fail(fact, is_final=is_final):
            later = "" if is_final else "; it is tried again"
            self._say(f"endpoint {fact.endpoint}: version {fact.version} is not served: {details or reason}{later}")
        if self.targets.get(fact.endpoint) == fact:
            self._abandon(fact.endpoint)
        if not is_served:
            self.refused[fact] = reason
            self._tell_all({"note": fact._asdict(), "reason": reason})
        for member in self._members():
            if fact not in member.loaded:
                member.asked.discard(fact)

    def died(self, member: Member) -> None:
        """A worker is gone. What it was preparing may be why: that is tried again later, and later each time."""
        for fact in member.asked - member.loaded:
            if self.targets.get(fact.endpoint) == fact:
                self.refuse(fact, "a worker died while it loaded this version", is_final=False)

    def _tell_all(self, message: dict[str, Any]) -> None:
        for member in self._members():
            if member.is_ready:
                member.send(message)

    def _abandon(self, endpoint: str) -> None:
        fact = self.targets.pop(endpoint, None)
        if fact is None:
            return
        for member in self._members():
            if fact in member.asked:
                member.send({"forget": fact._asdict()})
                member.asked.discard(fact)
                member.loaded.discard(fact)

    def _move(self) -> None:
        live = [member for member in self._members() if member.is_ready]
        for endpoint, fact in [*self.good.items(), *self.targets.items()]:
            is_target = self.targets.get(endpoint) == fact
            behind = [member for member in live if member.serving.get(endpoint) != fact]
            if not is_target and endpoint in self.targets:
                continue
            if not is_target and not self._retries.is_due(fact):
                continue
            for member in behind:
                if fact not in member.asked:
                    member.asked.add(fact)
                    member.send({"prepare": fact._asdict()})
            done = [member for member in behind if fact in member.loaded]
            if is_target and (len(done) < len(behind) or not live):
                continue
            for member in done:
                member.send({"flip": fact._asdict()})
                member.asked.discard(fact)
                member.loaded.discard(fact)
                member.serving[endpoint] = fact
            if is_target:
                before = self.good.get(endpoint)
                self.good[endpoint] = self.targets.pop(endpoint)
                was = "" if before is None else f", it was {before.version}"
                self._say(f"endpoint {endpoint}: serves version {fact.version} now{was}")
                self._retries.succeed(fact)
                self.refused.pop(fact, None)
