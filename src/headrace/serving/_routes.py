"""Which table each worker divides traffic by: one that all have the versions for, published to all in one moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from headrace.serving._flips import Fact, Member

__all__ = ["Routes"]


def _facts(plain: dict[str, Any]) -> set[Fact]:
    return {Fact(plain["endpoint"], int(version), digest) for version, digest in plain["digests"].items()}


class Routes:
    """The tables published, and those that are to be.

    Parameters
    ----------
    members : callable
        The workers there are.
    refused : callable
        Takes (fact, reason) of a version that no worker can load.
    """

    def __init__(self, members: Callable[[], Iterable[Member]], refused: Callable[[Fact, str], None]) -> None:
        self._members, self._refused = members, refused
        self._targets: dict[str, dict[str, Any]] = {}

    def publish(self, plain: dict[str, Any]) -> None:
        """Have all workers divide by this table, once each holds what it names."""
        self._targets[plain["endpoint"]] = plain
        self.move()

    def end(self, endpoint: str) -> None:
        """Divide an endpoint's traffic no longer."""
        if self._targets.pop(endpoint, None) is not None:
            for member in self._members():
                member.held = {fact for fact in member.held if fact.endpoint != endpoint}
                member.routed.pop(endpoint, None)
                member.send({"unroute": endpoint})

    def loaded(self, member: Member, fact: Fact) -> bool:
        """Whether a worker loaded this for a table."""
        if fact not in member.holding:
            return False
        member.holding.discard(fact)
        member.held.add(fact)
        self.move()
        return True

    def refuse(self, member: Member, fact: Fact, reason: str, *, is_final: bool) -> bool:
        """Whether a worker was to load this for a table."""
        if fact not in member.holding:
            return False
        member.holding.discard(fact)
        if is_final:
            self._refused(fact, reason)
        return True

    def move(self) -> None:
        """Ask for what is missing; publish what all are ready for."""
        live = [member for member in self._members() if member.is_ready]
        for endpoint, plain in self._targets.items():
            facts, table_id = _facts(plain), plain["table_id"]
            behind = [member for member in live if member.routed.get(endpoint) != table_id]
            for member in behind:
                for fact in sorted(facts - member.held - member.holding):
                    member.holding.add(fact)
                    member.send({"hold": fact._asdict(), "why": "route"})
            if any(facts - member.held for member in behind):
                continue
            for member in behind:
                member.send({"route": plain})
                member.routed[endpoint] = table_id
                member.held = {fact for fact in member.held if fact.endpoint != endpoint or fact in facts}
