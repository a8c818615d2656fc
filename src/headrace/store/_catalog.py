"""The catalogue: which artifacts of a kind there are, and what made each."""

from __future__ import annotations

from headrace.store._contract import Catalogued
from headrace.store._steering import Steering

__all__ = ["Catalog"]


class Catalog(Steering):
    """The part of a Store that lists artifacts."""

    def catalog(self, kind: str, *, prefix: str = "", limit: int = 100) -> list[Catalogued]:
        """Artifacts of a kind, newest first, at most `limit`, with a digest that begins so.

        Cost: milliseconds for a thousand; no file is read.
        """
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT artifacts.digest, artifacts.kind, size_bytes, artifacts.created_us, runs.pipeline,"
                " attempts.run_id, attempts.step, made.name"
                " FROM artifacts LEFT JOIN attempt_outputs AS made ON made.rowid = ("
                "  SELECT first.rowid FROM attempt_outputs AS first JOIN attempts USING (attempt_id)"
                "  WHERE first.digest = artifacts.digest ORDER BY started_us, first.rowid LIMIT 1)"
                " LEFT JOIN attempts ON attempts.attempt_id = made.attempt_id"
                " LEFT JOIN runs ON runs.run_id = attempts.run_id"
                " WHERE artifacts.kind = ? AND substr(artifacts.digest, 1, ?) = ?"
                " ORDER BY artifacts.created_us DESC, artifacts.digest LIMIT ?",
                (kind, len(prefix), prefix, limit),
            ).fetchall()
        return [Catalogued(*row) for row in rows]
