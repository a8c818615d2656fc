"""Credentials: who a request is from, and what of a server they may ask: deny by default, in one place for all.

Whoever sends the secret of HEADRACE_TOKEN may ask everything; a token of the project (`headrace tokens add shop --role
client --ask late`) the endpoints it names. A protocol is handed a view of the server in which others are not there, so
that none has to think of it. Where there is neither secret nor token everything is open: `serve` then listens on
loopback alone, or asks for certificates.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from headrace.access import Person, Token, Tokens
from headrace.access.tokens import hash_of
from headrace.errors import HeadraceError
from headrace.serving.core import Served, Serving

__all__ = ["EVERYBODY", "Credentials", "Forbidden", "view_of"]

# Whom nothing is kept from: where nothing is asked for, and whoever has the server's own secret.
EVERYBODY = Person("everybody", "admin", asks=("*",))
_LOOK_S = 0.1  # a token that is revoked opens nothing a tenth of a second later
_SCHEME = "Bearer "


class Forbidden(HeadraceError, PermissionError):
    """Somebody who is known asked for what their token is not for: HTTP 403."""


class Credentials:
    """Who comes with which secret.

    Parameters
    ----------
    secret : str
        The server's own; "" = none.
    home : Path, optional
        Where the project's tokens are; None = they are not looked at.
    """

    def __init__(self, secret: str, home: Path | None = None) -> None:
        self._secret = f"{_SCHEME}{secret}".encode() if secret else b""
        self._tokens = None if home is None else Tokens(home)
        self._known: dict[str, Token] = {}
        self._looked = -_LOOK_S
        self._is_blind = False

    def admit(self, authorization: str | None) -> Person | None:
        """Who sent this header; None for nobody that is known. Cost: 0.2 us, and 2 us where there are tokens."""
        if self._tokens is not None and time.monotonic() - self._looked >= _LOOK_S:
            self._look(self._tokens)
        if not self._secret and not self._known and not self._is_blind:
            return EVERYBODY
        given = (authorization or "").encode("utf-8", "surrogatepass")
        if self._secret and hmac.compare_digest(given, self._secret):
            return EVERYBODY
        if not self._known or not given.startswith(_SCHEME.encode()):
            return None
        # Found by the hash of what was given, so that how long it takes says nothing of what is kept.
        token = self._known.get(hash_of((authorization or "")[len(_SCHEME) :]))
        return token.person if token is not None and token.is_valid(time.time_ns() // 1000) else None

    def _look(self, tokens: Tokens) -> None:
        self._looked = time.monotonic()
        try:
            self._known, self._is_blind = tokens.asking(), False
        except HeadraceError:  # who cannot say who has access lets nobody in
            self._known, self._is_blind = {}, True


class _View:
    """A Serving in which the endpoints that a person may not ask are not there; all else is the Serving's own."""

    def __init__(self, serving: Serving, person: Person) -> None:
        self.__dict__["_serving"], self.__dict__["_person"] = serving, person

    def __getattr__(self, name: str) -> Any:
        return getattr(self._serving, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._serving, name, value)

    def _check(self, endpoint: str) -> None:
        # Whether there is such an endpoint is not said.
        if not self._person.may_ask(endpoint):
            raise Forbidden(
                f"the token of {self._person.name} is not for endpoint {endpoint[:100]!r}",
                fix=f"headrace tokens add NAME --role client --ask {endpoint[:64]}",
            )

    def get(self, endpoint: str) -> Served:
        """As `Serving.get`."""
        self._check(endpoint)
        return self._serving.get(endpoint)  # type: ignore[no-any-return]

    def find(self, endpoint: str, version: int | None, label: str) -> Served:
        """As `Serving.find`."""
        self._check(endpoint)
        return self._serving.find(endpoint, version, label)  # type: ignore[no-any-return]

    def refusals(self, endpoint: str) -> Any:
        """As `Serving.refusals`."""
        self._check(endpoint)
        return self._serving.refusals(endpoint)

    def _mine(self, found: Mapping[str, Any]) -> dict[str, Any]:
        return {name: one for name, one in found.items() if self._person.may_ask(name)}

    @property
    def endpoints(self) -> dict[str, Any]:
        """Those that may be asked."""
        return self._mine(self._serving.endpoints)

    @property
    def refused(self) -> dict[str, Any]:
        """Of those that may be asked."""
        return self._mine(self._serving.refused)

    @property
    def routes(self) -> dict[str, Any]:
        """Of those that may be asked."""
        return self._mine(self._serving.routes)


def view_of(serving: Serving, person: Person) -> Any:
    """The server as a person may see it: itself, for whoever may ask everything."""
    return serving if person.asks_all else _View(serving, person)
