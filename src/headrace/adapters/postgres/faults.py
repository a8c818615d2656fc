"""What PostgreSQL refuses, as errors of the store: what happened, where, and what to do."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg

from headrace.errors import StoreBusy, StoreError

__all__ = ["PASSING", "RIGHTS", "explain", "explain_connecting", "is_passing"]

# What a server says, or is silent about, while it restarts.
PASSING = (
    "connection refused",
    "server closed the connection",
    "starting up",
    "shutting down",
    "not yet accepting",
    "in recovery mode",
    "connection timeout",
    "timeout expired",
    "could not translate host name",
    "too many",
    "remaining connection slots",
)
RIGHTS = (
    "as its owner, once: GRANT CREATE ON DATABASE ... TO the role, or CREATE SCHEMA headrace AUTHORIZATION the role; a"
    " role that only reads needs USAGE on the schema and SELECT on its tables"
)
_ADVICE = {
    "53100": "the server's disk is full: free some space there, then run the same command again",
    "53200": "the server is out of memory: look into its log",
    "25006": "this server only reads: name the primary, or add ?target_session_attrs=read-write and several hosts",
    "XX001": "the server's files are damaged: restore them from a backup; artifacts/ holds the bytes",
}


def _reason(error: psycopg.Error) -> str:
    said = error.diag.message_primary
    return " ".join((said or str(error) or type(error).__name__).split())[:300]


def explain(error: psycopg.Error, where: str, timeout_s: float) -> StoreError:
    """An error of a statement, or of a connection that was lost."""
    state, reason = error.sqlstate or "", _reason(error)
    if state == "55P03":
        return StoreBusy(
            f"another process has held the lock of the records for over {timeout_s:g} s",
            where=where,
            fix="see which with `headrace status`, then run the same command again",
        )
    if state == "57014":
        return StoreBusy(
            f"the server gave a statement up: {reason}", where=where, fix="look what else it does, then run it again"
        )
    if state == "42501":
        return StoreError(f"the role may not do that: {reason}", where=where, fix=RIGHTS)
    is_lost = isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)) and (
        not state or state.startswith(("08", "57P")) or state == "25P03"
    )
    if is_lost:
        return StoreError(
            f"the connection to the records was lost: {reason}",
            where=where,
            fix="the same command goes on when the server answers: nothing was half-written",
        )
    return StoreError(f"the store's records: {reason}", where=where, fix=_ADVICE.get(state, ""))


def is_passing(error: psycopg.Error, said: Sequence[str]) -> bool:
    """Whether a connection was refused for one of these reasons, which pass."""
    text = str(error).lower()
    return any(reason in text for reason in said)


def explain_connecting(error: psycopg.Error, where: str, database: str) -> StoreError:
    """An error of connecting: libpq gives its reason in words alone."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = " ".join(lines)
    for noise in ("connection failed: ", " Is the server running on that host and accepting TCP/IP connections?"):
        text = text.replace(noise, "")
    reason = text.rpartition("FATAL:")[2].strip() or text
    if "no password supplied" in text or "password authentication failed" in text:
        what = "no password was given" if "no password supplied" in text else f"the password is wrong: {reason}"
        return StoreError(what, where=where, fix="set PGPASSWORD, or name it in ~/.pgpass (chmod 600)")
    if "does not exist" in text and "database" in text:
        return StoreError(
            reason, where=where, fix=f"make it, once: createdb {database}; headrace makes the tables in it"
        )
    if "does not exist" in text and "role" in text:
        return StoreError(reason, where=where, fix="name a role of that server: postgresql://ROLE@host/database")
    if "pg_hba.conf" in text:
        return StoreError(reason, where=where, fix="let this host and role in, in the server's pg_hba.conf")
    if is_passing(error, ("too many", "remaining connection slots")):
        return StoreBusy(
            f"the server takes no more connections: {reason}", where=where, fix="raise its max_connections"
        )
    return StoreError(
        f"no connection to the records: {reason[:300]}",
        where=where,
        fix="see that the server runs, and that host and port are its own",
    )
