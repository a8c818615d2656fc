"""Person: whoever asks, with what they may do and whose data they may see."""

from __future__ import annotations

import getpass
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from headrace.errors import InvalidInput, UnknownName

__all__ = ["ROLES", "Person", "check_reads", "check_role", "local_person"]

# Each may do what those before it may.
ROLES: tuple[str, ...] = ("viewer", "operator", "admin")


def check_role(role: str) -> str:
    """The role itself; UnknownName for one that does not exist."""
    if role not in ROLES:
        raise UnknownName("role", role, ROLES)
    return role


def check_reads(reads: Iterable[str]) -> tuple[str, ...]:
    """Grants as they are kept; InvalidInput for one that is no pattern over PIPELINE/DATASET.

    >>> check_reads(["flights/*", "*"])
    ('flights/*', '*')
    """
    found = tuple(reads)
    for pattern in found:
        if not pattern or (pattern != "*" and pattern.count("/") != 1):
            raise InvalidInput(
                f"{pattern!r} grants nothing", expected="PIPELINE/DATASET, as flights/ingest or flights/*; or * for all"
            )
    return found


@dataclass(frozen=True)
class Person:
    """Who asks.

    Parameters
    ----------
    name : str
        As it stands in the audit log, beside what they did.
    role : str
        "viewer" looks; "operator" also runs, cancels, approves, waives, rolls back; "admin" also sees tokens and the
        audit log.
    reads : tuple of str
        Patterns over PIPELINE/DATASET, where DATASET is the name of an ingest step; "*" is every one.
    token_id : str
        Of the token they came with; "" for who sits at the machine itself.

    >>> ada = Person("ada", "operator", ("flights/*",))
    >>> ada.may("viewer"), ada.may("admin"), ada.may_read("flights", ["ingest"]), ada.may_read("taxis", ["ingest"])
    (True, False, True, False)
    """

    name: str
    role: str
    reads: tuple[str, ...] = ("*",)
    token_id: str = ""

    def may(self, role: str) -> bool:
        """Whether their role is this one, or above it."""
        return ROLES.index(self.role) >= ROLES.index(role)

    @property
    def reads_all(self) -> bool:
        """Whether nothing is kept from them."""
        return "*" in self.reads

    def may_read(self, pipeline: str, datasets: Iterable[str]) -> bool:
        """Whether all these data sets of a pipeline may be shown to them; what comes of no data set needs the pipeline.

        Parameters
        ----------
        pipeline : str
            Its name.
        datasets : iterable of str
            The ingest steps that what is to be shown was made from.
        """
        if self.reads_all:
            return True
        named = list(datasets)
        if not named:
            return any(fnmatchcase(pipeline, pattern.partition("/")[0]) for pattern in self.reads)
        return all(any(fnmatchcase(f"{pipeline}/{one}", pattern) for pattern in self.reads) for one in named)


def local_person() -> Person:
    """Who sits at this machine where there are no tokens: its user, who could read and change every file anyway."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container's user often has no entry in passwd
        name = "local"
    return Person(name, "admin")
