"""The dealer: a process beside the workers that makes the tables by which traffic is divided. It answers no request.

Started by the supervisor when the first endpoint has a policy. Once a second it looks at the logs and at what workers
counted; takes out a version that fails, as a move of the endpoint's log, with an alert; and prints the tables that have
changed, one line of JSON each, which the supervisor hands to all workers at once. Killed, it is started again and reads
the logs from the policy's beginning: the sums, and so the tables, are the same.

In, on standard input: {"gauge": [endpoint, version, counts]}, {"refused": {endpoint, version}, "reason": "..."}.
Out: {"route": {...}}, {"unroute": endpoint}.
"""

from __future__ import annotations

import json
import os
import selectors
import sys
import time
from pathlib import Path
from typing import Any

from headrace.errors import HeadraceError
from headrace.progress import say
from headrace.routing import standing_of
from headrace.serving._deal import Deal
from headrace.store import Store

__all__ = ["main"]

_TURN_S = 1.0
_WHO = "guardrail"


class _Dealer:
    def __init__(self, home: Path, wanted: list[str] | None, allocate_s: float) -> None:
        self.home, self.wanted, self.allocate_s = home, wanted, allocate_s
        self.deals: dict[str, Deal] = {}
        self._num_moves: dict[str, int] = {}
        self._due: dict[str, float] = {}
        self._pending = b""

    def tell(self, message: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()

    def hear(self, data: bytes, store: Store) -> None:
        """Take what the supervisor says."""
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if "gauge" in message:
                endpoint, version, counted = message["gauge"]
                if endpoint in self.deals:
                    self.deals[endpoint].hear(time.monotonic(), version, counted)
            elif message["refused"]["endpoint"] in self.deals:
                deal = self.deals[message["refused"]["endpoint"]]
                reason = f"it could not be loaded: {message['reason']}"
                self.take_out(store, deal, message["refused"]["version"], reason)

    def take_out(self, store: Store, deal: Deal, version: int, reason: str) -> None:
        """Withdraw a version, and say so to whoever listens for alerts."""
        name, standing = deal.standing.name, deal.standing
        if version not in standing.versions or len(standing.versions) < 2:
            return
        champion = standing.champion
        if version == champion:
            champion = max(one for one in standing.versions if one != version)
        items = [f"version {version} was taken out: it {reason}"]
        alert = {"endpoint": name, "version": version, "items": items, "rule": "guardrail", "severity": "error"}
        store.withdraw_version(name, version, champion=champion, reason=reason, who=_WHO, alert=alert)
        say(f"endpoint {name}: version {version} was taken out: it {reason}")
        deal.standing = standing_of(store, name)
        self._num_moves[name] = len(store.moves(name))
        self._due[name] = 0.0

    def look(self, store: Store) -> None:
        """Take up endpoints whose log has moved."""
        for live in store.endpoints():
            name = live.name
            if self.wanted is not None and name not in self.wanted:
                continue
            number = len(store.moves(name))
            if self._num_moves.get(name) == number:
                continue
            self._num_moves[name] = number
            standing = standing_of(store, name)
            deal = self.deals.get(name)
            if not standing.is_divided:
                if self.deals.pop(name, None) is not None:
                    self.tell({"unroute": name})
            elif deal is None or deal.standing.policy != standing.policy:
                self.deals[name] = Deal(self.home, standing)
            else:
                deal.standing = standing
            self._due[name] = 0.0

    def turn(self, store: Store) -> None:
        """One look at everything."""
        self.look(store)
        for name, deal in self.deals.items():
            now = time.monotonic()
            deal.read(time.time_ns() // 1000)
            for version, reason in deal.faults(now):
                self.take_out(store, deal, version, reason)
            if self._due.get(name, 0.0) <= now:
                self._due[name] = now + self.allocate_s
                plain = deal.publish(time.time_ns() // 1000)
                if plain is not None:
                    self.tell({"route": plain})

    def run(self) -> None:
        selector = selectors.DefaultSelector()
        selector.register(0, selectors.EVENT_READ)
        told = ""
        with Store.open(self.home) as store:
            due = time.monotonic()
            while True:
                if selector.select(max(0.0, due - time.monotonic())):
                    data = os.read(0, 1 << 20)
                    if not data:  # the supervisor is gone
                        return
                    self.hear(data, store)
                if time.monotonic() < due:
                    continue
                due = time.monotonic() + _TURN_S
                try:
                    self.turn(store)
                    told = ""
                except (HeadraceError, OSError) as error:
                    # What was published goes on being used; said once, and tried again.
                    if str(error) != told:
                        told = str(error)
                        say(f"traffic is not divided anew: {error}")


def main() -> None:
    """Run until standard input ends; the options are one JSON argument."""
    options = json.loads(sys.argv[1])
    _Dealer(Path(options["home"]), options["wanted"], options["allocate_s"]).run()


if __name__ == "__main__":
    main()
