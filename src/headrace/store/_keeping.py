"""Keeping: which versions of an endpoint answer beside the one it serves, and the labels they have.

Both are moves of the endpoint's log: action "keep" with "latest", "all", "last 3" or "these 2 5" in its reason, "label"
with the label, then why, and "unlabel" with the label. What is said last counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from headrace.errors import InvalidInput, UnknownName
from headrace.store._contract import Endpoint, Move
from headrace.store._steering import Steering

__all__ = ["Keeping", "Labelling", "keeping_of"]

_LABEL = re.compile(r"[A-Za-z0-9_]{1,63}")
_KEEP = re.compile(r"latest|all|last [1-9][0-9]{0,5}|these( [1-9][0-9]{0,17}){1,1000}")


@dataclass(frozen=True)
class Keeping:
    """What answers beside the version served.

    Parameters
    ----------
    which : str
        "latest": nothing, beside what has a label; "all"; "last N": the N newest; "these N ...".
    labels : mapping of str to int
        Label -> version.
    withdrawn : frozenset of int
        Versions that were taken out: they answer nobody.
    """

    which: str = "latest"
    labels: Mapping[str, int] = field(default_factory=dict)
    withdrawn: frozenset[int] = frozenset()

    def versions(self, known: Iterable[int]) -> tuple[int, ...]:
        """Of all versions of the endpoint those that are to answer, what is served apart; newest first.

        >>> Keeping("last 2", {"stable": 1}, frozenset({3})).versions([1, 2, 3, 4])
        (4, 2, 1)
        """
        there = sorted(set(known) - self.withdrawn, reverse=True)
        word, *numbers = self.which.split(" ")
        found: Sequence[int] = ()
        if word == "all":
            found = there
        elif word == "last":
            found = there[: int(numbers[0])]
        elif word == "these":
            found = [int(number) for number in numbers]
        return tuple(one for one in there if one in found or one in self.labels.values())


def keeping_of(moves: Iterable[Move]) -> Keeping:
    """What an endpoint's log says, oldest move first."""
    which = "latest"
    labels: dict[str, int] = {}
    withdrawn: set[int] = set()
    for move in moves:
        if move.action == "keep":
            which = move.reason.partition(":")[0]
        elif move.action == "label" and move.replaced is not None:
            labels[move.reason.partition(" ")[0]] = move.replaced
        elif move.action == "unlabel":
            labels.pop(move.reason.partition(" ")[0], None)
        elif move.action == "withdraw" and move.replaced is not None:
            withdrawn.add(move.replaced)
        elif move.action == "admit":
            withdrawn.discard(move.concerns)
        else:
            withdrawn.discard(move.version)  # it is served again
    return Keeping(which, labels, frozenset(withdrawn))


class Labelling(Steering):
    """The part of a Store that says which versions answer beside the one served."""

    def keeping(self, name: str) -> Keeping:
        """What answers beside what an endpoint serves; nothing where nobody said so."""
        return keeping_of(self.moves(name))

    def keep_versions(self, name: str, which: str, *, reason: str = "", who: str = "") -> tuple[int, ...]:
        """Have servers answer for more versions than the one served, each by its number.

        Parameters
        ----------
        name : str
            The endpoint.
        which : str
            "latest", "all", "last N" or "these N N ...".
        reason, who : str
            Why, and who does it where that is not this process's user.

        Returns the versions that answer beside the one served. Raises UnknownName for a version that is not there.
        """
        if _KEEP.fullmatch(which) is None:
            raise InvalidInput(f"{which[:80]!r} names no versions", expected='"latest", "all", "last 3" or "these 2 5"')
        with self._database.write() as connection:
            live = self._live(connection, name)
            for number in which.split(" ")[1:] if which.startswith("these") else ():
                self._require_version(connection, name, int(number))
            told = f"{which}: {reason}" if reason else which
            self._move(connection, name, live.version, None, "keep", reason=told, run_id=None, who=who)
        return self.keeping(name).versions(one.version for one in self.versions(name))

    def set_label(self, name: str, label: str, version: int | None, *, reason: str = "", who: str = "") -> None:
        """Give a version a label, which moves to it from any other; None takes the label away.

        A version with a label is kept loaded. A server moves the label once it has loaded the version, and not before.
        Raises InvalidInput for what is no label, and for a version that was withdrawn; UnknownName for an endpoint or
        version that is not there, and for taking away a label there is not.
        """
        if _LABEL.fullmatch(label) is None:
            raise InvalidInput(f"{label[:80]!r} is no label", expected="1 to 63 letters, digits or '_'")
        keeping = self.keeping(name)
        with self._database.write() as connection:
            live = self._live(connection, name)
            if version is None:
                if label not in keeping.labels:
                    raise UnknownName("label", label, keeping.labels, where=f"endpoint {name!r}")
            else:
                self._require_version(connection, name, version)
                if version in keeping.withdrawn:
                    raise InvalidInput(
                        f"version {version} of endpoint {name!r} was withdrawn: it answers nobody",
                        fix=f"headrace endpoints admit {name} --version {version}",
                    )
            told = f"{label} {reason}" if reason else label
            action = "unlabel" if version is None else "label"
            self._move(connection, name, live.version, version, action, reason=told, run_id=None, who=who)

    def kept(self, name: str) -> tuple[Keeping, list[Endpoint]]:
        """What answers beside what is served, and the versions themselves, newest first."""
        keeping = self.keeping(name)
        by_version = {one.version: one for one in self.versions(name)}
        return keeping, [by_version[version] for version in keeping.versions(by_version)]
