"""Sessions: what a browser keeps of a login, signed, so that nothing is kept here; and the mark each form carries.

A session is `TOKEN_ID.EXPIRES.NONCE.SIGNATURE`. Without its key nobody can make one, and it opens no more than the
token whose id it has, which is looked up each time. The mark against forged forms (CSRF) is the signature of the
session under another purpose: a page of another site can neither read nor make it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time

__all__ = ["Sessions"]

_DAY_S = 86_400
_NOBODY = "-"


class Sessions:
    """Makes and checks them.

    >>> sessions = Sessions(b"key")
    >>> session = sessions.make("0a1b2c3d")
    >>> sessions.token_id(session), sessions.token_id(session + "0"), sessions.token_id("")
    ('0a1b2c3d', None, None)
    >>> sessions.is_mark(sessions.mark(session), session), sessions.is_mark("", session)
    (True, False)
    """

    def __init__(self, key: bytes, *, lasts_s: int = _DAY_S) -> None:
        self._key = key
        self._lasts_s = lasts_s

    def make(self, token_id: str = "") -> str:
        """A new session of a token's owner; of nobody in particular without one."""
        body = f"{token_id or _NOBODY}.{int(time.time()) + self._lasts_s}.{secrets.token_urlsafe(16)}"
        return f"{body}.{self._sign('session', body)}"

    def token_id(self, session: str) -> str | None:
        """Whose it is: a token's id, "" for nobody in particular; None for one that is not ours, or is over."""
        body, _, signature = session.rpartition(".")
        if not body or not hmac.compare_digest(
            signature.encode("utf-8", "replace"), self._sign("session", body).encode()
        ):
            return None
        token_id, expires, _ = body.split(".", 2)
        if int(expires) < time.time():
            return None
        return "" if token_id == _NOBODY else token_id

    def mark(self, session: str) -> str:
        """What a form of this session carries."""
        return self._sign("form", session)

    def is_mark(self, mark: str, session: str) -> bool:
        """Whether a form carries what it should."""
        return hmac.compare_digest(mark.encode("utf-8", "replace"), self.mark(session).encode())

    def _sign(self, purpose: str, text: str) -> str:
        return hmac.new(self._key, f"{purpose}\n{text}".encode(), hashlib.sha256).hexdigest()
