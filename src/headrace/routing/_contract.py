"""What a policy is: it says which share of an endpoint's traffic each version answers.

    policy.tables(traffic, now_us)      # {segment: {version: probability}}

A policy is asked every few seconds, never by a request: a request hashes its unit's id into the table that was
published last (`headrace.routing.Allocation`). So a policy may take its time, and every worker decides alike. A new
policy is one file in `routing/policies/`; `headrace.testing.policy_cases` checks it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

from headrace.errors import InvalidInput
from headrace.routing.tally import Tally

__all__ = ["Policy", "Tables", "Traffic"]

Tables = Mapping[str, Mapping[int, float]]


@dataclass(frozen=True)
class Traffic:
    """What a policy is told of an endpoint.

    Parameters
    ----------
    versions : tuple of int
        The versions that may answer, ascending: accepted, and not withdrawn. One that was rolled back is not among
        them. Empty before the first push.
    champion : int or None
        The version the endpoint serves, one of `versions`; None where there are none.
    segments : tuple of str
        The names a table is wanted for; "all" where the endpoint does not tell its requests apart.
    rewards : mapping of segment to (mapping of version to Tally)
        What is known of each; a segment or version that is not there has nothing yet. Rewards are 0..1.

    Raises InvalidInput where these do not fit together.

    >>> Traffic((1, 2), champion=1).challenger
    2
    """

    versions: tuple[int, ...]
    champion: int | None
    segments: tuple[str, ...] = ("all",)
    rewards: Mapping[str, Mapping[int, Tally]] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if list(self.versions) != sorted({version for version in self.versions if version > 0}):
            raise InvalidInput(f"versions {self.versions}", where="Traffic", expected="ascending, each once, from 1")
        if (self.champion is None) != (not self.versions) or self.champion not in (*self.versions, None):
            raise InvalidInput(f"champion {self.champion}", where="Traffic", expected=f"one of {self.versions}")
        if not self.segments or len(set(self.segments)) < len(self.segments):
            raise InvalidInput(f"segments {self.segments}", where="Traffic", expected="at least one, each once")

    def tallies(self, segment: str) -> dict[int, Tally]:
        """What is known of each of `versions` in a segment, in order; an empty tally where nothing is."""
        known = self.rewards.get(segment, {})
        return {version: known.get(version, Tally()) for version in self.versions}

    @property
    def challenger(self) -> int | None:
        """The newest version, where it came after the champion; else None."""
        return self.versions[-1] if self.champion is not None and self.versions[-1] > self.champion else None


class Policy(ABC):
    """The contract: one method. Members are frozen dataclasses of plain parameters, each with a default."""

    @abstractmethod
    def tables(self, traffic: Traffic, now_us: int) -> Tables:
        """The share of each version, for each segment, from now on.

        Parameters
        ----------
        traffic : Traffic
            The endpoint as it is.
        now_us : int
            The time, microseconds since 1970 UTC: for policies that go by it. Read no clock.

        Returns
        -------
        mapping of str to (mapping of int to float)
            For each segment of `traffic` probabilities of its versions alone, 0..1, whose `math.fsum` is 1.0 exactly.
            A version left out has none. Where there are no versions the tables are empty.

        The same arguments give the same tables: nothing is remembered, and nothing drawn.
        """

    def shadows(self, traffic: Traffic) -> tuple[int, ...]:
        """The versions that are asked too, in the background, and whose answers nobody gets; none by default."""
        return ()
