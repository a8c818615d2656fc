"""Guardrail: whether a version fails beside the champion, from counts of the same seconds; pure, and quick."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from headrace.routing.endpoint_policy import EndpointPolicy
from headrace.routing.tally import Tally

__all__ = ["Counts", "Guardrail", "is_surely_worse"]

_WINDOW_S = 10.0
_LEAST_FAILURES = 5
_LEAST_TIMED = 20
_LEAST_SLOWER_NS = 200_000
_LEAST_REWARDED = 50
# Three standard errors: once in 740 looks at a version that is at the limit.
_Z = 3.0
# The width of the mixture, in shares of the reward's range: most sensitive to differences of this size.
_MIXTURE = 0.05
_CHANCE = 0.001


@dataclass(frozen=True)
class Counts:
    """How one version did: requests, those it raised at, those it answered with no prediction, and times by octave."""

    num: int = 0
    num_failed: int = 0
    num_malformed: int = 0
    busy_ns: tuple[int, ...] = ()

    def __add__(self, other: Counts) -> Counts:
        width = max(len(self.busy_ns), len(other.busy_ns))
        ours, theirs = (one.busy_ns + (0,) * (width - len(one.busy_ns)) for one in (self, other))
        return Counts(
            self.num + other.num,
            self.num_failed + other.num_failed,
            self.num_malformed + other.num_malformed,
            tuple(map(sum, zip(ours, theirs, strict=True))),
        )

    def quantile_ns(self, share: float) -> float:
        """About the time below which this share of the requests took; NaN without any. Within an octave."""
        total = sum(self.busy_ns)
        target, below = share * total, 0
        for place, count in enumerate(self.busy_ns):
            if count and below + count >= target:
                return math.exp2(place - 1 + (target - below) / count)
            below += count
        return math.nan


def _lowest(num_failed: int, num: int) -> float:
    """Wilson's lower bound of a share."""
    if not num:
        return 0.0
    share, square = num_failed / num, _Z * _Z
    middle = share + square / (2 * num)
    spread = _Z * math.sqrt(share * (1 - share) / num + square / (4 * num * num))
    return (middle - spread) / (1 + square / num)


def is_surely_worse(one: Tally, other: Tally) -> bool:
    """Whether the first earns less than the second, beyond a chance of 0.001, however often one looks.

    The normal mixture of sequential testing: it may be asked after every reward, where a test of fixed size would
    sooner or later be wrong. False under 50 rewards each.

    >>> is_surely_worse(Tally.of([0, 0, 0, 1] * 100), Tally.of([0, 1, 1, 1] * 100))
    True

    Source: Johari et al. 2017, Peeking at A/B tests, section 4; Robbins 1970.
    """
    if min(one.num_rewarded, other.num_rewarded) < _LEAST_REWARDED or one.mean >= other.mean:
        return False
    # One more reward of a half each: a version that earned nothing yet has no variance of its own.
    variance = sum((tally.variance + 0.25 / tally.num_rewarded) / tally.num_rewarded for tally in (one, other))
    square, mixture = (one.mean - other.mean) ** 2, _MIXTURE**2
    log_ratio = 0.5 * math.log(variance / (variance + mixture)) + mixture * square / (
        2 * variance * (variance + mixture)
    )
    return log_ratio > -math.log(_CHANCE)


class Guardrail:
    """Keeps the last ten seconds of each version, and says which one is to be taken out.

    Parameters
    ----------
    policy : EndpointPolicy
        Its limits.
    """

    def __init__(self, policy: EndpointPolicy) -> None:
        self.policy = policy
        self._recent: deque[tuple[float, int, Counts]] = deque()

    def add(self, time_s: float, version: int, counts: Counts) -> None:
        """Take what one worker counted of one version in the last second."""
        self._recent.append((time_s, version, counts))

    def recent(self, time_s: float) -> dict[int, Counts]:
        """Of each version, what was counted in the last ten seconds."""
        while self._recent and self._recent[0][0] < time_s - _WINDOW_S:
            self._recent.popleft()
        found: dict[int, Counts] = {}
        for _, version, counts in self._recent:
            found[version] = found.get(version, Counts()) + counts
        return found

    def judge(
        self, time_s: float, champion: int, versions: Sequence[int], tallies: Mapping[int, Tally]
    ) -> list[tuple[int, str]]:
        """The versions to be taken out now, each with the reason in words.

        Parameters
        ----------
        time_s : float
            Now, by the clock of `add`.
        champion, versions : int, sequence of int
            Who takes part. The champion is judged beside the version that was asked most, any other beside the
            champion; one that has nobody beside it is not taken out.
        tallies : mapping of int to Tally
            The rewards of each, over all segments.
        """
        recent = self.recent(time_s)
        out: list[tuple[int, str]] = []
        for version in sorted(versions, key=lambda one: one == champion):  # the champion last
            left = [one for one in versions if one != version and one not in {gone for gone, _ in out}]
            if not left:
                continue
            most = max(left, key=lambda one: recent.get(one, Counts()).num)
            beside = champion if version != champion else most
            reason = self._fault(version, beside, recent)
            if not reason and version != champion:  # one that earns less than another is still what was trusted
                reason = self._loss(version, beside, tallies)
            if reason:
                out.append((version, reason))
        return out

    def _fault(self, version: int, beside: int, recent: Mapping[int, Counts]) -> str:
        own, other = recent.get(version, Counts()), recent.get(beside, Counts())
        for words, ours, theirs in (
            ("failed at", own.num_failed, other.num_failed),
            ("answered with no prediction to", own.num_malformed, other.num_malformed),
        ):
            least = _lowest(ours, own.num)
            limit = max(self.policy.max_failed_share, theirs / other.num if other.num else 0.0)
            if ours >= _LEAST_FAILURES and least > limit:
                return f"{words} {ours:,} of {own.num:,} requests; version {beside} at {theirs:,} of {other.num:,}"
        for share, least_timed in ((0.5, _LEAST_TIMED), (0.95, 10 * _LEAST_TIMED)):
            if min(sum(own.busy_ns), sum(other.busy_ns)) >= least_timed:
                ours_ns, theirs_ns = own.quantile_ns(share), other.quantile_ns(share)
                is_slow = ours_ns > self.policy.max_latency_ratio * theirs_ns
                if is_slow and ours_ns - theirs_ns > _LEAST_SLOWER_NS:
                    return (
                        f"took {ours_ns / 1e6:.2f} ms at the {share:.0%} quantile of {own.num:,} requests;"
                        f" version {beside} {theirs_ns / 1e6:.2f} ms"
                    )
        return ""

    @staticmethod
    def _loss(version: int, beside: int, tallies: Mapping[int, Tally]) -> str:
        one, two = tallies.get(version, Tally()), tallies.get(beside, Tally())
        if is_surely_worse(one, two):
            return (
                f"earned {one.mean:.4g} a request over {one.num_rewarded:,};"
                f" version {beside} {two.mean:.4g} over {two.num_rewarded:,} (of 0 to 1)"
            )
        return ""
