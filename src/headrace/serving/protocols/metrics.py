"""The metrics protocol: what the server did, as text that Prometheus reads.

| route | answer |
|---|---|
| GET /metrics | the figures of all workers, added up as they are now (`headrace.serving.counting` says why) |

It is behind the token like every route, and tells whoever asks of the endpoints their token is for, unless the setting
`metrics_open` says otherwise: who may read how much is asked of a model is for its owner to say.

Source: Prometheus, Exposition formats, "Text-based format" 0.0.4.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Iterable, Iterator
from typing import Any, ClassVar

from headrace.serving import counting
from headrace.serving._contract import Answer, Protocol, Request
from headrace.serving.core import Serving
from headrace.serving.counting import BOUNDS_S, REASONS, STATUSES, TURNED_AWAY, read_counters

__all__ = ["Metrics", "exposition"]

_PATH = "/metrics"
_STALE_MS = 10_000


class Metrics(Protocol):
    """Figures for Prometheus; see the module's docstring."""

    prefixes: ClassVar[tuple[str, ...]] = (_PATH,)
    routes: ClassVar[tuple[str, ...]] = ("GET /metrics",)

    def answer(self, serving: Serving, request: Request) -> Answer | Awaitable[Answer] | None:
        """Route by method and path."""
        if request.path != _PATH or request.method != "GET" or serving.counters_folder is None:
            return None
        mine = (
            (labels, cells)
            for labels, cells in read_counters(serving.counters_folder)
            if "endpoint" not in labels or request.person.may_ask(labels["endpoint"])
        )
        text = exposition(mine, time.time_ns() // 1_000_000)
        return Answer(200, text.encode(), "text/plain; version=0.0.4; charset=utf-8")


def exposition(counters: Iterable[tuple[dict[str, Any], list[int]]], now_ms: int) -> str:
    """The text of what workers counted.

    Parameters
    ----------
    counters : iterable of (dict, list of int)
        As `headrace.serving.counting.read_counters` gives them.
    now_ms : int
        Milliseconds since 1970: a worker that has not been heard of for 10 s does not run.
    """
    sums: dict[tuple[str, str, str], list[int]] = {}
    workers: dict[int, list[int]] = {}
    for labels, cells in counters:
        if "worker" in labels:
            workers[labels["worker"]] = cells
            continue
        key = (labels.get("endpoint", "other"), labels.get("version", ""), labels.get("arm", ""))
        known = sums.setdefault(key, [0] * len(cells))
        for place, value in enumerate(cells):
            known[place] += value
    return "\n".join([*_answers(sorted(sums.items())), *_workers(sorted(workers.items()), now_ms), ""])


def _text(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _series(name: str, labels: Iterable[tuple[str, str]], value: float) -> str:
    told = ",".join(f'{key}="{_text(one)}"' for key, one in labels)
    return f"{name}{{{told}}} {value!r}" if told else f"{name} {value!r}"


def _head(name: str, kind: str, words: str) -> list[str]:
    return [f"# HELP {name} {words}", f"# TYPE {name} {kind}"]


def _answers(sums: list[tuple[tuple[str, str, str], list[int]]]) -> Iterator[str]:
    """What is told of each version."""
    named = [((("endpoint", key[0]), ("version", key[1]), ("arm", key[2])), cells) for key, cells in sums]

    yield from _head("headrace_requests_total", "counter", "Requests answered, by HTTP status.")
    for labels, cells in named:
        for place, status in enumerate((*STATUSES, "other")):
            if cells[place]:
                yield _series("headrace_requests_total", (*labels, ("status", str(status))), cells[place])
    name = "headrace_rows_total"
    yield from _head(name, "counter", "Rows answered or refused.")
    for labels, cells in named:
        yield _series(name, labels, cells[counting.ROWS])
    # A run may be of requests of several arms: it is the version's.
    for name, place, unit, words in (
        (
            "headrace_model_runs_total",
            counting.RUNS,
            1,
            "Runs of the model; requests that are there together share one.",
        ),
        ("headrace_model_seconds_total", counting.MODEL_NS, 1e9, "Time spent in the model."),
    ):
        yield from _head(name, "counter", words)
        for labels, cells in named:
            if not labels[2][1]:
                yield _series(name, labels[:2], cells[place] / unit if unit > 1 else cells[place])
    name = "headrace_request_seconds"
    yield from _head(name, "histogram", "From a request's arrival to its answer.")
    for labels, cells in named:
        total = 0
        for place, bound in enumerate((*map(repr, BOUNDS_S), "+Inf")):
            total += cells[counting.FIRST_BIN + place]
            yield _series(f"{name}_bucket", (*labels, ("le", bound)), total)
        yield _series(f"{name}_sum", labels, cells[counting.LATENCY_NS] / 1e9)
        yield _series(f"{name}_count", labels, total)
    for name, first, words in (
        ("headrace_refused_rows_total", counting.FIRST_REFUSED, "Rows refused, by what the schema says against them."),
        ("headrace_marked_rows_total", counting.FIRST_MARKED, "Rows outside the schema that were answered."),
    ):
        yield from _head(name, "counter", words)
        for labels, cells in named:
            for place, reason in enumerate(REASONS):
                if cells[first + place]:
                    yield _series(name, (*labels, ("reason", reason)), cells[first + place])


def _workers(workers: list[tuple[int, list[int]]], now_ms: int) -> Iterator[str]:
    """What is told of each worker."""
    alive = [(number, cells) for number, cells in workers if now_ms - cells[counting.BEAT_MS] < _STALE_MS]
    yield from _head("headrace_workers", "gauge", "Workers that run.")
    yield _series("headrace_workers", (), len(alive))
    yield from _head("headrace_running_requests", "gauge", "Requests under way, waiting ones among them.")
    for number, cells in alive:
        yield _series("headrace_running_requests", (("worker", str(number)),), cells[counting.RUNNING])
    for name, place, words in (
        ("headrace_worker_starts_total", counting.STARTS, "How often a worker was started."),
        ("headrace_log_dropped_rows_total", counting.LOG_DROPPED, "Rows answered and not written to the request log."),
        ("headrace_loads_total", counting.LOADED, "Versions loaded."),
        ("headrace_failed_loads_total", counting.NOT_LOADED, "Versions that could not be loaded."),
    ):
        yield from _head(name, "counter", words)
        for number, cells in workers:
            yield _series(name, (("worker", str(number)),), cells[place])
    name = "headrace_turned_away_total"
    yield from _head(name, "counter", "Requests turned away, by the bound that was reached.")
    for place, bound in enumerate(TURNED_AWAY):
        total = sum(cells[counting.FIRST_TURNED_AWAY + place] for _, cells in workers)
        yield _series(name, (("bound", bound),), total)
