"""Traffic: how an endpoint's traffic is divided, what each version earns, and what others would; plain data."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from headrace.routing import EndpointPolicy, Ledger, Standing, Tally, Traffic, standing_of
from headrace.routing.estimate import Estimate, Logged, estimate
from headrace.routing.posterior import expected_losses, interval, win_probabilities
from headrace.serving._deal import DECISIONS, REWARDS, newest_table, read_decisions, read_rewards
from headrace.serving._segments import hour_of
from headrace.serving._tail import Tail
from headrace.store import Store

__all__ = ["LedgerReader", "endpoint_summary", "estimate_policy", "read_ledger"]

_PATIENCE_US = 3_000_000
_CHOICES = ("request_id", "request_row", "request_status", "request_arm", "request_propensity", "request_unit")


class LedgerReader:
    """Reads an endpoint's decisions and rewards on from where it was left; anew when its policy has changed.

    Parameters
    ----------
    store, name : Store, str
        The endpoint.
    """

    def __init__(self, store: Store, name: str) -> None:
        self._store, self._name = store, name
        self._ledger: Ledger | None = None
        self._since_us = 0

    def read(self, standing: Standing, *, now_us: int | None = None) -> Ledger:
        """All that is known now; the same ledger each time while the policy stays, so it is to be read only.

        Cost: the new bytes of the logs; the first time a pass over the ids since the policy began to learn.
        """
        since_us = standing.policy.learned_since_us or standing.since_us
        if self._ledger is None or self._ledger.policy != standing.policy or since_us != self._since_us:
            since, home = hour_of(since_us), self._store.home
            self._ledger, self._since_us = Ledger(standing.policy), since_us
            self._requests = Tail(home.requests / self._name, DECISIONS, since=since)
            self._rewards = Tail(home.rewards / self._name, REWARDS, since=since)
        for version, batch in self._requests.poll():
            read_decisions(self._ledger, version, batch, since_us)
        for _, batch in self._rewards.poll():
            read_rewards(self._ledger, batch, since_us)
        self._ledger.settle((time.time_ns() // 1000 if now_us is None else now_us) - _PATIENCE_US)
        return self._ledger


def read_ledger(store: Store, standing: Standing, *, now_us: int | None = None) -> Ledger:
    """The decisions and rewards of an endpoint since its policy began to learn, from its logs.

    Two logs with the same rows give the same bytes (`Ledger.to_bytes`), whoever wrote them in whatever order.
    Cost: one pass over the ids of the log; memory as `Ledger` says.
    """
    return LedgerReader(store, standing.name).read(standing, now_us=now_us)


def endpoint_summary(
    store: Store, name: str, *, now_us: int | None = None, reader: LedgerReader | None = None
) -> dict[str, Any]:
    """Who answers, how often, and how sure it is which version is best; with a `reader` only what is new is read.

    Returns
    -------
    dict
        `endpoint`, `champion`, `policy` (its record), `since_us`, `table_id` and `published_us` (None before the
        first),
        `segments`: one row a segment and version with `share` (0..1, published), `num_decided`, `num_rewarded`,
        `mean`, `lower`, `upper` (the mean reward and its 95 % interval, in the reward's own unit), `best_probability`
        and `expected_loss` (reward a request lost beside the best), both by all that is known; `best` and
        `best_probability` over all segments together; `regret`, the reward that was lost so far by not always asking
        the best version, as far as is known; `counts` of rewards (pending, late, repeated, unmatched); `withdrawn`.
        Of an endpoint without a policy the segments are empty.

    Cost: as `read_ledger`.
    """
    standing = standing_of(store, name)
    policy = standing.policy
    reader = reader or LedgerReader(store, name)
    ledger = reader.read(standing, now_us=now_us) if standing.is_divided else Ledger(policy)
    tallies = ledger.tallies()
    table = newest_table(store.home.path, name) if standing.is_divided else None
    rows: list[dict[str, Any]] = []
    regret = 0.0
    together = {version: Tally() for version in standing.versions}
    for segment in policy.names if standing.is_divided else ():
        known = tallies.get(segment, {})
        # Those that were taken out have cost what they have cost.
        mine = {version: known.get(version, Tally()) for version in sorted({*standing.versions, *known})}
        best = win_probabilities({version: mine[version] for version in standing.versions})
        losses = expected_losses(mine)
        published = {} if table is None else table["allocations"].get(segment, {})
        cells = dict(zip(published.get("versions", ()), published.get("cells", ()), strict=True))
        for version, tally in mine.items():
            if version in together:
                together[version] = together[version] + tally
            lost = losses[version] if any(one.num_rewarded for one in mine.values()) else 0.0
            regret += tally.num_decided * lost
            rows.append(
                {
                    "segment": segment,
                    "version": version,
                    "share": cells.get(version, 0) / (1 << 32),
                    **_earned(policy, tally),
                    "best_probability": best.get(version, 0.0),  # one that answers nobody is not in the running
                    "expected_loss": lost * _span(policy),
                }
            )
    over_all = win_probabilities(together)
    first = max(over_all, key=lambda version: (over_all[version], version == standing.champion))
    return {
        "endpoint": name,
        "champion": standing.champion,
        "policy": policy.to_plain(),
        "since_us": standing.since_us,
        "table_id": None if table is None else table["table_id"],
        "published_us": None if table is None else table["time_us"],
        "segments": rows,
        "best": first if standing.is_divided else standing.champion,
        "best_probability": over_all[first] if standing.is_divided else 1.0,
        "regret": regret * _span(policy),
        "counts": dict(ledger.counts),
        "withdrawn": {str(version): reason for version, reason in standing.withdrawn.items()},
    }


def _span(policy: EndpointPolicy) -> float:
    return policy.reward_high - policy.reward_low


def _earned(policy: EndpointPolicy, tally: Tally) -> dict[str, Any]:
    told: dict[str, Any] = {"num_decided": tally.num_decided, "num_rewarded": tally.num_rewarded}
    if not tally.num_rewarded:
        return {**told, "mean": None, "lower": None, "upper": None}
    lower, upper = interval(tally)
    values = {"mean": tally.mean, "lower": lower, "upper": upper}
    return {**told, **{name: policy.reward_low + value * _span(policy) for name, value in values.items()}}


def estimate_policy(store: Store, name: str, target: EndpointPolicy | int, *, now_us: int | None = None) -> Estimate:
    """What another policy, or one version alone, would have earned a request, from the logs.

    Parameters
    ----------
    store, name : Store, str
        The endpoint; its traffic is, or was, divided.
    target : EndpointPolicy or int
        A policy, with the tables it makes of all that is known today; or a version.
    now_us : int, optional
        The present, UTC epoch microseconds.

    Only decisions whose reward is known count, or whose window is over where a missing one is declared. Memory: about
    300 bytes a decision.
    """
    standing = standing_of(store, name)
    logged, ledger = _logged(store, standing, time.time_ns() // 1000 if now_us is None else now_us)
    names = standing.policy.names
    if isinstance(target, int):
        tables: Mapping[str, Mapping[int, float]] = {segment: {target: 1.0} for segment in names}
    else:
        traffic = Traffic(standing.versions, standing.champion, names, ledger.tallies())
        tables = target.build().tables(traffic, 0)
    return estimate(logged, tables)


def _logged(store: Store, standing: Standing, now_us: int) -> tuple[Logged, Ledger]:
    """The decisions whose reward is known, in the order of their ids, and the ledger of all."""
    policy = standing.policy
    since_us = policy.learned_since_us or standing.since_us
    since = hour_of(since_us)
    rewards: dict[str, tuple[int, float]] = {}
    ledger = Ledger(policy)
    for _, batch in Tail(store.home.rewards / standing.name, REWARDS, since=since).poll():
        read_rewards(ledger, batch, since_us)
        times = batch.column("event_time_us").cast(pa.int64()).to_pylist()
        for found in zip(
            batch.column("request_id").to_pylist(), times, batch.column("reward").to_pylist(), strict=True
        ):
            request_id, time_us, reward = found
            if policy.reward_low <= reward <= policy.reward_high:
                rewards[request_id] = min(rewards.get(request_id, (time_us, reward)), (time_us, reward))
    found_rows: list[tuple[str, int, float, float, str, str]] = []
    for version, batch in Tail(store.home.requests / standing.name, (*DECISIONS, "request_unit"), since=since).poll():
        read_decisions(ledger, version, batch, since_us)
        times = batch.column("event_time_us").cast(pa.int64()).to_pylist()
        columns = [batch.column(one).to_pylist() for one in _CHOICES]
        for request_id, row, status, arm, propensity, unit, time_us in zip(*columns, times, strict=True):
            if arm is None or row or not propensity or status not in (200, 500) or time_us < since_us:
                continue
            window_us = int(policy.window_s * 1e6)
            reward = rewards.get(request_id)
            value: float | None = None
            if reward is not None and reward[0] - time_us <= window_us:
                value = reward[1]
            elif policy.missing is not None and now_us - time_us > window_us:
                value = policy.missing
            if value is not None:
                segment = arm.partition("/")[2]
                found_rows.append((request_id, version, propensity, value, segment, unit or request_id))
    found_rows.sort()
    _, versions, propensities, values, segments, units = (
        zip(*found_rows, strict=True) if found_rows else ((), (), (), (), (), ())
    )
    return (
        Logged(
            np.array(versions, np.int64),
            np.array(propensities, np.float64),
            np.array(values, np.float64),
            list(segments),
            list(units),
        ),
        ledger,
    )
