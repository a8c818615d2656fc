"""What a plan resolves from the store, and the accepted data sets it resolves it from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from headrace.store._contract import Accepted, Endpoint, Waived
from headrace.store._database import Connection
from headrace.store._lease import now_us
from headrace.store._records import decode, encode

__all__ = [
    "champion",
    "current",
    "earlier_delivery",
    "last_accepted",
    "policy_of",
    "previous",
    "version_of",
    "waived",
    "write_accepted",
    "write_waived",
]


def _ends(spans: Sequence[str]) -> str:
    """A text that sorts as the newest of the spans does: numbers in names count as numbers ("day 9" < "day 10")."""
    return max((re.sub(r"\d+", lambda found: found.group().zfill(20), name) for name in spans), default="")


def write_accepted(connection: Connection, pipeline: str, attempt_id: str, accepted: Sequence[Accepted]) -> None:
    """Append accepted data sets, inside the commit's transaction; what repeats the stream's last one is left out."""
    for item in accepted:
        if last_accepted(connection, pipeline, item.stream) == item:
            continue
        connection.execute(
            "INSERT INTO accepted (pipeline, stream, dataset_digest, schema_digest, spans, ends, attempt_id, time_us)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                pipeline,
                item.stream,
                item.dataset_digest,
                item.schema_digest,
                encode(list(item.spans)),
                _ends(item.spans),
                attempt_id,
                now_us(),
            ),
        )


def last_accepted(connection: Connection, pipeline: str, stream: str) -> Accepted | None:
    """The data set of this stream that was accepted last, whatever its spans."""
    row = connection.execute(
        "SELECT stream, dataset_digest, schema_digest, spans FROM accepted WHERE pipeline = ? AND stream = ?"
        " ORDER BY accepted_id DESC LIMIT 1",
        (pipeline, stream),
    ).fetchone()
    return None if row is None else Accepted(row[0], row[1], row[2], tuple(decode(row[3])))


def previous(connection: Connection, pipeline: str, stream: str, spans: Sequence[str]) -> Accepted | None:
    """The newest accepted data set of this stream that ends before the newest of `spans`."""
    row = connection.execute(
        "SELECT stream, dataset_digest, schema_digest, spans FROM accepted WHERE pipeline = ? AND stream = ?"
        " AND ends < ? ORDER BY ends DESC, accepted_id DESC LIMIT 1",
        (pipeline, stream, _ends(spans)),
    ).fetchone()
    return None if row is None else Accepted(row[0], row[1], row[2], tuple(decode(row[3])))


def earlier_delivery(
    connection: Connection, pipeline: str, stream: str, spans: Sequence[str], identity: str
) -> Accepted | None:
    """The data set of just these spans that was accepted last before this content was, and came from other content.

    What a run's data came from is the `identity` that it resolved for the stream. Content that comes back finds what it
    found the first time, so that nothing is made anew. Cost: the rows of what was accepted of these spans.
    """
    rows = connection.execute(
        "SELECT accepted.stream, dataset_digest, schema_digest, spans, resolved_inputs.value FROM accepted"
        " JOIN attempts ON attempts.attempt_id = accepted.attempt_id"
        " LEFT JOIN resolved_inputs ON resolved_inputs.run_id = attempts.run_id AND resolved_inputs.name = stream"
        " WHERE pipeline = ? AND stream = ? AND ends = ? AND spans = ? ORDER BY accepted_id DESC",
        (pipeline, stream, _ends(spans), encode(list(spans))),
    )
    earlier = None
    for *found, resolved in rows:  # from the newest back
        if resolved is not None and decode(resolved).get("identity") == identity:
            earlier = None  # what came after it is no earlier delivery
        elif earlier is None:
            earlier = Accepted(found[0], found[1], found[2], tuple(decode(found[3])))
    return earlier


def write_waived(connection: Connection, pipeline: str, attempt_id: str, several: Sequence[Waived]) -> list[Waived]:
    """Append waivers, inside the commit's transaction; returns those that were new."""
    new = [item for item in several if item not in waived(connection, pipeline, item.stream)]
    connection.executemany(
        "INSERT INTO waivers (pipeline, stream, dataset_digest, name, who, reason, attempt_id, time_us)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (pipeline, item.stream, item.dataset_digest, item.name, item.by, item.because, attempt_id, now_us())
            for item in new
        ],
    )
    return new


def waived(connection: Connection, pipeline: str, stream: str) -> tuple[Waived, ...]:
    """What persons let pass in this stream, oldest first."""
    rows = connection.execute(
        "SELECT stream, dataset_digest, name, who, reason FROM waivers WHERE pipeline = ? AND stream = ?"
        " ORDER BY waiver_id",
        (pipeline, stream),
    )
    return tuple(Waived(*row) for row in rows)


def version_of(connection: Connection, name: str, version: int) -> Endpoint | None:
    """One version of an endpoint."""
    row = connection.execute(
        "SELECT name, version, model_digest, verdict_digest, run_id, created_us FROM endpoint_versions"
        " WHERE name = ? AND version = ?",
        (name, version),
    ).fetchone()
    return None if row is None else Endpoint(*row)


def current(connection: Connection, name: str) -> Endpoint | None:
    """The version an endpoint serves: that of the last entry of its log."""
    row = connection.execute(
        "SELECT version FROM endpoint_moves WHERE name = ? ORDER BY move_id DESC LIMIT 1", (name,)
    ).fetchone()
    return None if row is None else version_of(connection, name, row[0])


def policy_of(connection: Connection, name: str) -> dict[str, Any] | None:
    """The record of the policy that divides an endpoint's traffic, with `since_us`; None where none was ever set.

    Cost: events are read back to it, for endpoints that have one.
    """
    found = connection.execute(
        "SELECT time_us FROM endpoint_moves WHERE name = ? AND action = 'policy' ORDER BY move_id DESC LIMIT 1", (name,)
    ).fetchone()
    if found is None:
        return None
    for (body,) in connection.execute("SELECT body FROM events WHERE kind = 'endpoint-policy' ORDER BY event_id DESC"):
        record: dict[str, Any] = decode(body)
        if record.get("endpoint") == name:
            return {**record, "since_us": found[0]}
    return None


def champion(connection: Connection, name: str, plan_id: str) -> Endpoint | None:
    """What a new model must beat: the live version, or, where this very plan made a version, what that one replaced.

    So a plan that runs again, however much later, is judged as it was the first time, and changes nothing.
    """
    made = connection.execute(
        "SELECT moves.replaced FROM endpoint_versions AS versions"
        " JOIN runs ON runs.run_id = versions.run_id"
        " JOIN endpoint_moves AS moves"
        " ON moves.name = versions.name AND moves.version = versions.version AND moves.action = 'push'"
        " WHERE versions.name = ? AND runs.plan_id = ? ORDER BY versions.version LIMIT 1",
        (name, plan_id),
    ).fetchone()
    if made is None:
        return current(connection, name)
    return None if made[0] is None else version_of(connection, name, made[0])
