"""The allocation table: which version answers a unit, decided by the unit's id alone.

A table cuts the 2^32 cells of a 32-bit draw into one stretch a version, in the versions' order. The draw is the keyed
hash of the unit's id, so it is the same in every worker, today and in a replay, and the propensity of a choice is a
count of cells: exact, not an estimate. Where probabilities move, only units near a boundary change their version.
"""

from __future__ import annotations

import functools
import hashlib
import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.errors import InvalidInput
from headrace.routing._contract import Policy, Traffic

__all__ = ["NUM_CELLS", "Allocation", "Choice", "allocate", "shares"]

NUM_CELLS = 1 << 32


@dataclass(frozen=True, slots=True)
class Choice:
    """What a unit was given: the version, and how probable that was (0..1], for whoever evaluates the policy later."""

    version: int
    propensity: float


@dataclass(frozen=True)
class Allocation:
    """The published table of one segment.

    Parameters
    ----------
    salt : str
        Names the draw. The same salt gives a unit the same draw for ever; another salt an independent one.
    versions : tuple of int
        Ascending, so that a share that grows takes from its neighbours.
    cells : tuple of int
        How many of the 2^32 cells each version has; their sum is 2^32.

    Raises InvalidInput where these do not fit together.

    >>> table = Allocation.of({1: 0.95, 2: 0.05}, salt="late")
    >>> table.choose("passenger 7")
    Choice(version=1, propensity=0.9499999999534339)
    >>> table.choose("passenger 7") == table.choose("passenger 7")
    True
    """

    salt: str
    versions: tuple[int, ...]
    cells: tuple[int, ...]

    def __post_init__(self) -> None:
        is_fit = len(self.versions) == len(self.cells) and list(self.versions) == sorted(set(self.versions))
        if not is_fit or min(self.cells, default=-1) < 0 or sum(self.cells) != NUM_CELLS:
            raise InvalidInput(
                f"cells {self.cells} for versions {self.versions}",
                where="Allocation",
                expected="ascending versions, and a count of cells for each that add up to 2^32",
            )

    @classmethod
    def of(cls, table: Mapping[int, float], *, salt: str) -> Allocation:
        """The table of these probabilities, each rounded to cells: by less than 2^-32, and the sum stays exact.

        Use `shares` to make probabilities of weights.

        Raises InvalidInput where there is no version, or the probabilities are none or do not add up to 1.
        """
        if not table:
            raise InvalidInput("no version to answer with", where="an allocation table", expected="at least one")
        versions = tuple(sorted(table))
        given = [float(table[version]) for version in versions]
        if not all(0.0 <= share <= 1.0 for share in given) or math.fsum(given) != 1.0:
            raise InvalidInput(f"probabilities {dict(table)}", expected="each from 0 to 1, and 1.0 in sum (math.fsum)")
        return cls(salt, versions, tuple(_cells(given)))

    @functools.cached_property
    def _ends(self) -> tuple[int, ...]:
        return tuple(accumulate(self.cells))

    @functools.cached_property
    def _keyed(self) -> Any:
        # A key of BLAKE2 has at most 64 bytes: a salt of any length is digested to as many.
        key = hashlib.blake2b(self.salt.encode("utf-8", "surrogatepass"), digest_size=64).digest()
        return hashlib.blake2b(key=key, digest_size=4)

    def draw(self, unit_id: str) -> int:
        """The cell a unit falls into, 0 to 2^32 - 1: the keyed hash of its id, the same for ever.

        Source: RFC 7693, BLAKE2b, key = BLAKE2b-512 of the salt, 4 bytes, little end first. Cost: 0.5 us.
        """
        keyed = self._keyed.copy()
        keyed.update(unit_id.encode("utf-8", "surrogatepass"))
        return int.from_bytes(keyed.digest(), "little")

    def probability(self, version: int) -> float:
        """The share of units that a version answers, exact; 0.0 for one that is not in the table."""
        return self.cells[self.versions.index(version)] / NUM_CELLS if version in self.versions else 0.0

    def choose(self, unit_id: str) -> Choice:
        """The version that answers a unit (a user, a session, a request: whatever is to stay with one version).

        Cost: 1 us; no array, no lock.
        """
        index = bisect_right(self._ends, self.draw(unit_id))
        return Choice(self.versions[index], self.cells[index] / NUM_CELLS)

    def choose_all(self, unit_ids: pa.Array) -> npt.NDArray[np.int64]:
        """The versions of many units at once, for replays: int64[num_units], each what `choose` says of it.

        Parameters
        ----------
        unit_ids : pyarrow.Array[num_units]
            Text without nulls; InvalidInput otherwise. Cost: 0.7 us a unit.
        """
        if not pa.types.is_string(unit_ids.type) or unit_ids.null_count:
            raise InvalidInput(
                f"unit ids of type {unit_ids.type}, {unit_ids.null_count} null", expected="text, no null"
            )
        draws = np.array([self.draw(unit) for unit in unit_ids.to_pylist()], dtype=np.uint64)
        index = np.searchsorted(np.array(self._ends, dtype=np.uint64), draws, side="right")
        return np.array(self.versions, dtype=np.int64)[index]

    def moved(self, later: Allocation) -> float:
        """The exact share of units that another table of the same salt answers by another version.

        For two versions it is what the probabilities moved by; for more at most the sum of what the boundaries did.
        """
        edges = sorted({0, *self._ends, *later._ends})
        changed = sum(end - start for start, end in pairwise(edges) if self._at(start) != later._at(start))
        return changed / NUM_CELLS

    def _at(self, cell: int) -> int:
        return self.versions[bisect_right(self._ends, cell)]

    def to_plain(self) -> dict[str, Any]:
        """As plain data, for the record that a replay reads."""
        return {"salt": self.salt, "versions": list(self.versions), "cells": list(self.cells)}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Allocation:
        """Read what `to_plain` gave."""
        return cls(str(plain["salt"]), tuple(plain["versions"]), tuple(plain["cells"]))


def shares(weights: Mapping[int, float]) -> dict[int, float]:
    """Probabilities in proportion to weights, that add up to 1 exactly: what most policies return.

    Parameters
    ----------
    weights : mapping of int to float
        Finite, at least 0, one of them above; version -> weight.

    Each is a whole number of cells, the nearest that the sum allows: less than 2^-32 beside the true share.
    Raises InvalidInput for other weights.

    >>> shares({1: 1, 2: 1, 3: 2})
    {1: 0.25, 2: 0.25, 3: 0.5}
    """
    given = list(weights.values())
    if not all(math.isfinite(weight) and weight >= 0.0 for weight in given) or not sum(given) > 0.0:
        raise InvalidInput(f"weights {dict(weights)}", expected="finite, at least 0, and one of them above")
    return {version: count / NUM_CELLS for version, count in zip(weights, _cells(given), strict=True)}


def _cells(weights: Sequence[float]) -> list[int]:
    """Whole cells in proportion, 2^32 in all: rounded down, and what is left goes to the largest remainders."""
    exact = [Fraction(weight) for weight in weights]
    total = sum(exact)
    found, rests = [], []
    for weight in exact:
        count, rest = divmod(weight * NUM_CELLS, total)
        found.append(int(count))
        rests.append(rest)
    for index in sorted(range(len(found)), key=lambda index: (-rests[index], index))[: NUM_CELLS - sum(found)]:
        found[index] += 1
    return found


def allocate(policy: Policy, traffic: Traffic, now_us: int, *, salt: str) -> dict[str, Allocation]:
    """Ask a policy, hold its answer to the contract, and make the tables to publish: one a segment.

    All segments share the salt: a unit that comes in another segment, where the table is the same, keeps its version.

    Raises InvalidInput, naming policy and segment, where the answer breaks the contract, and where there is no version.

    >>> from headrace.routing.policies.canary import Canary
    >>> tables = allocate(Canary(share=0.25), Traffic((1, 2), champion=1), 0, salt="late")
    >>> tables["all"].probability(2)
    0.25
    """
    name = type(policy).__name__
    tables = policy.tables(traffic, now_us)
    if set(tables) != set(traffic.segments):
        raise InvalidInput(f"{name} made tables for {sorted(tables)}", expected=f"for {sorted(traffic.segments)}")
    made = {}
    for segment in traffic.segments:
        unknown = sorted(set(tables[segment]) - set(traffic.versions))
        if unknown:
            raise InvalidInput(
                f"{name} gives traffic to version {unknown[0]}",
                where=f"segment {segment!r}",
                expected=f"of {traffic.versions}",
            )
        try:
            made[segment] = Allocation.of(tables[segment], salt=salt)
        except InvalidInput as error:
            raise InvalidInput(error.what, where=f"{name}, segment {segment!r}", expected=error.expected) from error
    return made
