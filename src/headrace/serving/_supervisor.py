"""The supervisor of a server: starts and watches the workers, and tells them of new versions. It answers no request.

Workers bind the same port (SO_REUSEPORT), so the kernel spreads connections over them and one that dies takes only
its own with it. One that dies, is stopped for 3 s, or says nothing for half a minute, is replaced; one that dies again
and again is replaced later each time. A store that cannot be read changes nothing: what serves goes on serving. Where
traffic is divided, a process beside them, the dealer, makes the tables, and the supervisor hands them on.
"""

from __future__ import annotations

import functools
import json
import os
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from headrace.errors import HeadraceError, StoreError, UnknownName
from headrace.progress import say
from headrace.serving._flips import Fact, Flips, Member
from headrace.serving._kept import Kept, Wanted
from headrace.serving._routes import Routes
from headrace.serving._segments import closed_segments
from headrace.serving.identity import home_id
from headrace.settings import Settings

__all__ = ["LOOPBACK", "Supervisor", "reserve"]

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_DEAF_S = 2.0
_DRAIN_S = 15.0
_SILENT_S = 30.0
# One that was stopped (SIGSTOP, a debugger) holds its clients and those the kernel still sends it: no patience with it.
_STOPPED_S = 3.0
_SLOW_START_S = 300.0
_SETTLE_EVERY_S = 30.0
_SETTLE_S = 10.0
_MAX_CANDIDATES = 4
# A worker that lived this long did not die of its start.
_STEADY_S = 60.0
_LAST_RESPAWN_S = 30.0


def reserve(host: str, port: int) -> socket.socket:
    """Bind the port without listening: it is ours, its number is known, and workers may bind it beside us.

    Raises StoreError when another program has it.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    probe = socket.socket(family, socket.SOCK_STREAM)
    holder = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Alone first: with SO_REUSEPORT a second server of the same user would silently share the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        port = probe.getsockname()[1]
        probe.close()
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind((host, port))
    except OSError as error:
        probe.close()
        holder.close()
        raise StoreError(
            f"cannot listen on {host}:{port}: {error.strerror}",
            fix="another program has the port: stop it, or choose another with --port (0 = any free one)",
        ) from error
    return holder


class _Found(NamedTuple):
    """What the store says now: endpoint -> what it serves, then what it served before; -> what answers beside that."""

    candidates: dict[str, list[Fact]]
    is_divided: bool
    beside: dict[str, Wanted]


def _endpoints(home: Path, wanted: list[str] | None) -> _Found:
    from headrace.store import Store

    with Store.open(home, read_only=True) as store:
        found = {one.name: Fact(one.name, one.version, one.model_digest) for one in store.endpoints()}
        for name in wanted or ():
            if name not in found:
                raise UnknownName("endpoint", name, found, where=str(home))
        candidates: dict[str, list[Fact]] = {}
        beside: dict[str, Wanted] = {}
        is_divided = False
        for name, fact in found.items():
            if wanted is None or name in wanted:
                moves = store.moves(name)
                is_divided |= any(move.action == "policy" for move in moves)
                earlier = dict.fromkeys(
                    move.replaced for move in reversed(moves) if move.action in ("push", "rollback", "promote")
                )
                known = [store.endpoint(name, version) for version in earlier if version not in (None, fact.version)]
                facts = [Fact(one.name, one.version, one.model_digest) for one in known if one is not None]
                candidates[name] = [fact, *facts][:_MAX_CANDIDATES]
                if any(move.action in ("keep", "label") for move in moves):
                    keeping, kept = store.kept(name)
                    labels = {label: one for label, one in keeping.labels.items() if one not in keeping.withdrawn}
                    beside[name] = Wanted(
                        tuple(Fact(one.name, one.version, one.model_digest) for one in kept),
                        tuple(sorted(labels.items())),
                    )
        return _Found(candidates, is_divided, beside)


def _is_stopped(pid: int) -> bool:
    """Whether a process was told to stop where it is; False where the system does not say."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] in ("T", "t")
    except (OSError, IndexError):
        return False


@dataclass(eq=False)
class _Worker:
    number: int
    process: subprocess.Popen[bytes]
    report: int
    member: Member
    started: float
    heard: float
    is_deaf: bool = False
    pending: bytes = b""


class Supervisor:
    """Runs the workers of one server.

    Parameters
    ----------
    settings : Settings
        As `headrace.serving.serve` says.
    wanted : list of str or None
        The endpoints served; None = all there are.
    """

    def __init__(self, settings: Settings, wanted: list[str] | None) -> None:
        self.settings, self.wanted = settings, wanted
        self.candidates, self.is_divided, beside = _endpoints(settings.home, wanted)
        self.home_id = home_id(settings.home / "requests")
        self.holder = reserve(settings.host, settings.port)
        self.port = int(self.holder.getsockname()[1])
        self.grpc_holder = reserve(settings.host, settings.grpc_port) if settings.grpc_port >= 0 else None
        self.grpc_port = None if self.grpc_holder is None else int(self.grpc_holder.getsockname()[1])
        self.selector = selectors.DefaultSelector()
        self.workers: list[_Worker] = []
        self.flips = Flips(lambda: [worker.member for worker in self.workers], say)
        self.routes = Routes(lambda: [worker.member for worker in self.workers], self._tell_refused)
        self.kept = Kept(lambda: [worker.member for worker in self.workers], say)
        self.kept.want(beside)
        self.stopping = False
        self._respawns: list[tuple[float, int]] = []
        self._failures: dict[int, int] = {}
        self._polled = self._settled = time.monotonic()
        self._keeper: subprocess.Popen[bytes] | None = None
        self._dealer: subprocess.Popen[bytes] | None = None
        self._dealt = b""
        self._deal_at = 0.0

    @functools.cached_property
    def counters(self) -> Path:
        """The folder of the workers' counters: in memory where that is a file system; it goes when the server ends."""
        memory = "/dev/shm"  # noqa: S108  # a folder of a name nobody knows is made in it
        return Path(tempfile.mkdtemp(prefix="headrace-", dir=memory if os.access(memory, os.W_OK) else None))

    def start_worker(self, number: int) -> None:
        """Start one; it loads what the others serve."""
        settings = self.settings
        read_end, write_end = os.pipe()
        first = {
            name: [self.flips.good[name]] if name in self.flips.good else facts
            for name, facts in self.candidates.items()
        }
        log = {"sample": settings.log_sample, "queue_rows": settings.log_queue_rows} if settings.log_requests else None
        options = {
            "number": number,
            "workers": settings.serve_workers,
            "worker_mb": settings.worker_mb,
            "otel": settings.otel and os.environ.get("OTEL_SDK_DISABLED", "").lower() != "true",
            "host": settings.host,
            "port": self.port,
            "grpc_port": self.grpc_port,
            "home": str(settings.home),
            "home_id": self.home_id,
            "body_bytes": settings.body_mb << 20,
            "body_rows": settings.body_rows,
            "report": write_end,
            "hosts": ["127.0.0.1", "localhost", "[::1]", "::1"] if settings.host in LOOPBACK else None,
            "endpoints": [[fact._asdict() for fact in facts] for _, facts in sorted(first.items())],
            "keep_previous_s": settings.keep_previous_s,
            "client_timeout_s": settings.client_timeout_s,
            "connections": settings.connections,
            "tls": [settings.tls_cert, settings.tls_key, settings.tls_client_ca] if settings.tls_cert else None,
            "log": log,
            "counters": str(self.counters),
            "limits": {
                "queue_requests": settings.queue_requests,
                "queue_mb": settings.queue_mb,
                "queue_wait_ms": settings.queue_wait_ms,
                "request_timeout_s": settings.request_timeout_s,
                "quotas": list(settings.quotas),
                "metrics_open": settings.metrics_open,
                "enforce": list(settings.enforce),
            },
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "headrace.serving._worker", json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            pass_fds=[write_end],
            start_new_session=True,  # a Ctrl-C in the terminal reaches the supervisor alone, which drains in order
        )
        os.close(write_end)

        def send(message: dict[str, Any]) -> None:
            assert process.stdin is not None
            with suppress(BrokenPipeError, ValueError):  # it is dead; `watch` will see
                process.stdin.write(json.dumps(message).encode() + b"\n")
                process.stdin.flush()

        now = time.monotonic()
        worker = _Worker(number, process, read_end, Member(send), now, now)
        self.workers.append(worker)
        self.selector.register(read_end, selectors.EVENT_READ, worker)

    def hear(self, timeout_s: float) -> None:
        """Take what workers say, for at most that long."""
        for key, _ in self.selector.select(timeout_s):
            if key.data is None:
                self._hear_dealer(key.fd)
                continue
            worker: _Worker = key.data
            data = os.read(worker.report, 65536)
            if not data:
                self.selector.unregister(worker.report)
                continue
            worker.heard = time.monotonic()
            *lines, worker.pending = (worker.pending + data).split(b"\n")
            for line in lines:
                message = json.loads(line)
                if "ready" in message:
                    self.flips.ready(worker.member, [Fact(**fact) for fact in message["ready"].values()])
                    self.routes.move()
                    self.kept.move()
                elif "gauge" in message:
                    self._tell_dealer(message)
                elif "deaf" in message:
                    worker.is_deaf = True
                elif "loaded" in message:
                    fact = Fact(**message["loaded"])
                    self.routes.loaded(worker.member, fact)
                    self.kept.loaded(worker.member, fact)
                    self.flips.loaded(worker.member, fact)
                elif "refused" in message:
                    fact, reason = Fact(**message["refused"]), message["reason"]
                    is_final = message["is_final"]
                    was_kept = self.kept.refuse(worker.member, fact, reason, message["details"], is_final=is_final)
                    if not was_kept and not self.routes.refuse(worker.member, fact, reason, is_final=is_final):
                        self.flips.refuse(fact, reason, message["details"], is_final=is_final)

    def _hear_dealer(self, descriptor: int) -> None:
        data = os.read(descriptor, 1 << 20)
        if not data:
            self.selector.unregister(descriptor)
            return
        *lines, self._dealt = (self._dealt + data).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if "route" in message:
                self.routes.publish(message["route"])
            else:
                self.routes.end(message["unroute"])

    def _tell_dealer(self, message: dict[str, Any]) -> None:
        if self._dealer is not None and self._dealer.stdin is not None:
            with suppress(BrokenPipeError, BlockingIOError, ValueError):  # one that is dead, or busy, hears less
                self._dealer.stdin.write(json.dumps(message).encode() + b"\n")
                self._dealer.stdin.flush()

    def _tell_refused(self, fact: Fact, reason: str) -> None:
        self._tell_dealer({"refused": {"endpoint": fact.endpoint, "version": fact.version}, "reason": reason})

    def deal(self) -> None:
        """Keep the dealer running, once there is anything to divide."""
        now = time.monotonic()
        if self._dealer is not None and self._dealer.poll() is not None:
            if self._dealer.stdout is not None:
                with suppress(KeyError, ValueError):
                    self.selector.unregister(self._dealer.stdout)
                self._dealer.stdout.close()
            say(f"the dealer ended with {self._dealer.returncode}: another is started; tables stay as they are")
            self._dealer, self._dealt, self._deal_at = None, b"", now + 1.0
        if self._dealer is None and self.is_divided and now >= self._deal_at and not self.stopping:
            settings = self.settings
            options = {"home": str(settings.home), "wanted": self.wanted, "allocate_s": settings.allocate_s}
            self._dealer = subprocess.Popen(
                [sys.executable, "-m", "headrace.serving._dealer", json.dumps(options)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
            assert self._dealer.stdout is not None
            self.selector.register(self._dealer.stdout, selectors.EVENT_READ, None)

    def poll(self) -> None:
        """Look into the store, when it is time."""
        now = time.monotonic()
        if now - self._polled >= self.settings.poll_s:
            self._polled = now
            with suppress(HeadraceError, OSError):  # an unreadable store changes nothing
                found, self.is_divided, beside = _endpoints(self.settings.home, self.wanted)
                self.candidates = found or self.candidates
                if found:  # a store that is empty all at once was replaced, or lost: what answers goes on
                    self.kept.want(beside)
                self.flips.want({name: facts[0] for name, facts in self.candidates.items()})
                self.routes.move()  # what could not be loaded for a table a moment ago is tried again
        if self._keeper is not None and self._keeper.poll() is not None:
            self._keeper = None
        if self.settings.log_requests and now - self._settled >= _SETTLE_EVERY_S:
            self._settled = now
            self.settle()
        self.deal()

    def settle(self) -> None:
        """Have closed segments of the request log made Parquet, by a process of its own at the lowest priority."""
        folders = [self.settings.home / name for name in ("requests", "rewards")]
        with suppress(OSError):
            if self._keeper is None and any(closed_segments(folder) for folder in folders):
                self._keeper = subprocess.Popen(
                    [sys.executable, "-m", "headrace.serving._keeper", *map(str, folders)],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    start_new_session=True,
                )

    def watch(self) -> None:
        """Replace workers that died, or have hung."""
        now = time.monotonic()
        for worker in list(self.workers):
            code = worker.process.poll()
            if code is None:
                limit_s = _SILENT_S if worker.member.is_ready else _SLOW_START_S
                if now - worker.heard > _STOPPED_S and _is_stopped(worker.process.pid):
                    limit_s = _STOPPED_S
                if now - worker.heard > limit_s:
                    say(f"worker {worker.process.pid} says nothing any more: it is killed")
                    worker.heard = now
                    worker.process.kill()
                continue
            self.forget(worker)
            self.flips.died(worker.member)
            failures = 0 if now - worker.started > _STEADY_S else self._failures.get(worker.number, 0) + 1
            self._failures[worker.number] = failures
            wait_s = 0.0 if failures < 2 else min(_LAST_RESPAWN_S, 0.25 * 2.0 ** (failures - 2))
            later = f" in {wait_s:g} s" if wait_s else ""
            say(f"worker {worker.process.pid} ended with {code}: another is started{later}")
            self._respawns.append((now + wait_s, worker.number))
        for due in [item for item in self._respawns if item[0] <= now]:
            self._respawns.remove(due)
            self.start_worker(due[1])

    def dead(self) -> list[_Worker]:
        """The workers that have ended."""
        return [worker for worker in self.workers if worker.process.poll() is not None]

    def forget(self, worker: _Worker) -> None:
        """Close what we hold of one that has ended."""
        self.workers.remove(worker)
        if worker.report in self.selector.get_map():
            self.selector.unregister(worker.report)
        os.close(worker.report)
        if worker.process.stdin is not None:
            with suppress(BrokenPipeError):
                worker.process.stdin.close()

    def stop(self) -> None:
        """Tell all workers to finish what they answer; those that do not in time are killed.

        None is told before all have stopped to listen: a client that one sends away comes back at once, and must be
        refused, not taken by another that closes its door in that moment.
        """
        self.stopping = True
        for worker in self.workers:
            worker.member.send({"deaf": True})
        deadline = time.monotonic() + _DEAF_S
        while time.monotonic() < deadline and any(
            worker.member.is_ready and not worker.is_deaf and worker.process.poll() is None for worker in self.workers
        ):
            self.hear(0.02)
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.process.terminate()
        deadline = time.monotonic() + _DRAIN_S
        for worker in list(self.workers):
            try:
                worker.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
            self.forget(worker)
        if self._dealer is not None:
            for pipe in (self._dealer.stdin, self._dealer.stdout):
                if pipe is not None:
                    with suppress(BrokenPipeError):
                        pipe.close()
            self._dealer.terminate()
            self._dealer.wait()
        self.holder.close()
        if self.grpc_holder is not None:
            self.grpc_holder.close()
        self.selector.close()
        if "counters" in self.__dict__:
            shutil.rmtree(self.counters, ignore_errors=True)
        if self._keeper is not None:
            with suppress(subprocess.TimeoutExpired):
                self._keeper.wait(_SETTLE_S)
