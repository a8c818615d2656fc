"""The tables of the records, their version, and how an older store becomes this one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from headrace.errors import StoreError, StoreTooNew
from headrace.store._database import Connection

__all__ = ["MIGRATIONS", "VERSION", "migrate", "read_version"]

VERSION = 6

_APPEND_ONLY = ("events", "endpoint_versions", "endpoint_moves", "accepted", "waivers", "stream_spans", "approvals")

# Format 2: what step keys are made of, and what persons let pass.
_ADDED_IN_2 = (
    "CREATE TABLE step_keys (key TEXT PRIMARY KEY, parts TEXT NOT NULL, notes TEXT NOT NULL) STRICT",
    """CREATE TABLE waivers (
        waiver_id INTEGER PRIMARY KEY AUTOINCREMENT, pipeline TEXT NOT NULL, stream TEXT NOT NULL,
        dataset_digest TEXT NOT NULL, name TEXT NOT NULL, who TEXT NOT NULL, reason TEXT NOT NULL,
        attempt_id TEXT NOT NULL REFERENCES attempts, time_us INTEGER NOT NULL) STRICT""",
    "CREATE INDEX waivers_by_stream ON waivers (pipeline, stream, waiver_id)",
    "CREATE INDEX attempts_by_step ON attempts (step, started_us)",
)

# Format 3: workers look for runs in a state many times a second, whatever the length of history.
_ADDED_IN_3 = (
    "CREATE INDEX runs_by_state ON runs (state, created_us)",
    "CREATE INDEX runs_by_pipeline ON runs (pipeline, created_us)",
)

# Format 4: searches. `losses` by step and `seen`, the trials whose results a suggestion saw, are JSON.
_ADDED_IN_4 = (
    "CREATE TABLE studies (name TEXT PRIMARY KEY, spec TEXT NOT NULL, created_us INTEGER NOT NULL) STRICT",
    """CREATE TABLE trials (
        study TEXT NOT NULL REFERENCES studies, number INTEGER NOT NULL, params TEXT NOT NULL, state TEXT NOT NULL,
        value REAL, losses TEXT NOT NULL, seen TEXT NOT NULL, reason TEXT NOT NULL, num_attempts INTEGER NOT NULL,
        started_us INTEGER NOT NULL, ended_us INTEGER, PRIMARY KEY (study, number)) STRICT""",
)

# Format 5: what was committed of streams.
_ADDED_IN_5 = (
    """CREATE TABLE streams (
        stream_id TEXT PRIMARY KEY, source TEXT NOT NULL, cursor TEXT NOT NULL, created_us INTEGER NOT NULL) STRICT""",
    """CREATE TABLE stream_parts (
        part_id INTEGER PRIMARY KEY AUTOINCREMENT, stream_id TEXT NOT NULL REFERENCES streams, span TEXT,
        file TEXT NOT NULL, batch_index INTEGER NOT NULL, num_rows INTEGER NOT NULL, version INTEGER,
        time_us INTEGER NOT NULL) STRICT""",
    "CREATE INDEX stream_parts_by_file ON stream_parts (stream_id, file)",
    """CREATE TABLE stream_spans (
        stream_id TEXT NOT NULL REFERENCES streams, span TEXT NOT NULL, version INTEGER NOT NULL,
        digest TEXT NOT NULL REFERENCES artifacts, num_rows INTEGER NOT NULL, time_us INTEGER NOT NULL,
        PRIMARY KEY (stream_id, span, version)) STRICT""",
    """CREATE TABLE stream_messages (
        stream_id TEXT NOT NULL REFERENCES streams, message_id TEXT NOT NULL, time_us INTEGER NOT NULL,
        PRIMARY KEY (stream_id, message_id)) STRICT, WITHOUT ROWID""",
    "CREATE INDEX stream_messages_by_time ON stream_messages (stream_id, time_us)",
)

# Format 6: what persons answered, and what is to be told of runs that ended. `inputs` and `body` are JSON; `told` says
# who took it, and is null until then.
_ADDED_IN_6 = (
    """CREATE TABLE approvals (
        approval_id INTEGER PRIMARY KEY AUTOINCREMENT, pipeline TEXT NOT NULL, step TEXT NOT NULL,
        subject TEXT NOT NULL, inputs TEXT NOT NULL, is_approved INTEGER NOT NULL, who TEXT NOT NULL,
        reason TEXT NOT NULL, attempt_id TEXT NOT NULL REFERENCES attempts, time_us INTEGER NOT NULL) STRICT""",
    "CREATE INDEX approvals_by_subject ON approvals (pipeline, step, subject, approval_id)",
    """CREATE TABLE notices (
        notice_id INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL REFERENCES runs, body TEXT NOT NULL,
        num_tries INTEGER NOT NULL, told TEXT, time_us INTEGER NOT NULL) STRICT""",
    "CREATE INDEX notices_untold ON notices (notice_id) WHERE told IS NULL",
)


def _append_only(table: str) -> list[str]:
    return [
        f"""CREATE TRIGGER {table}_never_{verb} BEFORE {verb} ON {table}
        BEGIN SELECT RAISE(ABORT, '{table} is append only'); END"""
        for verb in ("UPDATE", "DELETE")
    ]


# JSON columns hold canonical JSON; *_us are UTC epoch microseconds.
_TABLES = (
    "CREATE TABLE format (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), version INTEGER NOT NULL) STRICT",
    """CREATE TABLE runs (
        run_id TEXT PRIMARY KEY, pipeline TEXT NOT NULL, plan_id TEXT NOT NULL, plan TEXT NOT NULL,
        state TEXT NOT NULL, created_us INTEGER NOT NULL, ended_us INTEGER, cancel_us INTEGER) STRICT""",
    "CREATE INDEX runs_by_time ON runs (created_us)",
    """CREATE TABLE resolved_inputs (
        run_id TEXT NOT NULL REFERENCES runs, name TEXT NOT NULL, value TEXT NOT NULL,
        PRIMARY KEY (run_id, name)) STRICT""",
    """CREATE TABLE attempts (
        attempt_id TEXT PRIMARY KEY, run_id TEXT NOT NULL REFERENCES runs, step TEXT NOT NULL, key TEXT NOT NULL,
        number INTEGER NOT NULL, state TEXT NOT NULL, inputs TEXT NOT NULL, result TEXT, reason TEXT,
        source_id TEXT REFERENCES attempts, started_us INTEGER NOT NULL, ended_us INTEGER,
        UNIQUE (run_id, step, number)) STRICT""",
    """CREATE TABLE leases (
        subject TEXT PRIMARY KEY, token TEXT NOT NULL, owner TEXT NOT NULL, host TEXT NOT NULL, boot_id TEXT NOT NULL,
        pid INTEGER NOT NULL, pid_start INTEGER NOT NULL, expires_us INTEGER NOT NULL) STRICT""",
    """CREATE TABLE artifacts (
        digest TEXT PRIMARY KEY, kind TEXT NOT NULL, files TEXT NOT NULL, size_bytes INTEGER NOT NULL,
        created_us INTEGER NOT NULL) STRICT""",
    """CREATE TABLE attempt_outputs (
        attempt_id TEXT NOT NULL REFERENCES attempts, name TEXT NOT NULL, digest TEXT NOT NULL REFERENCES artifacts,
        PRIMARY KEY (attempt_id, name)) STRICT""",
    "CREATE INDEX attempt_outputs_by_digest ON attempt_outputs (digest)",
    "CREATE TABLE cache (key TEXT PRIMARY KEY, attempt_id TEXT NOT NULL REFERENCES attempts) STRICT",
    """CREATE TABLE events (
        event_id INTEGER PRIMARY KEY AUTOINCREMENT, time_us INTEGER NOT NULL, run_id TEXT REFERENCES runs,
        attempt_id TEXT REFERENCES attempts, kind TEXT NOT NULL, body TEXT NOT NULL) STRICT""",
    "CREATE INDEX events_by_run ON events (run_id, event_id)",
    """CREATE TABLE endpoint_versions (
        name TEXT NOT NULL, version INTEGER NOT NULL, model_digest TEXT NOT NULL REFERENCES artifacts,
        verdict_digest TEXT NOT NULL, run_id TEXT REFERENCES runs, created_us INTEGER NOT NULL,
        PRIMARY KEY (name, version)) STRICT""",
    """CREATE TABLE endpoint_moves (
        move_id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, version INTEGER NOT NULL, replaced INTEGER,
        action TEXT NOT NULL, who TEXT NOT NULL, reason TEXT NOT NULL, run_id TEXT REFERENCES runs,
        time_us INTEGER NOT NULL, FOREIGN KEY (name, version) REFERENCES endpoint_versions) STRICT""",
    "CREATE INDEX endpoint_moves_by_name ON endpoint_moves (name, move_id)",
    """CREATE TABLE accepted (
        accepted_id INTEGER PRIMARY KEY AUTOINCREMENT, pipeline TEXT NOT NULL, stream TEXT NOT NULL,
        dataset_digest TEXT NOT NULL REFERENCES artifacts, schema_digest TEXT NOT NULL REFERENCES artifacts,
        spans TEXT NOT NULL, ends TEXT NOT NULL, attempt_id TEXT NOT NULL REFERENCES attempts,
        time_us INTEGER NOT NULL) STRICT""",
    "CREATE INDEX accepted_by_end ON accepted (pipeline, stream, ends, accepted_id)",
    *_ADDED_IN_2,
    *_ADDED_IN_3,
    *_ADDED_IN_4,
    *_ADDED_IN_5,
    *_ADDED_IN_6,
    *(statement for table in _APPEND_ONLY for statement in _append_only(table)),
)


# Where several homes share the records: which they are, and the one place where artifacts lie (`_place`).
_PLACE = """CREATE TABLE place (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1), store_id TEXT NOT NULL, artifacts TEXT NOT NULL,
    told TEXT NOT NULL) STRICT"""


def _to_2(connection: Connection) -> None:
    for statement in (*_ADDED_IN_2, *_append_only("waivers")):
        connection.execute(statement)


def _to_3(connection: Connection) -> None:
    for statement in _ADDED_IN_3:
        connection.execute(statement)


def _to_4(connection: Connection) -> None:
    for statement in _ADDED_IN_4:
        connection.execute(statement)


def _to_5(connection: Connection) -> None:
    for statement in (*_ADDED_IN_5, *_append_only("stream_spans")):
        connection.execute(statement)


def _to_6(connection: Connection) -> None:
    for statement in (*_ADDED_IN_6, *_append_only("approvals")):
        connection.execute(statement)


# from version N -> a function that makes it N + 1, inside one transaction.
MIGRATIONS: Mapping[int, Callable[[Connection], None]] = {1: _to_2, 2: _to_3, 3: _to_4, 4: _to_5, 5: _to_6}


def read_version(connection: Connection, tables: Collection[str], *, holder: str = "metadata.db", fix: str = "") -> int:
    """The format version of open records; 0 when they hold no store yet. Changes nothing.

    `tables` are the names of all that is there; `holder` is what they are in, and `fix` what to do when they are not
    ours.
    """
    if "format" not in tables:
        if tables:
            fix = fix or "set HEADRACE_HOME to another folder"
            raise StoreError(f"{holder} holds tables, but not headrace's", fix=fix)
        return 0
    (version,) = connection.execute("SELECT version FROM format").fetchone()
    if version > VERSION:
        raise StoreTooNew(
            f"the store has format {version}, written by a newer headrace",
            expected=f"format {VERSION} or older",
            fix="upgrade headrace; nothing was changed",
        )
    return int(version)


def migrate(connection: Connection, version: int, *, is_shared: bool = False) -> None:
    """Make records of this version the present format, inside the caller's transaction: all of it or nothing.

    `is_shared`: several homes may have them.
    """
    if version == 0:
        for statement in (*_TABLES, _PLACE) if is_shared else _TABLES:
            connection.execute(statement)
        connection.execute("INSERT INTO format VALUES (1, ?)", (VERSION,))
        return
    while version < VERSION:
        MIGRATIONS[version](connection)
        version += 1
        connection.execute("UPDATE format SET version = ?", (version,))
