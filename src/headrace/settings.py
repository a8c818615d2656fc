"""Settings: one frozen record, read from `headrace.toml` (or `[tool.headrace]` in pyproject.toml) and `HEADRACE_*`.

The environment wins over the profile (`[profiles.NAME]`, chosen by HEADRACE_PROFILE), the profile over the file, the
file over the defaults. An unknown key is an error that names the nearest; an empty variable counts as unset. Relative
paths start at the project's folder: the nearest folder upward that holds `headrace.toml` or a `[tool.headrace]`
table, else the folder asked about; a relative HEADRACE_HOME starts where the person stands.
"""

from __future__ import annotations

import copy
import difflib
import functools
import json
import os
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from headrace.alerting import AlertRules
from headrace.errors import InvalidInput, UnknownName

__all__ = ["Settings", "check_records", "find_project", "load_settings"]


@dataclass(frozen=True)
class Settings:
    """Everything a user can set, with its unit in its name.

    Parameters
    ----------
    home : Path
        Where the store lives; `.headrace` in the project by default.
    artifacts : str
        Where committed artifacts lie beside the home, "gs://bucket/prefix", or, with `records`, instead: a folder that
        every home reaches. "" = in the home alone.
    records : str
        Where the store's records are: "postgresql://user@host:port/database", which several homes may share; no
        password: PGPASSWORD and ~/.pgpass are for that. "" = in the home.
    workers : int
        How many steps, and how many threads inside one, run at once; 0 = one for each core.
    memory_mb : int
        What one join, or all large counts of values together, may hold in memory before they spill, in MiB; rows of an
        evaluation are put on disk where they would take more than a quarter of it.
    states_mb : int
        How much may be kept of what was worked out about rows, in MiB; what was used longest ago goes. 0 = nothing.
    host : str
        The address the server binds; anything but loopback needs a token.
    port : int
        The server's TCP port; 0 = any free one.
    grpc_port : int
        The port at which the server speaks gRPC too; 0 = any free one, -1 = none.
    serve_workers : int
        Server processes.
    worker_mb : int
        How much memory each of them may take, in MiB, on Linux; a request that would take more is answered 503. 0 = its
        share of four fifths of the machine's, or container's, and 1 GiB at least; -1 = no bound.
    otel : bool
        Whether the server sends a span of each request to the collector that OpenTelemetry's own variables name.
    poll_s : float
        How often the server looks at its endpoints, and `headrace up` at its files, in seconds.
    body_mb : int
        The largest request body the server reads, in MiB.
    body_rows : int
        The most rows that one request may ask about.
    request_timeout_s : float
        How long answering a request may take, in seconds; its header headrace-timeout-ms may say less.
    queue_requests : int
        Requests that may be under way in a worker of the server; what comes beyond that is answered 503 at once.
    queue_mb : int
        What the bodies of these may take, in MiB.
    queue_wait_ms : int
        How long a request may be expected to wait before it is answered, in milliseconds; longer: 503 at once. Where
        at most 64 are under way in a worker, ten times as long.
    quotas : list of str
        Requests a second, "late: 100" for an endpoint, "token reports: 20" for a caller; beyond it: 429.
    enforce : list of str
        What the server does with numbers outside the range their schema states: "reject" (400), "warn" (answered and
        counted) or "pass", for every endpoint, or "late: warn" for one. Without any: reject.
    metrics_open : bool
        Whether the server tells /metrics without a token.
    client_timeout_s : float
        How long a client may take to send a request's head, or its body, and say nothing on an open connection, in
        seconds.
    connections : int
        How many connections a server process holds open; further ones wait.
    tls_cert : str
        File of the server's certificate with its chain, in PEM: with it and the key the server speaks TLS alone.
    tls_key : str
        File of the certificate's private key, in PEM.
    tls_client_ca : str
        File of the certificates that clients' must be signed by, in PEM: whoever has none is refused by TLS itself.
    allocate_s : float
        How often the share of each version is worked out anew where an endpoint's traffic is divided, in seconds.
    keep_previous_s : float
        How long a server keeps the version it served before loaded, so that a rollback is instant, in seconds.
    log_requests : bool
        Whether the server writes down what it was asked and what it answered.
    log_sample : float
        The share of requests (0..1) whose inputs are written down too; all else is written of every request.
    log_queue_rows : int
        Rows that may wait to be written; what comes beyond that is answered, counted and not written.
    log_format : str
        How the server writes its lines on standard error: "text", or "json", an object a line.
    lease_s : float
        How long a step's lease lasts without renewal, in seconds.
    tensorboard : bool
        Whether steps that train write event files for TensorBoard too, beside their records.
    gc_grace_days : float
        For how many days `headrace gc` sets aside what it takes away, before a later one removes its bytes.
    commit_rows : int
        Messages of a stream that `headrace ingest` holds before it commits them.
    commit_s : float
        How long it holds the first of them, in seconds.
    bucket_timeout_s : float
        How long one request to a bucket may take, retries included, in seconds.
    web_host : str
        The address that the pages of `headrace up` are served at; anything but loopback needs tokens.
    web_port : int
        Their TCP port; 0 = any free one.
    web_uploads : bool
        Whether a pipeline's file may be uploaded there.
    alerts : tuple of AlertRules
        Who follows which endpoints by what rules, as tables `[[alerts]]`; HEADRACE_ALERTS has them as JSON, a list of
        objects. Without any three rules stand for every endpoint.
    notify : list of str
        Who is told how runs end: "https://..." takes a POST of JSON, "mailto:ada@example.org" a mail.
    notify_on : list of str
        Of which ends: some of "failed", "rejected", "waiting" (for approval), "recovered" (a success after a failure
        or a no), "succeeded", "cancelled".
    notify_smtp : str
        The mail relay, HOST:PORT; it must take mail without a password.
    notify_from : str
        Whom the mail is from.
    """

    home: Path = field(default_factory=lambda: Path(".headrace"))
    artifacts: str = ""
    records: str = ""
    workers: int = 0
    memory_mb: int = 1024
    states_mb: int = 2048
    host: str = "127.0.0.1"
    port: int = 8600
    grpc_port: int = -1
    serve_workers: int = 1
    worker_mb: int = 0
    otel: bool = False
    poll_s: float = 0.5
    body_mb: int = 16
    body_rows: int = 100_000
    request_timeout_s: float = 30.0
    queue_requests: int = 1024
    queue_mb: int = 64
    queue_wait_ms: int = 100
    quotas: tuple[str, ...] = ()
    enforce: tuple[str, ...] = ()
    metrics_open: bool = False
    client_timeout_s: float = 30.0
    connections: int = 1024
    tls_cert: str = ""
    tls_key: str = ""
    tls_client_ca: str = ""
    allocate_s: float = 2.0
    keep_previous_s: float = 600.0
    log_requests: bool = True
    log_sample: float = 1.0
    log_queue_rows: int = 50_000
    log_format: str = "text"
    lease_s: float = 30.0
    tensorboard: bool = False
    gc_grace_days: float = 7.0
    commit_rows: int = 50_000
    commit_s: float = 1.0
    bucket_timeout_s: float = 60.0
    web_host: str = "127.0.0.1"
    web_port: int = 8601
    web_uploads: bool = True
    alerts: tuple[AlertRules, ...] = ()
    notify: tuple[str, ...] = ()
    notify_on: tuple[str, ...] = ("failed", "rejected", "waiting", "recovered")
    notify_smtp: str = "127.0.0.1:25"
    notify_from: str = "headrace@localhost"

    def __post_init__(self) -> None:
        for name in (*_LIMITS, "notify", "notify_on", "log_format"):
            _check(name, getattr(self, name), "Settings")
        check_records(self.records, "Settings")

    @property
    def num_workers(self) -> int:
        """`workers` with 0 resolved to the number of usable cores."""
        if self.workers:
            return self.workers
        # Linux alone knows which cores this process may use; a container often may use fewer than there are.
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


# One limits table gives the check, its message, and the bad values of the test.
_LIMITS: dict[str, tuple[float, float]] = {
    "workers": (0, 1024),
    "memory_mb": (16, 1 << 24),
    "states_mb": (0, 1 << 24),
    "port": (0, 65535),
    "grpc_port": (-1, 65535),
    "serve_workers": (1, 256),
    "worker_mb": (-1, 1 << 24),
    "poll_s": (0.01, 3600.0),
    "body_mb": (1, 4096),
    "body_rows": (1, 100_000_000),
    "request_timeout_s": (0.01, 86400.0),
    "queue_requests": (1, 1_000_000),
    "queue_mb": (1, 1 << 20),
    "queue_wait_ms": (1, 3_600_000),
    "client_timeout_s": (0.1, 3600.0),
    "connections": (1, 1_000_000),
    "allocate_s": (0.1, 3600.0),
    "keep_previous_s": (0.0, 86400.0),
    "log_sample": (0.0, 1.0),
    "log_queue_rows": (1, 10_000_000),
    "lease_s": (0.5, 86400.0),
    "gc_grace_days": (0.0, 3650.0),
    "commit_rows": (1, 10_000_000),
    "commit_s": (0.01, 3600.0),
    "bucket_timeout_s": (0.1, 86400.0),
    "web_port": (0, 65535),
}

_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "a text",
    "Path": "a path",
    "tuple[str, ...]": "a list of texts",
}
_FORMATS = ("text", "json")
_ENDS = ("failed", "rejected", "waiting", "recovered", "succeeded", "cancelled")
_CHANNELS = ("https://", "http://", "mailto:")
# Variables that are no settings, beside HEADRACE_KILL_*, which proofs use.
_OTHERS = ("HEADRACE_PROFILE", "HEADRACE_DEBUG", "HEADRACE_TOKEN")

# TOML has true and false; an environment variable is text.
_BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def _check(name: str, value: Any, where: str) -> None:
    if name in _LIMITS:
        low, high = _LIMITS[name]
        if not low <= value <= high:
            raise InvalidInput(f"setting {name} = {value!r} is out of range", where=where, expected=f"{low} to {high}")
    if name == "log_format" and value not in _FORMATS:
        raise UnknownName("format of lines", value, _FORMATS, where=f"{where}, setting log_format")
    for number, item in enumerate(value if name in ("notify", "notify_on") else (), 1):
        if name == "notify_on" and item not in _ENDS:
            raise UnknownName("end of a run", item, _ENDS, where=f"{where}, setting notify_on")
        # An address may hold a secret, so that it is not repeated.
        if name == "notify" and not item.startswith(_CHANNELS):
            raise InvalidInput(
                f"setting notify, entry {number}, is no address",
                where=where,
                expected="https://... or mailto:NAME@HOST",
            )


def check_records(uri: str, where: str) -> None:
    """Raise InvalidInput for what is no address of records, and for one with a password; "" is fine.

    What has a password is not repeated: messages are kept in logs.

    >>> check_records("postgresql://ann@db.example.org/flights", "Settings")
    """
    if not uri:
        return
    expected = '"postgresql://user@host:port/database", or "" for records in the home'
    try:
        parts = urlsplit(uri)
        has_password = parts.password is not None or any("password" in name for name, _ in parse_qsl(parts.query))
    except ValueError:  # brackets that are no IPv6 address
        raise InvalidInput("setting records is no address", where=where, expected=expected) from None
    if has_password:
        raise InvalidInput(
            "setting records holds a password, which every process of the store and its home would keep",
            where=where,
            expected="an address without one",
            fix="leave it out and set PGPASSWORD, or name it in ~/.pgpass",
        )
    if parts.scheme not in ("postgresql", "postgres"):
        # Without a scheme a password may stand anywhere in it.
        told = f"{parts.scheme}://" if "://" in uri else "without a scheme"
        raise InvalidInput(f"setting records is {told}", where=where, expected=expected)
    if not parts.netloc or not parts.path.strip("/"):
        missing = "host" if not parts.netloc else "database"
        raise InvalidInput(f"setting records = {uri!r} names no {missing}", where=where, expected=expected)
    if "#" in uri:
        raise InvalidInput("setting records holds a '#'", where=where, expected=expected, fix="write it as %23")


def _read_table(folder: Path) -> tuple[dict[str, Any], Path] | None:
    for name in ("headrace.toml", "pyproject.toml"):
        file = folder / name
        if not file.is_file():
            continue
        try:
            table = _parsed(file.read_bytes())
        except OSError as error:
            raise InvalidInput(f"cannot be read: {error.strerror}", where=str(file)) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            if name == "pyproject.toml":
                continue
            raise InvalidInput(f"not TOML: {error}", where=str(file), fix="correct the line named") from error
        if name == "pyproject.toml":
            table = table.get("tool", {}).get("headrace")
            if table is None:
                continue
        return copy.deepcopy(table), file
    return None


@functools.lru_cache(maxsize=8)
def _parsed(text: bytes) -> dict[str, Any]:
    """TOML, parsed once while it stays what it is; not to be changed."""
    return tomllib.loads(text.decode())


def find_project(start: Path) -> Path:
    """The project's folder: the nearest from `start` upward with settings in it, else `start` itself."""
    start = start.resolve()
    for folder in (start, *start.parents):
        if _read_table(folder) is not None:
            return folder
    return start


def _convert(name: str, value: Any, where: str) -> Any:
    if name == "alerts":
        return _alerts(value, where)
    kind = str({item.name: item.type for item in fields(Settings)}[name])
    try:
        if kind == "Path":
            if not isinstance(value, str):
                raise ValueError
            return Path(value)
        if kind == "str":
            if not isinstance(value, str):
                raise ValueError
            if name == "records":
                check_records(value, where)
            _check(name, value, where)
            return value
        if kind.startswith("tuple"):
            items = [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
            if not isinstance(items, (list, tuple)) or not all(isinstance(item, str) for item in items):
                raise ValueError
            _check(name, tuple(items), where)
            return tuple(items)
        if kind == "bool" and isinstance(value, str):
            return _BOOLEANS[value.lower()]
        if isinstance(value, bool) != (kind == "bool"):
            raise ValueError
        if kind == "bool":
            return value
        converted = int(value) if kind == "int" else float(value)
        if not isinstance(value, str) and converted != value:  # 1.5 workers
            raise ValueError
    except InvalidInput:
        raise
    except (TypeError, ValueError, OverflowError, KeyError):
        words = _WORDS.get(kind, kind)
        said = f"setting {name}" if name == "notify" else f"setting {name} = {value!r}"
        raise InvalidInput(f"{said} has the wrong type", where=where, expected=words) from None
    _check(name, converted, where)
    return converted


def _alerts(value: Any, where: str) -> tuple[AlertRules, ...]:
    try:
        tables = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        tables = None
    if not isinstance(tables, list):
        raise InvalidInput(f"alerts = {value!r} has the wrong type", where=where, expected="tables [[alerts]]")
    return tuple(AlertRules.from_plain(table, where) for table in tables)


def load_settings(start: Path | None = None) -> Settings:
    """Read the settings of the project that `start` (the working folder by default) lies in.

    Returns settings whose `home` is absolute. Raises UnknownName for an unknown key, InvalidInput for a bad value.
    """
    project = find_project(start or Path.cwd())
    found = _read_table(project)
    known = [item.name for item in fields(Settings)]
    values: dict[str, Any] = {}

    def read(table: Any, where: str) -> dict[str, Any]:
        if not isinstance(table, dict):
            raise InvalidInput(f"{table!r} is not a table", where=where, expected="settings, one a line")
        for name in table:
            if name not in known:
                raise UnknownName("setting", name, known, where=where)
        return {name: _convert(name, value, where) for name, value in table.items()}

    table, where = (dict(found[0]), str(found[1])) if found is not None else ({}, f"no settings file in {project}")
    # Profiles that are not chosen are checked too: a typo should not wait for the day of the release.
    named = table.pop("profiles", {})
    if not isinstance(named, dict):
        raise InvalidInput(f"profiles = {named!r}", where=where, expected="tables [profiles.NAME]")
    profiles = {name: read(profile, f"{where}, profile {name}") for name, profile in named.items()}
    values.update(read(table, where))
    profile = os.environ.get("HEADRACE_PROFILE", "")
    if profile:
        if profile not in profiles:
            raise UnknownName("profile", profile, profiles, where=where)
        values.update(profiles[profile])
    variables = [f"HEADRACE_{name.upper()}" for name in known]
    for variable in os.environ:
        # Another program may have variables of its own that begin so; one that is nearly ours is a typing mistake.
        if variable.startswith("HEADRACE_") and variable not in (*variables, *_OTHERS):
            near = difflib.get_close_matches(variable, [*variables, *_OTHERS], n=1, cutoff=0.85)
            if near:
                raise InvalidInput(
                    f"{variable} is no variable of headrace's", where="environment", fix=f"did you mean {near[0]}?"
                )
    for name, variable in zip(known, variables, strict=True):
        if os.environ.get(variable):
            values[name] = _convert(name, os.environ[variable], f"environment variable {variable}")
    home = Path(values.get("home", ".headrace"))
    base = Path.cwd() if os.environ.get("HEADRACE_HOME") else project
    values["home"] = home if home.is_absolute() else (base / home)
    artifacts = values.get("artifacts", "")
    if artifacts and "://" not in artifacts:  # a folder
        base = Path.cwd() if os.environ.get("HEADRACE_ARTIFACTS") else project
        values["artifacts"] = os.path.normpath(base / artifacts)
    for name in ("tls_cert", "tls_key", "tls_client_ca"):
        if values.get(name):
            base = Path.cwd() if os.environ.get(f"HEADRACE_{name.upper()}") else project
            values[name] = str(base / values[name])
    return Settings(**values)
