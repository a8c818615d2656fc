"""The serving core: which endpoint serves which version, and predicting with it; nothing here knows of HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from headrace.errors import UnknownName

__all__ = ["Served", "Serving"]


@dataclass(frozen=True, slots=True)
class Served:
    """One version of an endpoint, loaded and checked.

    Parameters
    ----------
    endpoint : str
        Its name.
    version : int
        Counted up from 1 by pushes.
    digest : str
        The model's digest, which says what it is in any store.
    model : Model
        Loaded: its golden rows came out the same, byte for byte, on this machine.
    """

    endpoint: str
    version: int
    digest: str
    model: Any


class Serving:
    """The versions now served, by endpoint.

    A flip is one assignment of a whole `Served`: a request takes its version once, at its start, so that no answer
    mixes two, and the version it took stays alive until it is done.

    >>> Serving().get("late")
    Traceback (most recent call last):
        ...
    headrace.errors.UnknownName: no endpoint named 'late'
    """

    def __init__(self) -> None:
        self._served: dict[str, Served] = {}

    def flip(self, served: Served) -> Served | None:
        """Serve this version from now on; returns the one it replaces, which running requests may still hold."""
        before = self._served.get(served.endpoint)
        self._served = {**self._served, served.endpoint: served}
        return before

    def get(self, endpoint: str) -> Served:
        """The version an endpoint serves now. Raises UnknownName when there is none."""
        served = self._served.get(endpoint)
        if served is None:
            raise UnknownName("endpoint", endpoint[:100], self._served)
        return served

    @property
    def endpoints(self) -> dict[str, Served]:
        """All of them, by name."""
        return self._served
