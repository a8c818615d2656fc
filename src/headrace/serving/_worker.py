"""A worker process: loads what its supervisor names, answers HTTP, and listens for flips on its standard input.

Messages are JSON lines. In:

    {"prepare": {endpoint, version, digest}}    load and warm that version, beside the one that serves
    {"flip": {...}}                             serve it from now on
    {"forget": {...}}                           free it instead
    {"note": {...}, "reason": "..."}            tell clients that it was refused
    {"hold": {...}, "why": "route" | "keep"}    load it beside the one that serves: for tables to name, or for whoever
                                                asks by number or label
    {"keep": {endpoint, versions, labels}}      what is held so from now on; the rest is freed once that is loaded
    {"route": {...}}                            divide an endpoint's traffic by this table; what it names is held
    {"unroute": endpoint}                       divide it no longer
    {"deaf": true}                              take no new connections: SIGTERM follows

Out, on the pipe whose descriptor it was given:

    {"ready": {endpoint: {...}}}                once, with what it serves
    {"loaded": {...}}                           what was to be prepared is
    {"refused": {...}, "reason", "details", "is_final"}    or it cannot be
    {"serving": {...}}                          it flipped
    {"deaf": true}                              it takes no new connections any more
    {"beat": true}                              every second
    {"gauge": [endpoint, version, [...]]}       with it, how each version of a divided endpoint did since the last
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from headrace.errors import HeadraceError
from headrace.lookup import find
from headrace.model.session import give_memory_back
from headrace.serving._beside import Beside
from headrace.serving._drain import num_connections, num_unaccepted, stop_listening
from headrace.serving._halves import cores_of
from headrace.serving._listening import HEAD_BYTES, allow_connections, granian_options
from headrace.serving._loader import Loader, refusal
from headrace.serving._memory import bound_memory
from headrace.serving._segments import settle
from headrace.serving.capacity import Capacity, Quotas
from headrace.serving.core import Refusal, Served, Serving
from headrace.serving.counting import LOADED, NOT_LOADED, Counters
from headrace.serving.enforcing import Enforcement
from headrace.serving.http import Door
from headrace.serving.loading import load
from headrace.serving.rewards import RewardLog
from headrace.serving.route import Gauge, Route
from headrace.serving.running import Runner

__all__ = ["main"]

_BEAT_S = 1.0
# A connection on which nothing is asked for this long while we drain is closed; so is every one after _DRAIN_S.
_IDLE_S = 0.5
_DRAIN_S = 8.0
_DEAF_S = 0.2
_TOGETHER_S = 0.05
# Threads that a worker may start once it is ready, and those of a listener: each has a stack.
_THREADS, _CALL_THREADS = 48, 80


def _fact(served: Served) -> dict[str, Any]:
    return {"endpoint": served.endpoint, "version": served.version, "digest": served.digest}


class _Worker:
    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        self.home = Path(options["home"])
        self.log = self._open_log()
        self.serving = Serving(self.log, home_id=options["home_id"])
        self.serving.max_rows = options["body_rows"]
        self.serving.rewards = RewardLog(self.home / "rewards", asyncio.get_running_loop)
        # (endpoint, version) -> what is loaded beside the versions that serve, None while it loads
        self.held: dict[tuple[str, int], Served | None] = {}
        self.beside = Beside(self.serving, self.held)
        self.gauges: dict[str, dict[int, Gauge]] = {}
        hosts = frozenset(options["hosts"]) if options["hosts"] is not None else None
        token = os.environ.get("HEADRACE_TOKEN", "")
        limits = options["limits"]
        capacity = Capacity(
            most_requests=limits["queue_requests"],
            most_bytes=limits["queue_mb"] << 20,
            most_wait_s=limits["queue_wait_ms"] / 1e3,
        )
        folder = Path(options["counters"])
        self.serving.counters, self.serving.counters_folder = Counters(folder, options["number"]), folder
        self.serving.num_others = lambda: capacity.num_running - 1
        self.serving.enforcement = Enforcement(limits["enforce"])
        if limits["quotas"]:
            self.serving.quotas = Quotas(limits["quotas"], num_workers=options["workers"])
        self.door = Door(
            self.serving,
            body_bytes=options["body_bytes"],
            hosts=hosts,
            token=token,
            home=self.home,
            timeout_s=options["client_timeout_s"],
            worker=options["number"],
            capacity=capacity,
            is_metrics_open=limits["metrics_open"],
        )
        self.listener: Any = None
        if options["otel"]:
            self.serving.tracer = find("tracer", "otel")(worker=options["number"])
        self._report = options["report"]
        os.set_blocking(self._report, False)
        self._unsent = b""
        self._pending = b""
        self._is_ending = False
        self._tasks: list[asyncio.Task[None]] = []  # the loop itself holds no task that it runs

    def _open_log(self) -> Any:
        options = self.options["log"]
        if options is None:
            return None
        from headrace.serving.log import RequestLog

        return RequestLog(self.home / "requests", sample=options["sample"], queue_rows=options["queue_rows"])

    def tell(self, message: dict[str, Any]) -> None:
        """Say something to the supervisor; on the loop's thread, and never waiting for it to listen."""
        self._unsent += orjson.dumps(message) + b"\n"
        try:
            self._unsent = self._unsent[os.write(self._report, self._unsent) :]
        except BlockingIOError:
            pass
        except BrokenPipeError:
            self._unsent = b""

    def bound(self) -> None:
        """Bound what the worker may take; again once it is ready, by what is reserved then."""
        threads = _THREADS if self.options["grpc_port"] is None else _THREADS + _CALL_THREADS
        bound_memory(self.options["worker_mb"], self.options["workers"], threads)

    def load_first(self) -> None:
        """Load what is to be served from the start: of each endpoint the first version that can be."""
        for candidates in self.options["endpoints"]:
            for fact in candidates:
                try:
                    self.serving.flip(load(self.home, *fact.values(), with_shape=self.log is not None))
                    self.serving.counters.worker.cells[LOADED] += 1
                    break
                except Exception as error:  # as the loader does: what is wrong with one version stops no other
                    self.serving.counters.worker.cells[NOT_LOADED] += 1
                    self.tell(refusal(fact, error))

    def note(self, message: dict[str, Any]) -> None:
        """Have clients told that a version was refused; without a reason it no longer matters."""
        fact = message["note"]
        if message["reason"]:
            self.serving.refuse(fact["endpoint"], Refusal(fact["version"], fact["digest"], message["reason"]))
        else:
            self.serving.refused.pop(fact["endpoint"], None)

    def hear(self, message: dict[str, Any]) -> None:
        """Do what the supervisor says."""
        if "prepare" in message:
            fact = message["prepare"]
            self.beside.preparing.add((fact["endpoint"], fact["version"]))
            self.beside.show(fact["endpoint"])
            self.loader.prepare(**fact)
        elif "flip" in message:
            fact = message["flip"]
            served = self.loader.take(fact["endpoint"], fact["version"]) or self._held(fact)
            if served is not None:
                self.loader.retire(self.serving.flip(served))
                self.beside.show(served.endpoint)
                self.tell({"serving": _fact(served)})
        elif "keep" in message:
            self.beside.keep(**message["keep"])
            self._free()
        elif "forget" in message:
            self.loader.forget(message["forget"]["endpoint"], message["forget"]["version"])
        elif "note" in message:
            self.note(message)
        elif "hold" in message:
            fact = message["hold"]
            key = (fact["endpoint"], fact["version"])
            self.beside.why.setdefault(key, set()).add(message["why"])
            if key not in self.held:
                self.held[key] = None
                self.loader.prepare(**fact)
            elif self.held[key] is not None:
                self.tell({"loaded": fact})
            self.beside.show(key[0])
        elif "route" in message:
            self.route(message["route"])
        elif "unroute" in message:
            self.serving.routes.pop(message["unroute"], None)
            self._let_go(message["unroute"], ())
        elif "deaf" in message:
            self._tasks.append(asyncio.get_running_loop().create_task(self._go_deaf()))

    def _held(self, fact: dict[str, Any]) -> Served | None:
        found = self.held.get((fact["endpoint"], fact["version"]))
        return found if found is not None and found.digest == fact["digest"] else None

    def heard_of(self, message: dict[str, Any]) -> None:
        """Pass on what the loader says; a version that was to be held is taken from it."""
        fact = message.get("loaded") or message["refused"]
        self.serving.counters.worker.cells[LOADED if "loaded" in message else NOT_LOADED] += 1
        key = (fact["endpoint"], fact["version"])
        self.beside.preparing.discard(key)
        if key in self.held and self.held[key] is None:
            if "loaded" in message:
                self.held[key] = self.loader.take(*key)
            else:
                del self.held[key]
                self.beside.refuse(key, fact["digest"], message["reason"])
            self._free()
        else:
            self.beside.show(key[0])
        self.tell(message)

    def route(self, plain: dict[str, Any]) -> None:
        """Divide traffic by a table, where all it names is loaded; else by the one before."""
        endpoint = plain["endpoint"]
        live = self.serving.endpoints.get(endpoint)
        versions = {
            version: one
            for (name, version), one in self.held.items()
            if name == endpoint and one is not None and "route" in self.beside.why.get((name, version), ())
        }
        if live is not None:
            versions[live.version] = live
        named = {*plain["shadows"], plain["champion"]}
        for told in plain["allocations"].values():
            named |= set(told["versions"])
        if named <= set(versions):
            self.serving.routes[endpoint] = Route(plain, versions, self.gauges.setdefault(endpoint, {}))
            self._let_go(endpoint, named)
            self.tell({"routed": [endpoint, plain["table_id"]]})

    def _let_go(self, endpoint: str, named: Any) -> None:
        """Free what was held for tables and none names."""
        for key in [key for key, one in self.held.items() if key[0] == endpoint and one is not None]:
            if key[1] not in named:
                self.beside.why.get(key, set()).discard("route")
        self._free()

    def _free(self) -> None:
        """Free what nothing needs; tell who asks what there is."""
        for served in self.beside.take_unneeded():
            if served is not self.serving.endpoints.get(served.endpoint):
                self.loader.free(served)

    def _loaded(self, endpoint: str) -> list[Served]:
        live = self.serving.endpoints.get(endpoint)
        held = [one for (name, _), one in self.held.items() if name == endpoint and one is not None]
        return held if live is None else [live, *held]

    async def run(self) -> None:
        """Serve until told to stop, or until the supervisor is gone."""
        from granian.constants import HTTPModes
        from granian.http import HTTP1Settings
        from granian.server.embed import Server

        loop = asyncio.get_running_loop()
        counters, capacity = self.serving.counters, self.door.capacity

        def count(served: Served, took_ns: int) -> None:
            counters.of(served.endpoint, served.version).run(took_ns)

        timeout_s = self.options["limits"]["request_timeout_s"]
        num_cores = cores_of(self.options["workers"])
        self.serving.runner = Runner(loop, timeout_s=timeout_s, capacity=capacity, count=count, num_cores=num_cores)
        give_memory_back()
        self.bound()
        self.load_first()

        def tell(message: dict[str, Any]) -> None:
            loop.call_soon_threadsafe(self.heard_of, message)

        self.loader = Loader(
            self.home,
            self._loaded,
            tell,
            keep_s=self.options["keep_previous_s"],
            with_shape=self.log is not None,
            num_workers=self.options["workers"],
        )
        # HTTP/1 only, no web sockets: nothing here speaks them, and what is off cannot be attacked.
        server = Server(
            self.door,
            address=self.options["host"],
            port=self.options["port"],
            http=HTTPModes.http1,
            websockets=False,
            log_enabled=False,
            backlog=1024,
            backpressure=allow_connections(self.options["connections"]),
            http1_settings=HTTP1Settings(
                header_read_timeout=int(self.options["client_timeout_s"] * 1000), max_buffer_size=HEAD_BYTES
            ),
            **granian_options(self.options["tls"]),
        )

        if self.options["grpc_port"] is not None:
            self.listener = find("listener", "grpc")(
                self.door,
                host=self.options["host"],
                port=self.options["grpc_port"],
                body_bytes=self.options["body_bytes"],
                timeout_s=self.options["client_timeout_s"],
                tls=self.options["tls"],
            )
            self.listener.start()

        def stop() -> None:
            if not self._is_ending:
                self._is_ending = True
                self._tasks.append(loop.create_task(self._drain(server)))

        def read() -> None:
            data = os.read(0, 65536)
            if not data:  # the supervisor is gone: nobody else clears up after it
                shutil.rmtree(self.options["counters"], ignore_errors=True)
                loop.remove_reader(0)
                stop()
                return
            *lines, self._pending = (self._pending + data).split(b"\n")
            for line in lines:
                self.hear(json.loads(line))

        def beat() -> None:
            self.tell({"beat": True})
            self.door.patience.sweep()
            num_dropped = 0 if self.log is None else self.log.num_dropped
            counters.beat(num_running=capacity.num_under_way, num_dropped=num_dropped, turned_away=capacity.turned_away)
            for endpoint, gauges in self.gauges.items():
                for version, gauge in gauges.items():
                    counted = gauge.read()
                    if counted is not None:
                        self.tell({"gauge": [endpoint, version, counted]})
            loop.call_later(_BEAT_S, beat)

        def ready() -> None:
            self.bound()
            self.door.is_ready = True
            self.tell({"ready": {name: _fact(served) for name, served in self.serving.endpoints.items()}})
            beat()

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)
        loop.add_reader(0, read)
        # What was imported and loaded so far stays for good: the collector need not look at it again and again, and
        # what a request leaves behind holds no cycles, so that it may wait for longer.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        loop.call_later(0.01, ready)
        await server.serve()
        self.serving.rewards.close()
        if self.serving.tracer is not None:
            self.serving.tracer.close()
        if self.log is not None:
            self.log.close()
            with suppress(HeadraceError, OSError):  # who starts next does it
                settle(self.home / "requests")
                settle(self.home / "rewards")

    async def _go_deaf(self) -> None:
        """Take no new connection, at a moment in which none is waiting to be taken."""
        port = self.options["port"]
        end = time.monotonic() + _DEAF_S
        while num_unaccepted(port) and time.monotonic() < end:
            await asyncio.sleep(0.001)
        stop_listening(port)
        self.tell({"deaf": True})

    async def _drain(self, server: Any) -> None:
        """Finish what is being answered, let every client leave by itself, then stop."""
        calls: Any = ()
        if self.listener is not None:
            calls = (asyncio.get_running_loop().run_in_executor(None, self.listener.stop, _DRAIN_S),)
        try:
            await self._send_away()
            await asyncio.gather(*calls)
        finally:
            server.stop()

    async def _send_away(self) -> None:
        port = self.options["port"]
        await self._go_deaf()
        # Without a supervisor that saw to it, the other workers are told to end in this moment too: those whom we
        # send away must not find one of them that listens for a millisecond more.
        await asyncio.sleep(_TOGETHER_S)
        self.door.is_draining = True
        end = time.monotonic() + _DRAIN_S
        quiet_since, answered = time.monotonic(), self.door.num_answered
        while time.monotonic() < end and num_connections(port):
            await asyncio.sleep(0.01)
            if self.door.num_running or self.door.num_answered != answered:
                quiet_since, answered = time.monotonic(), self.door.num_answered
            elif time.monotonic() - quiet_since > _IDLE_S:
                break


def main() -> None:
    """Run until told to stop; the options are one JSON argument."""
    worker = _Worker(json.loads(sys.argv[1]))
    try:
        import uvloop
    except ImportError:
        asyncio.run(worker.run())
    else:
        uvloop.run(worker.run())


if __name__ == "__main__":
    main()
