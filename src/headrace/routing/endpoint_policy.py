"""EndpointPolicy: how an endpoint's traffic is divided, as a record; and which versions take part, by its log."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from headrace import lookup
from headrace.errors import InvalidInput, UnknownName
from headrace.routing._contract import Policy
from headrace.store import Store

__all__ = ["OTHER", "EndpointPolicy", "Standing", "standing_of"]

# The segment of a request whose column has a value that was not declared.
OTHER = "other"


@dataclass(frozen=True)
class EndpointPolicy:
    """Which policy divides an endpoint's traffic, by what, and how its rewards are counted.

    Parameters
    ----------
    policy : str
        The policy's name, a file of `routing/policies/`.
    parameters : mapping of str to plain data
        The policy's own, each checked by it.
    versions : tuple of int
        The versions that take part from the start; every version pushed later joins them.
    unit_column : str
        The raw column whose value stays with one version; "": the header `headrace-unit`, or, where a request has none,
        each request by itself. The header wins over the column.
    segment_column, segments : str, tuple of str
        The raw column that tells requests apart, and its values that have a table of their own; others are "other".
    reward_low, reward_high : float
        The range a reward may have; it is counted as 0..1 of it.
    window_s : float
        How long after the decision a reward counts, in seconds; later ones are kept, and reported as late.
    missing : float or None
        The reward of a decision that had none when the window was over; None: such a decision is left out.
    memory_s : float
        Only decisions of the last so many seconds are learned from; 0 = all. For rewards that change with time.
    is_guarded : bool
        Whether a failing version is taken out.
    max_failed_share, max_latency_ratio : float
        A version fails more than this share of requests, or takes more than this many times as long as the champion in
        the same seconds: it is taken out.
    output_low, output_high : float or None
        What a prediction may be; None: 0 and 1 for a binary label and for classes, anything finite otherwise.
    learned_since_us : int
        Decisions since then are learned from, UTC epoch microseconds; 0 = since this record was set.

    Raises UnknownName or InvalidInput for what does not fit.

    >>> EndpointPolicy("thompson", {"floor": 0.02}).build()
    Thompson(floor=0.02, control=0.05)
    """

    policy: str = "single"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    versions: tuple[int, ...] = ()
    unit_column: str = ""
    segment_column: str = ""
    segments: tuple[str, ...] = ()
    reward_low: float = 0.0
    reward_high: float = 1.0
    window_s: float = 3600.0
    missing: float | None = None
    memory_s: float = 0.0
    is_guarded: bool = True
    max_failed_share: float = 0.02
    max_latency_ratio: float = 3.0
    output_low: float | None = None
    output_high: float | None = None
    learned_since_us: int = 0

    def __post_init__(self) -> None:
        self.build()
        for name, low, high in _LIMITS:
            value = getattr(self, name)
            if value is None and name in _OPTIONAL:
                continue
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
                raise InvalidInput(f"{name} = {value!r}", where="policy", expected=f"{low:g} to {high:g}")
        if not self.reward_low < self.reward_high:
            raise InvalidInput(f"rewards from {self.reward_low} to {self.reward_high}", where="policy")
        if self.missing is not None and not self.reward_low <= self.missing <= self.reward_high:
            raise InvalidInput(f"missing = {self.missing}", expected=f"{self.reward_low} to {self.reward_high}")
        if bool(self.segment_column) != bool(self.segments) or OTHER in self.segments or "/" in "".join(self.segments):
            raise InvalidInput(
                f"segments {self.segments} of column {self.segment_column!r}",
                where="policy",
                expected=f"a column and its values, without '/', none of them {OTHER!r}",
            )

    def build(self) -> Policy:
        """The policy itself."""
        cls = lookup.find("policy", self.policy)
        known = [item.name for item in dataclasses.fields(cls)]
        for name in self.parameters:
            if name not in known:
                raise UnknownName(f"parameter of {self.policy}", name, known)
        made: Policy = cls(**self.parameters)
        return made

    @property
    def names(self) -> tuple[str, ...]:
        """The segments there are tables for."""
        return (*self.segments, OTHER) if self.segments else ("all",)

    def scaled(self, reward: float) -> float:
        """A reward as 0..1 of its range. Raises InvalidInput for one that is outside, or no number."""
        if not self.reward_low <= reward <= self.reward_high:  # NaN is neither
            raise InvalidInput(f"reward {reward}", expected=f"{self.reward_low:g} to {self.reward_high:g}")
        return (reward - self.reward_low) / (self.reward_high - self.reward_low)

    def to_plain(self) -> dict[str, Any]:
        """As plain data, every field by its name."""
        plain = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        plain |= {"parameters": dict(self.parameters), "versions": list(self.versions), "segments": list(self.segments)}
        return {**plain, "format": 1}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> EndpointPolicy:
        """Read what `to_plain` gave; what a store adds is left aside."""
        known = {item.name for item in dataclasses.fields(cls)}
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in plain.items()
        }
        return cls(**{name: value for name, value in values.items() if name in known})


_OPTIONAL = ("missing", "output_low", "output_high")
_LIMITS: tuple[tuple[str, float, float], ...] = (
    ("reward_low", -1e12, 1e12),
    ("reward_high", -1e12, 1e12),
    ("window_s", 0.1, 366 * 86400.0),
    ("missing", -1e12, 1e12),
    ("memory_s", 0.0, 366 * 86400.0),
    ("max_failed_share", 0.0, 1.0),
    ("max_latency_ratio", 1.0, 1e6),
    ("output_low", -math.inf, math.inf),
    ("output_high", -math.inf, math.inf),
)


@dataclass(frozen=True)
class Standing:
    """An endpoint as its log says it is now.

    Parameters
    ----------
    name : str
        The endpoint.
    champion : int
        What it serves.
    versions : tuple of int
        Those that take part, the champion among them, ascending.
    withdrawn : mapping of int to str
        Those that were taken out, and why.
    policy : EndpointPolicy
        `single` where none was set.
    since_us : int
        Since when it is divided so.
    digests : mapping of int to str
        The model of each of `versions`.
    """

    name: str
    champion: int
    versions: tuple[int, ...]
    withdrawn: Mapping[int, str]
    policy: EndpointPolicy
    since_us: int
    digests: Mapping[int, str]

    @property
    def is_divided(self) -> bool:
        """Whether there is anything to decide."""
        return self.policy.policy != "single"


def standing_of(store: Store, name: str) -> Standing:
    """Read an endpoint's log.

    Under a policy take part: the champion of then, the versions it was set with, and all that were pushed since; not
    those that were withdrawn, or rolled back from, and not admitted since. Raises UnknownName for an unknown endpoint.
    Cost: the endpoint's moves and versions.
    """
    live = store.endpoint(name)
    if live is None:
        raise UnknownName("endpoint", name, [one.name for one in store.endpoints()])
    record = store.policy(name)
    policy = EndpointPolicy() if record is None else EndpointPolicy.from_plain(record)
    since_us = 0 if record is None else int(record["since_us"])
    withdrawn: dict[int, str] = {}
    first = set(policy.versions)
    for move in store.moves(name):
        withdrawn.pop(move.version, None)
        if move.action == "admit":
            withdrawn.pop(move.concerns, None)
        elif move.action in ("withdraw", "rollback") and move.replaced is not None:
            withdrawn[move.replaced] = move.reason
        elif move.action == "policy" and move.time_us == since_us:
            first.add(move.version)
            for version in policy.versions:
                withdrawn.pop(version, None)
    found = store.versions(name)
    joined = {one.version for one in found if one.created_us >= since_us} if record is not None else set()
    taking = ({*first, *joined} if policy.policy != "single" else set()) - set(withdrawn)
    versions = tuple(sorted({live.version, *taking}))
    digests = {one.version: one.model_digest for one in found if one.version in versions}
    return Standing(name, live.version, versions, withdrawn, policy, since_us, digests)
