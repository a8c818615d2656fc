"""Who holds a lease, and whether that process still lives."""

from __future__ import annotations

import functools
import os
import time
import uuid
from pathlib import Path

from headrace.errors import LeaseLost
from headrace.store._contract import Lease
from headrace.store._database import Connection

__all__ = [
    "disown",
    "holder_is_alive",
    "now_us",
    "owner",
    "process_start",
    "read_lease",
    "read_leases",
    "release",
    "renew",
    "take",
]

_COLUMNS = "subject, token, owner, host, boot_id, pid, pid_start, expires_us"


def now_us() -> int:
    """The time, in UTC epoch microseconds."""
    return time.time_ns() // 1000


@functools.cache
def _host() -> str:
    # Two containers can share a host name and a boot id; their process ids still mean different processes.
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        namespace = ""
    return f"{os.uname().nodename}/{namespace}"


@functools.cache
def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def process_start(pid: int) -> int | None:
    """When a process started, in clock ticks since boot; None when it is gone (a zombie is), 0 where unknown.

    Source: proc_pid_stat(5), fields 3 (state) and 22 (starttime); the command in field 2 may hold spaces and brackets.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes().decode(errors="replace")
    except OSError:
        if Path("/proc/self/stat").exists():
            return None
        try:  # no /proc: signal 0 asks whether the process exists
            os.kill(pid, 0)
        except ProcessLookupError:
            return None
        except PermissionError:
            pass
        return 0
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def holder_is_alive(lease: Lease) -> bool:
    """Whether a lease's holder lives: the kernel's word on the same host and boot, the lease's age elsewhere."""
    if lease.host != _host():
        return lease.expires_us > now_us()
    if lease.boot_id != _boot_id():
        return False
    if lease.pid == os.getpid() and lease.owner != owner():
        return False  # of this process, which has disowned it, or of one before it with the same id
    return process_start(lease.pid) == lease.pid_start


@functools.cache
def _owner_of(_pid: int) -> str:
    return uuid.uuid4().hex


def owner() -> str:
    """The id under which this process holds leases; a forked child has another."""
    return _owner_of(os.getpid())


def disown() -> None:
    """From now on this process holds leases under another id, and is dead to those who read the earlier ones."""
    _owner_of.cache_clear()


def take(connection: Connection, subject: str, lease_s: float) -> Lease:
    """Write a lease of this process with a new token; whoever held one before has lost it."""
    pid = os.getpid()
    lease = Lease(
        subject=subject,
        token=uuid.uuid4().hex,
        owner=owner(),
        host=_host(),
        boot_id=_boot_id(),
        pid=pid,
        pid_start=process_start(pid) or 0,
        expires_us=now_us() + round(lease_s * 1e6),
    )
    connection.execute(
        "INSERT INTO leases VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (subject) DO UPDATE SET"
        " token = excluded.token, owner = excluded.owner, host = excluded.host, boot_id = excluded.boot_id,"
        " pid = excluded.pid, pid_start = excluded.pid_start, expires_us = excluded.expires_us",
        (subject, lease.token, lease.owner, lease.host, lease.boot_id, pid, lease.pid_start, lease.expires_us),
    )
    return lease


def read_lease(connection: Connection, subject: str) -> Lease | None:
    """The lease on a run or an attempt, or None."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM leases WHERE subject = ?", (subject,)).fetchone()  # noqa: S608  # our own constant
    return None if row is None else Lease(*row)


def read_leases(connection: Connection, beginning: str) -> list[Lease]:
    """All leases whose subject begins so, by subject."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM leases WHERE substr(subject, 1, length(?)) = ? ORDER BY subject",  # noqa: S608  # our own constant
        (beginning, beginning),
    ).fetchall()
    return [Lease(*row) for row in rows]


def renew(connection: Connection, subject: str, token: str, lease_s: float) -> None:
    """Move the end of a lease to `lease_s` from now; LeaseLost when the token is no longer the current one."""
    done = connection.execute(
        "UPDATE leases SET expires_us = ? WHERE subject = ? AND token = ?",
        (now_us() + round(lease_s * 1e6), subject, token),
    )
    if done.rowcount != 1:
        raise _lost(subject)


def release(connection: Connection, subject: str, token: str) -> None:
    """Give a lease up; LeaseLost when the token is no longer the current one: the compare of compare-and-set."""
    done = connection.execute("DELETE FROM leases WHERE subject = ? AND token = ?", (subject, token))
    if done.rowcount != 1:
        raise _lost(subject)


def _lost(subject: str) -> LeaseLost:
    return LeaseLost(
        f"the lease on {subject} is no longer ours",
        expected="the token of the newest holder",
        fix="nothing was written",
    )
