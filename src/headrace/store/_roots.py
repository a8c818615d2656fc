"""Where references begin: the digests that records name, and that must stay with all that their artifacts mention."""

from __future__ import annotations

import re
from collections.abc import Iterator

from headrace.store._database import Connection
from headrace.store._pins import pins
from headrace.store._records import decode
from headrace.store._snapshot import current

__all__ = ["BROUGHT_BACK", "roots"]

BROUGHT_BACK = "artifact-brought-back"
_DIGEST = re.compile(r"[0-9a-f]{64}")


def roots(connection: Connection, keep_runs: int, since_us: int) -> Iterator[str]:
    """What records refer to: outputs and inputs of the runs that are kept, versions, what was accepted lately, pins.

    Parameters
    ----------
    connection : Connection
        One view of the records.
    keep_runs : int
        How many runs of each pipeline are kept, and how many accepted data sets of each stream.
    since_us : int
        What a person brought back after this moment stays too, in UTC epoch microseconds.
    """
    for run_id in _runs(connection, keep_runs):
        for text in connection.execute(
            "SELECT digest FROM attempt_outputs JOIN attempts USING (attempt_id) WHERE run_id = :run"
            " UNION ALL SELECT inputs FROM attempts WHERE run_id = :run"
            " UNION ALL SELECT value FROM resolved_inputs WHERE run_id = :run",
            {"run": run_id},
        ):
            yield from _DIGEST.findall(text[0])
    for row in connection.execute("SELECT model_digest, verdict_digest FROM endpoint_versions"):
        yield from row
    for row in connection.execute(  # the closed spans of streams, each in its newest version
        "SELECT digest FROM stream_spans AS these WHERE version ="
        " (SELECT max(version) FROM stream_spans WHERE stream_id = these.stream_id AND span = these.span)"
    ):
        yield from row
    for order in ("accepted_id", "ends"):  # what was accepted last, and what ends last: a plan asks for either
        for row in connection.execute(
            "SELECT dataset_digest, schema_digest FROM"  # noqa: S608  # our own words
            " (SELECT dataset_digest, schema_digest, row_number() OVER"
            f" (PARTITION BY pipeline, stream ORDER BY {order} DESC, accepted_id DESC) AS place FROM accepted)"
            " AS ranked WHERE place <= ?",
            (max(2, keep_runs),),
        ):
            yield from row
    yield from pins(connection)
    for (body,) in connection.execute(
        "SELECT body FROM events WHERE kind = ? AND time_us > ? AND run_id IS NULL", (BROUGHT_BACK, since_us)
    ):
        yield decode(body)["digest"]


def _runs(connection: Connection, keep_runs: int) -> set[str]:
    """The newest of each pipeline, those that go on, and those that made what endpoints serve."""
    runs = {
        run_id
        for (run_id,) in connection.execute(
            "SELECT run_id FROM (SELECT run_id, state, row_number() OVER"
            " (PARTITION BY pipeline ORDER BY created_us DESC, rowid DESC) AS place FROM runs) AS ranked"
            " WHERE place <= ? OR state IN ('queued', 'running', 'waiting')",
            (keep_runs,),
        )
    }
    for (name,) in connection.execute("SELECT DISTINCT name FROM endpoint_moves").fetchall():
        live = current(connection, name)
        if live is not None and live.run_id is not None:
            runs.add(live.run_id)
    return runs
