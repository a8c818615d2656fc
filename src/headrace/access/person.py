"""Person: whoever asks, with what they may do and whose data they may see."""

from __future__ import annotations

import getpass
import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from headrace.errors import InvalidInput, UnknownName

__all__ = ["ROLES", "Person", "check_asks", "check_reads", "check_role", "local_person"]

# Each may do what those before it may.
ROLES: tuple[str, ...] = ("client", "viewer", "operator", "admin")
_ENDPOINTS = re.compile(r"[A-Za-z0-9_*-]{1,63}")


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


def check_asks(asks: Iterable[str]) -> tuple[str, ...]:
    """Endpoints as they are kept; InvalidInput for what is neither a name nor a pattern of names.

    >>> check_asks(["late", "price-*"])
    ('late', 'price-*')
    """
    found = tuple(asks)
    for pattern in found:
        if _ENDPOINTS.fullmatch(pattern) is None:
            raise InvalidInput(f"{pattern[:80]!r} is no endpoint", expected="a name, as late; or price-*, or * for all")
    return found


@dataclass(frozen=True)
class Person:
    """Who asks.

    Parameters
    ----------
    name : str
        As it stands in the audit log, beside what they did.
    role : str
        "client" only asks endpoints; "viewer" looks; "operator" also runs, cancels, approves, waives, rolls back;
        "admin" also sees tokens and the audit log.
    reads : tuple of str
        Patterns over PIPELINE/DATASET, where DATASET is the name of an ingest step; "*" is every one.
    token_id : str
        Of the token they came with; "" for who sits at the machine itself.
    asks : tuple of str
        Patterns over the endpoints that a server answers them for; none by default.

    >>> ada = Person("ada", "operator", ("flights/*",))
    >>> ada.may("viewer"), ada.may("admin"), ada.may_read("flights", ["ingest"]), ada.may_read("taxis", ["ingest"])
    (True, False, True, False)
    """

    name: str
    role: str
    reads: tuple[str, ...] = ("*",)
    token_id: str = ""
    asks: tuple[str, ...] = ()

    def may_ask(self, endpoint: str) -> bool:
        """Whether a server answers them for this endpoint.

        >>> Person("shop", "client", asks=("price-*",)).may_ask("price-eu")
        True
        """
        return any(fnmatchcase(endpoint, pattern) for pattern in self.asks)

    @property
    def asks_all(self) -> bool:
        """Whether a server answers them for every endpoint."""
        return "*" in self.asks

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
