"""Undo: what `gc` set aside comes back; and pins, which keep it from going."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from headrace.errors import InvalidInput, StoreError
from headrace.store import _aside
from headrace.store._checking import Checking
from headrace.store._contract import Problem
from headrace.store._endpoints import this_user
from headrace.store._home import check_digest
from headrace.store._pins import PINNED, UNPINNED, Pin, pins
from headrace.store._publish import problems, touch
from headrace.store._roots import BROUGHT_BACK

__all__ = ["SetAside", "Undoing"]


@dataclass(frozen=True)
class SetAside:
    """An artifact that was set aside and can be brought back.

    Parameters
    ----------
    kind, digest : str
        The artifact.
    size_bytes : int
        Of its files.
    since_us : int
        When it was set aside, in UTC epoch microseconds.
    """

    kind: str
    digest: str
    size_bytes: int
    since_us: int


class Undoing(Checking):
    """The part of a Store that gives back what a collection took, and keeps what is pinned."""

    def set_aside(self) -> list[SetAside]:
        """What can be brought back now, the newest first, but for artifacts that were made again meanwhile."""
        found = {}
        for copy in _aside.every_copy(self._home):
            if copy.digest not in found and not self._home.artifact(copy.digest).is_dir():
                found[copy.digest] = copy
        rows = self._described(found)
        return sorted(
            (SetAside(*rows[digest], copy.since_us) for digest, copy in found.items() if digest in rows),
            key=lambda item: (-item.since_us, item.digest),
        )

    def bring_back(self, digests: Sequence[str] | None = None) -> tuple[list[SetAside], list[Problem]]:
        """Undo: move what was set aside back, whole and verified, each with all that it mentions.

        It stays for as many days as if it were set aside now; to keep it longer, pin it.

        Parameters
        ----------
        digests : sequence of str, optional
            Which; everything by default.

        Returns what is back, and what is wrong with the others, which stay where they are. Raises InvalidInput for one
        that is not set aside. Cost: one read of their bytes.
        """
        self._refuse_when_read_only()
        there = {item.digest: item for item in self.set_aside()}
        for digest in digests or ():
            if check_digest(digest) not in there:
                where = "in its place" if self._home.artifact(digest).is_dir() else "gone"
                raise InvalidInput(
                    f"artifact {digest[:12]} is not set aside", expected=f"it is {where}", fix="`headrace gc --dry-run`"
                )
        back: dict[str, SetAside] = {}
        wrong: list[Problem] = []
        for digest in list(there) if digests is None else digests:
            with self._database.read() as connection:
                wanted = _aside.under(self._home, connection, [digest], is_here=True)
                known = self._known(connection, wanted or [digest])
            for one in [digest] if wanted is None else wanted:
                if wanted is not None and _aside.bring_back(self._home, one, known[one]):
                    with self._database.write() as connection:
                        self._append(connection, BROUGHT_BACK, {"digest": one, "who": this_user()})
                    back[one] = there[one]
                    continue
                damaged = [
                    Problem(one, file, what)
                    for copy in _aside.copies_of(self._home, one)[:1]
                    for file, what in problems(copy.folder, known.get(one, {}))
                ]
                wrong += damaged or [Problem(one, "", "what it mentions is gone")]
                break
        return list(back.values()), wrong

    def pin(self, digest: str, *, because: str = "", who: str = "") -> None:
        """Keep an artifact, and all it refers to, whatever the runs; one that was set aside comes back for it.

        Raises StoreError when its bytes are gone. `who` does it, where that is not this process's user.
        """
        self._refuse_when_read_only()
        touch(self._home.artifact(digest))
        if self.damage(digest):
            if not _aside.copies_of(self._home, digest):
                raise StoreError(
                    f"the bytes of artifact {digest[:12]} are gone", fix="`headrace run` makes it again, then pin it"
                )
            _, wrong = self.bring_back([digest])
            if wrong:
                raise StoreError(f"artifact {digest[:12]} cannot be brought back: {wrong[0].what}", where=wrong[0].file)
        with self._database.write() as connection:
            body = {"digest": digest, "who": who or this_user(), "because": because}
            self._append(connection, PINNED, body)

    def unpin(self, digest: str, *, who: str = "") -> bool:
        """Let `gc` decide about an artifact again; False where it was not pinned."""
        with self._database.write() as connection:
            if digest not in pins(connection):
                return False
            self._append(connection, UNPINNED, {"digest": digest, "who": who or this_user()})
        return True

    def pins(self) -> dict[str, Pin]:
        """What is pinned now, by digest. Cost: one pass over the events."""
        with self._database.read() as connection:
            return pins(connection)

    def _described(self, digests: Iterable[str]) -> dict[str, tuple[str, str, int]]:
        with self._database.read() as connection:
            rows = [
                connection.execute(
                    "SELECT kind, digest, size_bytes FROM artifacts WHERE digest = ?", (digest,)
                ).fetchone()
                for digest in digests
            ]
        return {row[1]: row for row in rows if row is not None}
