"""A small share for the newest version."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.routing._contract import Policy, Tables, Traffic
from headrace.routing.floors import check_share

__all__ = ["Canary"]


@dataclass(frozen=True)
class Canary(Policy):
    """The newest version answers a fixed share of the units, the champion all others.

    For a version that passed its gate and is to be seen at work before all depend on it. Where the champion is the
    newest version it answers everything.

    Parameters
    ----------
    share : float
        Of the units, 0..1, that the newest version answers.

    Raises InvalidInput for a share outside 0..1.

    >>> Canary(share=0.25).tables(Traffic((1, 2), champion=1), 0)
    {'all': {1: 0.75, 2: 0.25}}
    """

    share: float = 0.05

    def __post_init__(self) -> None:
        check_share("share", self.share, "Canary")

    def tables(self, traffic: Traffic, now_us: int) -> Tables:
        """Champion and challenger, or the one there is."""
        table: dict[int, float] = {}
        if traffic.champion is not None:
            table[traffic.champion] = 1.0
            if traffic.challenger is not None:
                table = {traffic.champion: 1.0 - self.share, traffic.challenger: float(self.share)}
        return {segment: dict(table) for segment in traffic.segments}
