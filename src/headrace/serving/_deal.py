"""Deal: one endpoint whose traffic is divided: reads its logs, asks its policy, and makes the tables to publish."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa

from headrace import disk
from headrace.canonical import digest
from headrace.routing import Ledger, Standing, Tally, Traffic, allocate
from headrace.routing.guardrail import Counts, Guardrail
from headrace.serving._segments import hour_of
from headrace.serving._tail import Tail

__all__ = ["Deal", "newest_table", "read_decisions", "read_rewards"]

DECISIONS = ("request_id", "request_row", "event_time_us", "request_status", "request_arm", "request_propensity")
REWARDS = ("request_id", "event_time_us", "reward")
# What is asked now is in the log a second later: windows are closed with this much patience.
_PATIENCE_US = 3_000_000


def read_decisions(ledger: Ledger, version: int, batch: pa.RecordBatch, since_us: int) -> None:
    """Tell a ledger of the choices in a batch of the request log.

    A version that failed was chosen all the same: what the request earned, by the champion's answer, is its own.
    Shadows, and rows after a request's first, are no choices.
    """
    columns = [batch.column("event_time_us").cast(pa.int64()) if name == "event_time_us" else batch.column(name)
               for name in DECISIONS]  # fmt: skip
    for request_id, row, time_us, status, arm, propensity in zip(*[one.to_pylist() for one in columns], strict=True):
        if arm is not None and row == 0 and propensity and status in (200, 500) and time_us >= since_us:
            ledger.decide(request_id, version, arm.partition("/")[2], time_us)


def read_rewards(ledger: Ledger, batch: pa.RecordBatch, since_us: int) -> None:
    """Tell a ledger of a batch of the reward log; what is outside the policy's range by now is left out."""
    policy = ledger.policy
    times = batch.column("event_time_us").cast(pa.int64()).to_pylist()
    rows = zip(batch.column("request_id").to_pylist(), times, batch.column("reward").to_pylist(), strict=True)
    for request_id, time_us, reward in rows:
        if policy.reward_low <= reward <= policy.reward_high and time_us >= since_us:
            ledger.reward(request_id, reward, time_us)


class Deal:
    """One endpoint.

    Parameters
    ----------
    home : Path
        Of the store; the logs and the record of tables are in it.
    standing : Standing
        The endpoint, divided.
    """

    def __init__(self, home: Path, standing: Standing) -> None:
        self.standing = standing
        policy = standing.policy
        self.ledger = Ledger(policy)
        self.guardrail = Guardrail(policy)
        self._since_us = policy.learned_since_us or standing.since_us
        since = hour_of(self._since_us)
        self._requests = Tail(home / "requests" / standing.name, DECISIONS, since=since)
        self._rewards = Tail(home / "rewards" / standing.name, REWARDS, since=since)
        self._record = home / "requests" / standing.name / "tables.jsonl"
        self._policy = policy.build()
        self.published: dict[str, Any] | None = None

    def read(self, now_us: int) -> None:
        """Take in what was asked and what it earned since the last time."""
        for version, batch in self._requests.poll():
            read_decisions(self.ledger, version, batch, self._since_us)
        for _, batch in self._rewards.poll():
            read_rewards(self.ledger, batch, self._since_us)
        self.ledger.settle(now_us - _PATIENCE_US)

    def hear(self, time_s: float, version: int, counted: Sequence[Any]) -> None:
        """Take what a worker counted of a version."""
        self.guardrail.add(time_s, version, Counts(counted[0], counted[1], counted[2], tuple(counted[4])))

    def faults(self, time_s: float) -> list[tuple[int, str]]:
        """The versions to be taken out now, and why."""
        standing = self.standing
        if not standing.policy.is_guarded:
            return []
        over_all: dict[int, Tally] = {}
        for tallies in self.ledger.tallies().values():
            for version, tally in tallies.items():
                over_all[version] = over_all.get(version, Tally()) + tally
        return self.guardrail.judge(time_s, standing.champion, standing.versions, over_all)

    def table(self, now_us: int) -> dict[str, Any]:
        """What is to be published now, as plain data."""
        standing = self.standing
        policy = standing.policy
        traffic = Traffic(standing.versions, standing.champion, policy.names, self.ledger.tallies())
        made = allocate(self._policy, traffic, now_us, salt=standing.name)
        shadows = list(self._policy.shadows(traffic))
        plain = {
            "endpoint": standing.name,
            "champion": standing.champion,
            "allocations": {segment: table.to_plain() for segment, table in made.items()},
            "shadows": shadows,
            "unit_column": policy.unit_column,
            "segment_column": policy.segment_column,
            "segments": list(policy.segments),
            "output_low": policy.output_low,
            "output_high": policy.output_high,
            "reward_low": policy.reward_low,
            "reward_high": policy.reward_high,
        }
        named = {standing.champion, *shadows}
        for table in made.values():
            named |= set(table.versions)
        digests = {str(version): standing.digests[version] for version in sorted(named)}
        return {**plain, "table_id": digest(plain)[:12], "digests": digests}

    def publish(self, now_us: int) -> dict[str, Any] | None:
        """The table to publish, on the disk beforehand; None where it is what was published last."""
        plain = self.table(now_us)
        if self.published is not None and self.published["table_id"] == plain["table_id"]:
            return None
        disk.make_folder(self._record.parent, mode=0o700)
        known = {segment: {str(one): tally.to_plain() for one, tally in tallies.items()}
                 for segment, tallies in self.ledger.tallies().items()}  # fmt: skip
        line = json.dumps({"time_us": now_us, **plain, "policy": self.standing.policy.to_plain(), "rewards": known})
        disk.append_line(self._record, line.encode())
        self.published = plain
        return plain


def newest_table(home: Path, endpoint: str) -> dict[str, Any] | None:
    """The table that was published last; what a killed process left half written is none. Cost: the end of a file."""
    path = home / "requests" / endpoint / "tables.jsonl"
    if not path.exists():
        return None
    size = path.stat().st_size
    width = 1 << 16
    while True:
        with path.open("rb") as file:
            file.seek(max(0, size - width))
            lines = file.read().split(b"\n")
        for line in reversed(lines if width >= size else lines[1:]):
            with suppress(ValueError):
                found: dict[str, Any] = json.loads(line)
                return found
        if width >= size:
            return None
        width *= 4
