"""Ledger: decisions and the rewards they had, joined by request id, into tallies that no order can change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headrace.canonical import to_canonical
from headrace.routing.endpoint_policy import EndpointPolicy
from headrace.routing.tally import UNITS, Tally

__all__ = ["Ledger"]

_NUM_BUCKETS = 64


class Ledger:
    """What an endpoint's decisions earned.

    A reward counts where it came within the window of its decision. Of several for one request the one that came
    first counts, the smallest of those that came at once, whichever is read first: so two workers that were told the
    same thing twice, or a log read again from its start, give the same sums.

    Parameters
    ----------
    policy : EndpointPolicy
        Says window, range, what a missing reward is, and for how long a decision is remembered.

    Memory: about 250 bytes for each decision younger than the window, and a few hundred bytes a version and segment.

    >>> ledger = Ledger(EndpointPolicy("thompson"))
    >>> ledger.decide("r1", 2, "all", 1_000_000)
    >>> ledger.reward("r1", 1.0, 3_000_000)
    >>> ledger.reward("r1", 0.0, 4_000_000)
    >>> ledger.tallies(5_000_000)["all"][2].mean
    1.0
    """

    def __init__(self, policy: EndpointPolicy) -> None:
        self.policy = policy
        self._window_us = int(policy.window_s * 1e6)
        self._memory_us = int(policy.memory_s * 1e6)
        self._bucket_us = max(1, self._memory_us // _NUM_BUCKETS)
        self._missing = None if policy.missing is None else round(policy.scaled(policy.missing) * UNITS)
        self._sums: dict[tuple[str, int, int], list[int]] = {}
        # request id -> [segment, version, time, the reward's (arrival, units) or None], in the order they were read
        self._open: dict[str, list[Any]] = {}
        self._early: dict[str, tuple[int, int]] = {}
        self.num_late = 0
        self.num_repeated = 0
        self.num_unmatched = 0

    def decide(self, request_id: str, version: int, segment: str, time_us: int) -> None:
        """Take a decision; one that is there is left as it is."""
        if request_id in self._open:
            return
        entry = [segment, version, time_us, None]
        self._open[request_id] = entry
        self._of(entry)[0] += 1
        early = self._early.pop(request_id, None)
        if early is not None:
            self._credit(entry, early)

    def reward(self, request_id: str, reward: float, arrival_us: int) -> None:
        """Take a reward, in the policy's range (InvalidInput outside), whether or not its decision is known yet."""
        found = (arrival_us, round(self.policy.scaled(reward) * UNITS))
        entry = self._open.get(request_id)
        if entry is not None:
            self._credit(entry, found)
            return
        before = self._early.get(request_id)
        self.num_repeated += before is not None
        self._early[request_id] = found if before is None else min(before, found)

    def settle(self, now_us: int) -> None:
        """Close what is older than the window; everything up to `now_us` has been read.

        Decisions without a reward get the missing one, where it was declared. Rewards for which no decision came within
        the window are counted as unmatched: late beyond all doubt, or for a request that the log lost.
        """
        for request_id in [name for name, entry in self._open.items() if now_us - entry[2] > self._window_us]:
            entry = self._open.pop(request_id)
            if entry[3] is None and self._missing is not None:
                self._add(entry, self._missing, 1)
        for request_id in [name for name, found in self._early.items() if now_us - found[0] > self._window_us]:
            del self._early[request_id]
            self.num_unmatched += 1
        if self._memory_us:
            oldest = (now_us - self._memory_us) // self._bucket_us
            for key in [key for key in self._sums if key[2] < oldest]:
                del self._sums[key]

    def tallies(self, now_us: int | None = None) -> dict[str, dict[int, Tally]]:
        """The sums by segment and version; with `now_us` it is settled first."""
        if now_us is not None:
            self.settle(now_us)
        found: dict[str, dict[int, Tally]] = {}
        for (segment, version, _), sums in sorted(self._sums.items()):
            before = found.setdefault(segment, {}).get(version, Tally())
            found[segment][version] = before + Tally(*sums)
        return found

    def to_bytes(self) -> bytes:
        """The tallies as canonical JSON: equal logs give equal bytes."""
        return to_canonical(
            {
                segment: {str(version): tally.to_plain() for version, tally in tallies.items()}
                for segment, tallies in self.tallies().items()
            }
        )

    @property
    def counts(self) -> Mapping[str, int]:
        """How many decisions wait for their reward, and how many rewards counted for nothing."""
        return {
            "pending": sum(entry[3] is None for entry in self._open.values()),
            "late": self.num_late,
            "repeated": self.num_repeated,
            "unmatched": self.num_unmatched + len(self._early),
        }

    def _of(self, entry: list[Any]) -> list[int]:
        bucket = entry[2] // self._bucket_us if self._memory_us else 0
        return self._sums.setdefault((entry[0], entry[1], bucket), [0, 0, 0, 0])

    def _add(self, entry: list[Any], units: int, sign: int) -> None:
        sums = self._of(entry)
        sums[1] += sign
        sums[2] += sign * units
        sums[3] += sign * units * units

    def _credit(self, entry: list[Any], found: tuple[int, int]) -> None:
        if found[0] - entry[2] > self._window_us:
            self.num_late += 1
            return
        before = entry[3]
        if before is not None:
            self.num_repeated += 1
            if before <= found:
                return
            self._add(entry, before[1], -1)
        entry[3] = found
        self._add(entry, found[1], 1)
