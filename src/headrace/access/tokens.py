"""Tokens: secrets that stand for a person, kept as their hash.

They lie in `access.json` in the store's home, which its owner alone can read: {"format": 2, "key": hexadecimal,
"tokens": [...]}; format 1 is the same without `asks`. The key signs the sessions of browsers. A secret has 256 bits of
the system's randomness, so that one round of SHA-256 is enough: there is nothing to guess that a slow hash would slow
down.
Source: NIST SP 800-63B, section 5.1.2 (look-up secrets of 112 bits and more).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from headrace import disk
from headrace.access.person import Person, check_asks, check_reads, check_role
from headrace.errors import InvalidInput, StoreBusy, StoreError, UnknownName

__all__ = ["Token", "Tokens", "hash_of"]

_FILE, _LOCK = "access.json", "access.lock"
_PREFIX = "hr"
_FORMATS = (1, 2)
_WAIT_S = 10.0
_LONGEST_NAME = 80
_MINE = threading.Lock()  # the file's lock is a process's, which its threads share


@dataclass(frozen=True)
class Token:
    """What is kept of a token; `secret_hash` is the SHA-256 of the secret, times are UTC epoch microseconds."""

    token_id: str
    name: str
    role: str
    reads: tuple[str, ...]
    secret_hash: str
    created_us: int
    expires_us: int | None = None
    revoked_us: int | None = None
    asks: tuple[str, ...] = ()

    def is_valid(self, now_us: int) -> bool:
        """Whether it opens anything at this moment."""
        return self.revoked_us is None and (self.expires_us is None or now_us < self.expires_us)

    @property
    def person(self) -> Person:
        """Who comes with it."""
        return Person(self.name, self.role, self.reads, self.token_id, self.asks)

    def to_plain(self) -> dict[str, Any]:
        """As it may be shown: without the hash."""
        plain = asdict(self)
        del plain["secret_hash"]
        return {**plain, "reads": list(self.reads), "asks": list(self.asks)}


class Tokens:
    """The tokens of one project. Read anew whenever the file has changed: a token that is revoked is so at once.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tokens = Tokens(Path(folder))
    ...     token, secret = tokens.add("ada", "viewer")
    ...     person = tokens.person(secret)
    ...     _ = tokens.revoke("ada")
    ...     person.name, tokens.person(secret), secret in (Path(folder) / "access.json").read_text()
    ('ada', None, False)
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._file = home / _FILE
        self._seen: tuple[int, int, int] | None = None
        self._kept: dict[str, Any] = {"tokens": []}

    def all(self) -> list[Token]:
        """Every token that was ever added, oldest first; [] where there is none."""
        return [
            Token(**{**plain, "reads": tuple(plain["reads"]), "asks": tuple(plain.get("asks", ()))})
            for plain in self._read()["tokens"]
        ]

    @property
    def is_empty(self) -> bool:
        """Whether nobody was ever given one that opens pages: on this machine alone these then need none."""
        return all(plain["role"] == "client" for plain in self._read()["tokens"])

    def asking(self) -> dict[str, Token]:
        """The tokens that ever asked a server, by the hash of their secret (`hash_of`); revoked ones are among them.

        Where there is one, whoever asks needs one: a door that the last token's end opened would be none.
        """
        return {token.secret_hash: token for token in self.all() if token.asks}

    def find(self, token_id: str) -> Token | None:
        """A token by its id, if it is valid now."""
        now = time.time_ns() // 1000
        return next((token for token in self.all() if token.token_id == token_id and token.is_valid(now)), None)

    def person(self, secret: str) -> Person | None:
        """Who has this secret; None where nobody has, or no longer."""
        given = hash_of(secret)
        now = time.time_ns() // 1000
        found = None
        for token in self.all():  # all of them, in the same time whichever it is
            if hmac.compare_digest(token.secret_hash, given) and token.is_valid(now):
                found = token.person
        return found

    def add(
        self,
        name: str,
        role: str,
        *,
        reads: Iterable[str] = ("*",),
        asks: Iterable[str] = (),
        days: float | None = None,
    ) -> tuple[Token, str]:
        """Make a token for a person.

        Parameters
        ----------
        name : str
            Who gets it; as it will stand in the audit log.
        role : str
            "client", "viewer", "operator" or "admin".
        reads : iterable of str
            The data sets it may see: patterns over PIPELINE/DATASET, or "*".
        asks : iterable of str
            The endpoints it may ask a server: names, or patterns of names; a client has at least one.
        days : float, optional
            After which it ends by itself.

        Returns the token and its secret, which is nowhere else. Raises InvalidInput for a name that is empty or has a
        valid token already, UnknownName for a role.
        """
        check_role(role)
        granted, asked = () if role == "client" else check_reads(reads), check_asks(asks)
        if role == "client" and not asked:
            raise InvalidInput("a client that may ask nothing", fix="name its endpoints: --ask late, or --ask '*'")
        if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
            raise InvalidInput(
                f"{name!r} names nobody", expected=f"1 to {_LONGEST_NAME} characters that can be printed"
            )
        if days is not None and not days > 0:
            raise InvalidInput(f"a token for {days:g} days opens nothing", expected="more than 0")
        token_id, secret, now = secrets.token_hex(4), secrets.token_urlsafe(32), time.time_ns() // 1000
        whole = f"{_PREFIX}_{token_id}_{secret}"
        expires = None if days is None else now + int(days * 86_400e6)
        made = Token(token_id, name, role, granted, hash_of(whole), now, expires, asks=asked)
        with self._writing() as tokens:
            if any(token.name == name and token.is_valid(now) for token in tokens):
                raise InvalidInput(f"{name!r} has a token", fix=f"headrace tokens revoke {name}, or another name")
            tokens.append(made)
        return made, whole

    def revoke(self, name: str) -> Token:
        """End a token, by its id or by the name of who has it; UnknownName where there is none that is valid."""
        now = time.time_ns() // 1000
        with self._writing() as tokens:
            valid = [token for token in tokens if token.is_valid(now)]
            found = next((token for token in valid if name in (token.token_id, token.name)), None)
            if found is None:
                raise UnknownName("token", name, [token.name for token in valid])
            ended = replace(found, revoked_us=now)
            tokens[tokens.index(found)] = ended
        return ended

    def key(self) -> bytes:
        """What signs sessions; made when it is first asked for."""
        if "key" not in self._read():
            with self._writing():
                pass
        return bytes.fromhex(self._read()["key"])

    def _read(self) -> dict[str, Any]:
        try:
            stat = self._file.stat()
        except FileNotFoundError:
            return {"tokens": []}
        except OSError as error:
            raise StoreError(f"cannot be read: {error.strerror}", where=str(self._file)) from error
        seen = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        if seen != self._seen:
            try:
                kept = json.loads(self._file.read_bytes())
                is_ours = kept["format"] in _FORMATS
            except (OSError, ValueError, KeyError, TypeError) as error:
                # Whoever cannot say who has access lets nobody in.
                raise StoreError(f"cannot be read: {error}", where=str(self._file), fix="restore it") from error
            if not is_ours:
                raise StoreError("was written by a newer headrace", where=str(self._file), fix="upgrade headrace")
            self._kept, self._seen = kept, seen
        return self._kept

    @contextmanager
    def _writing(self) -> Iterator[list[Token]]:
        """The list to change; written when the block ends well, one process at a time."""
        disk.make_folder(self._home, mode=0o700)
        with _MINE, _held(self._home / _LOCK):
            tokens = self.all()
            yield tokens
            plain = {
                # An older headrace reads what it knows, and refuses tokens of which it does not know what they may.
                "format": 2 if any(token.asks for token in tokens) else 1,
                "key": self._read().get("key") or secrets.token_hex(32),
                "tokens": [_kept(token) for token in tokens],
            }
            disk.write_file(self._file, json.dumps(plain, indent=1).encode())
            self._file.chmod(0o600)


def _kept(token: Token) -> dict[str, Any]:
    plain = {**asdict(token), "reads": list(token.reads), "asks": list(token.asks)}
    if not token.asks:
        del plain["asks"]
    return plain


@contextmanager
def _held(lock: Path) -> Iterator[None]:
    deadline = time.monotonic() + _WAIT_S
    while True:
        try:
            with disk.hold(lock, "tokens are being changed"):
                yield
            return
        except StoreBusy:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def hash_of(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
