"""The catalogue: which artifacts of a kind there are, and what made each."""

from __future__ import annotations

from collections.abc import Sequence

from headrace.store._contract import Catalogued, Event, Given, Made, PipelineRow
from headrace.store._keeping import Labelling
from headrace.store._records import decode
from headrace.store._snapshot import newest_outputs

__all__ = ["Catalog"]


class Catalog(Labelling):
    """The part of a Store that lists artifacts."""

    def catalog(self, kind: str, *, prefix: str = "", limit: int = 100, offset: int = 0) -> list[Catalogued]:
        """Artifacts of a kind, newest first, at most `limit` after the first `offset`, with a digest that begins so.

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
                " ORDER BY artifacts.created_us DESC, artifacts.digest LIMIT ? OFFSET ?",
                (kind, len(prefix), prefix, limit, offset),
            ).fetchall()
        return [Catalogued(*row) for row in rows]

    def artifact_kinds(self) -> dict[str, int]:
        """How many artifacts there are of each kind, by kind."""
        with self._database.read() as connection:
            return dict(
                connection.execute("SELECT kind, count(*) FROM artifacts GROUP BY kind ORDER BY kind").fetchall()
            )

    def made(self, digest: str, *, limit: int = 20) -> list[Made]:
        """The attempts that gave this artifact, newest first: made it, made it again, or took it from the cache."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT pipeline, run_id, step, name, attempts.state, started_us FROM attempt_outputs"
                " JOIN attempts USING (attempt_id) JOIN runs USING (run_id) WHERE digest = ?"
                " ORDER BY started_us DESC, attempts.rowid DESC LIMIT ?",
                (digest, limit),
            ).fetchall()
        return [Made(*row) for row in rows]

    def newest_outputs(self, pipeline: str, output: str, *, step: str | None = None) -> list[Given]:
        """The outputs of a name that the newest run of a pipeline with one has given, of one step or of any.

        Runs as of a past span are passed over. Cost: the runs of the pipeline, from the newest back, until one has it.
        """
        with self._database.read() as connection:
            return newest_outputs(connection, pipeline, output, step)

    def pipelines(self) -> list[PipelineRow]:
        """Every pipeline that was ever run, the one that ran last first. Cost: one look at an index of runs."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT pipeline, count(*), max(created_us) FROM runs GROUP BY pipeline ORDER BY 3 DESC, 1"
            ).fetchall()
        return [PipelineRow(*row) for row in rows]

    def step_states(self, run_ids: Sequence[str]) -> dict[str, dict[str, str]]:
        """How the last attempt at each step ended, by run and step; "no" where its result withholds something.

        Cost: one look into an index a run; no plan and no input is read.
        """
        found: dict[str, dict[str, str]] = {run_id: {} for run_id in run_ids}
        with self._database.read() as connection:
            for run_id in run_ids:
                rows = connection.execute(
                    "SELECT step, CASE WHEN CAST(json_extract(result, '$.ok') AS TEXT) = '0' THEN 'no' ELSE state END"
                    " FROM attempts"
                    " WHERE run_id = ? ORDER BY started_us, rowid",
                    (run_id,),
                )
                found[run_id].update(rows.fetchall())
        return found

    def events_of(self, kind: str, *, before: int | None = None, limit: int = 100) -> list[Event]:
        """Events of a kind, newest first, at most `limit`, those with an id below `before`.

        Cost: reads back until there are enough.
        """
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT event_id, time_us, run_id, attempt_id, kind, body FROM events"
                " WHERE kind = :kind AND (:before IS NULL OR event_id < :before) ORDER BY event_id DESC LIMIT :limit",
                {"kind": kind, "before": before, "limit": limit},
            ).fetchall()
        return [Event(row[0], row[1], row[2], row[3], row[4], decode(row[5])) for row in rows]
