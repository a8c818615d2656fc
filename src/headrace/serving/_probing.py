"""The probe's process: loads a model as a server does, asks it as clients do, and writes down what it took.

Run by the gate (`headrace.evaluation._probe`) in a folder of its own, with limits on memory and time. It prints a JSON
line as each stage begins and whenever something is known, so that whoever kills it knows what it was doing. Nothing
here judges.

    {"stage": "loading"}                    begun
    {"measured": {"memory_mb": 143.2}}      a figure
    {"found": {"answers": "..."}}           what is wrong with what was asked; "" for nothing
"""

from __future__ import annotations

import gc
import json
import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from headrace.errors import HeadraceError
from headrace.serving._resident import limit_memory, peak_mb, resident_mb

__all__ = ["Load", "main", "probe", "wrong_of"]

Load = Callable[[Path, str], Any]
"""(folder of a model's files, endpoint) -> `headrace.serving.Served`."""

_LOADS = 6
_LEAST_LOADS = 2
_LOADS_S = 4.0  # and no further load begins
_BATCH_ROWS = 2048
_ROUNDS, _ROUND_REQUESTS = 8, 200
_ROUND_S = 0.25  # of a slow model a round has fewer requests
_ROUND_MB = 1.0 / 32.0  # eight pages, which an allocator may take for itself
_TURN_ROWS = 256
_TURNS, _BATCH_TURNS = 200, 41
_TURNS_S = 2.0
_LEAST_TURNS = 3
_BODY_BYTES = 16 << 20


def tell(message: Mapping[str, Any]) -> None:
    """A line on standard output, whatever else goes there."""
    os.write(1, json.dumps(message).encode() + b"\n")


def wrong_of(error: BaseException) -> str:
    """What went wrong in one line, the same on every machine: no paths."""
    if isinstance(error, HeadraceError):
        return error.what[:300]
    said = str(error).strip().splitlines()
    return f"{type(error).__name__}: {said[-1][-200:]}" if said else type(error).__name__


class _Asked:
    """An endpoint of one model behind the server's door, without sockets."""

    def __init__(self, served: Any) -> None:
        from headrace.serving import Request, Serving
        from headrace.serving.http import Door

        serving = Serving()
        serving.flip(served)
        self.model = served.model
        self._door = Door(serving, body_bytes=_BODY_BYTES, hosts=None, token="")
        self._path = f"/v1/models/{served.endpoint}:predict"
        self._request = Request

    def ask(self, body: bytes) -> tuple[int, bytes]:
        """Status and body of the answer."""
        answer = self._door.translate(self._request("POST", self._path, body, time.perf_counter_ns()))
        return answer.status, answer.body

    def time_ns(self, body: bytes) -> int:
        """Processor time of one answer, to which a busy neighbour adds nothing; all of it is on this thread."""
        start = time.thread_time_ns()
        self._door.translate(self._request("POST", self._path, body, start))
        return time.thread_time_ns() - start


def _said(answer: bytes) -> str:
    try:
        return str(json.loads(answer).get("error", ""))[:200]
    except (ValueError, AttributeError):
        return ""


Numbers = tuple[float | None, ...]  # what one row is answered with: one number, or one for each class


def _values(answer: bytes) -> list[Numbers]:
    found = json.loads(answer)["predictions"]
    return [tuple(one) if isinstance(one, list) else (one,) for one in found]


class _Predictions:
    """What is wrong with predictions, told of the first row that has it."""

    def __init__(self, low: float | None, high: float | None) -> None:
        self._low, self._high = low, high
        self.wrong: dict[str, list[str]] = {}
        self.num_rows = 0

    def take(self, where: str, values: Numbers) -> None:
        """A prediction that was answered; null is what NaN and infinity are in JSON."""
        self.num_rows += 1
        known = [value for value in values if value is not None]
        if len(known) < len(values):
            self.wrong.setdefault("is not a finite number", []).append(where)
        elif self._low is not None and min(known) < self._low:
            self.wrong.setdefault(f"is under {self._low:g}", []).append(where)
        elif self._high is not None and max(known) > self._high:
            self.wrong.setdefault(f"is over {self._high:g}", []).append(where)

    def __str__(self) -> str:
        told = []
        for what, places in self.wrong.items():
            more = f", and {len(places) - 3} more" if len(places) > 3 else ""
            told.append(f"the prediction {what} for {', '.join(places[:3])}{more}")
        return "; ".join(told)


def _rows_of(model: Any) -> list[dict[str, Any]]:
    names = [column.name for column in model.columns]
    rows: list[dict[str, Any]] = model.golden.select(names).to_pylist()
    return rows


def _answers(asked: _Asked, predictions: _Predictions) -> tuple[list[dict[str, Any]], str, int]:
    """Ask the golden rows, one a request: rows that were answered, what is wrong, and how many were asked."""
    from headrace.serving._asking import body_of, is_ordinary

    rows = _rows_of(asked.model)
    stored = asked.model.golden.column("@output.prediction").to_pylist()
    good: list[dict[str, Any]] = []
    broken: list[str] = []
    said = ""
    for number, (row, before) in enumerate(zip(rows, stored, strict=True)):
        status, answer = asked.ask(body_of([row]))
        if status >= 500 and not broken:
            broken.append(f"golden row {number} is answered with status {status}")
        if status != 200:
            said = said or _said(answer)
            continue
        value = _values(answer)[0]
        # Written in the shortest form that reads back as the same float32.
        said_before = before if isinstance(before, list) else [before]
        is_other = any(
            one is not None and np.float32(one) != np.float32(its) for one, its in zip(value, said_before, strict=True)
        )
        if is_other and not broken:
            broken.append(f"golden row {number} is answered with another prediction than the model's")
        if is_ordinary(row):
            good.append(row)
            predictions.take(f"golden row {number}", value)
    if not good and not broken:
        broken.append(f"none of its golden rows is answered: {said}" if said else "it has no golden rows to be asked")
    return good, "; ".join(broken), len(rows)


def _malformed(asked: _Asked, row: dict[str, Any]) -> tuple[str, int]:
    from headrace.serving._asking import odd_bodies, wrong_bodies

    wrong: list[str] = []
    number = 0
    for what, body in wrong_bodies(asked.model.columns, row):
        status, _ = asked.ask(body)
        number += 1
        if not 400 <= status < 500:
            wrong.append(f"{what}: status {status}")
    for what, body in odd_bodies(asked.model.columns, row):
        status, _ = asked.ask(body)
        number += 1
        if status >= 500:
            wrong.append(f"{what}: status {status}")
    more = f"; and {len(wrong) - 3} more" if len(wrong) > 3 else ""
    return "; ".join(wrong[:3]) + more, number


def _columns(asked: _Asked, row: dict[str, Any], known: Sequence[str] | None) -> str:
    """Whether a row of only the columns that requests have is answered."""
    from headrace.serving._asking import body_of

    label = asked.model.signature.label
    if label is not None and label in row:
        return f"it reads {label!r}, its own label, which no request has"
    if known is None:
        return ""
    status, answer = asked.ask(body_of([{name: value for name, value in row.items() if name in known}]))
    if status == 200:
        return ""
    needed = [column.name for column in asked.model.columns if column.name not in known and not column.is_nullable]
    return f"it needs {', '.join(map(repr, needed))}, which requests do not have" if needed else _said(answer)


def _slices(asked: _Asked, rows: Sequence[Mapping[str, Any]], base: dict[str, Any], predictions: _Predictions) -> None:
    from headrace.serving._asking import body_of

    for item in rows:
        status, answer = asked.ask(body_of([{**base, **item["values"]}]))
        if status == 200:  # what the schema does not allow is no row of this slice
            predictions.take(str(item["slice"]), _values(answer)[0])


def _many(rows: Sequence[dict[str, Any]], number: int) -> bytes:
    from headrace.serving._asking import body_of

    some = rows[-200:]
    text = body_of(some)
    number = max(1, min(number, int(number * _BODY_BYTES / 2 / max(1, len(text) * number // len(some)))))
    return body_of([some[place % len(some)] for place in range(number)])


def _loads(load: Load, folder: Path) -> tuple[float, float, int]:
    """The quickest load in seconds, by how many MiB the process grows with each further one, and how many they were."""
    begun = time.monotonic()
    took, sizes = [], []
    for turn in range(_LOADS):
        if turn >= _LEAST_LOADS and time.monotonic() - begun > _LOADS_S:
            break
        start = time.perf_counter()
        served = load(folder, "candidate")
        took.append(time.perf_counter() - start)
        del served
        gc.collect()
        sizes.append(resident_mb())
    return min(took), _growth(sizes), len(sizes)


def _growth(sizes: Sequence[float]) -> float:
    """By how much a size grows with each turn.

    The allocator gives a large block back now and then, and takes it again, which is no growth. So it is the lesser of
    the middle difference from turn to turn, and of what lies between the largest of the first turns and the smallest of
    the last.
    """
    half = len(sizes) // 2
    apart = min(sizes[half:]) - max(sizes[:half])
    return min(apart, statistics.median(after - before for before, after in pairwise(sizes)))


def _rounds(asked: _Asked, rows: Sequence[dict[str, Any]]) -> tuple[float, int]:
    """By how many MiB the process grows with each further 1,000 requests, and how many were asked.

    All were answered before, so whatever is kept of an answer for good reason is there by the first round's end. A few
    pages a round are no growth.
    """
    from headrace.serving._asking import body_of

    bodies = [body_of([row]) for row in rows[-_ROUND_REQUESTS:]]
    begun, number, sizes = time.monotonic(), 0, []
    while number < _ROUND_REQUESTS and time.monotonic() - begun < _ROUND_S:
        asked.ask(bodies[number % len(bodies)])
        number += 1
    for _ in range(_ROUNDS):
        for place in range(number):
            asked.ask(bodies[place % len(bodies)])
        gc.collect()
        sizes.append(resident_mb())
    growth = _growth(sizes)
    return growth * 1000.0 / number if growth > _ROUND_MB else min(growth, 0.0), number * _ROUNDS


def _turns(first: _Asked, second: _Asked, bodies: tuple[bytes, bytes], most: int) -> tuple[float, float]:
    """Medians in nanoseconds of two endpoints that answer in turns."""
    begun = time.monotonic()
    took: tuple[list[int], list[int]] = ([], [])
    for turn in range(most):
        if turn >= _LEAST_TURNS and time.monotonic() - begun > _TURNS_S:
            break
        order = (0, 1) if turn % 2 == 0 else (1, 0)
        for place in order:
            took[place].append((first, second)[place].time_ns(bodies[place]))
    return statistics.median(took[0]), statistics.median(took[1])


def probe(asked: Mapping[str, Any], load: Load) -> None:
    """All stages, in order; what cannot go on without the stage before ends here.

    Parameters
    ----------
    asked : mapping
        What `headrace.evaluation._probe` wrote.
    load : callable
        The server's.
    """
    folder = Path(asked["candidate"])
    tell({"stage": "loading it"})
    try:
        served = load(folder, "candidate")
    except Exception as error:  # a model may fail in any way; which one is what this is for
        tell({"refused": wrong_of(error)})
        return
    tell({"measured": {"loaded_mb": resident_mb()}})
    candidate = _Asked(served)
    served = None
    low, high = asked["low"], asked["high"]
    predictions = _Predictions(low, high)
    tell({"stage": "asking it its golden rows"})
    rows, wrong, number = _answers(candidate, predictions)
    tell({"found": {"answers": wrong}, "asked": {"answers": number}})
    if not rows:
        return
    tell({"stage": "asking it what is malformed"})
    wrong, number = _malformed(candidate, rows[-1])
    tell({"found": {"malformed": wrong}, "asked": {"malformed": number}})
    tell({"stage": "asking it with the columns that requests have"})
    tell({"found": {"columns": _columns(candidate, rows[-1], asked["columns"])}, "asked": {"columns": 1}})
    tell({"stage": "asking it rows of every slice"})
    _slices(candidate, asked["slices"], rows[-1], predictions)
    tell({"found": {"predictions": str(predictions)}, "asked": {"predictions": predictions.num_rows}})
    tell({"stage": f"asking it {_BATCH_ROWS} rows at once"})
    status, answer = candidate.ask(_many(rows, _BATCH_ROWS))
    if status != 200:
        tell({"refused": f"many rows at once are answered with status {status}: {_said(answer)}"})
        return
    tell({"measured": {"memory_mb": peak_mb()}})
    tell({"stage": "asking it again and again"})
    request_growth_mb, number = _rounds(candidate, rows)
    tell({"measured": {"request_growth_mb": request_growth_mb}, "asked": {"request_growth_mb": number}})
    tell({"stage": "loading it again and again"})
    load_s, growth_mb, number = _loads(load, folder)
    tell({"measured": {"load_s": load_s, "growth_mb": growth_mb}, "asked": {"growth_mb": number}})
    if asked["champion"] is not None:
        tell({"stage": "measuring it beside the champion"})
        _beside(candidate, rows, load, Path(asked["champion"]))
    tell({"stage": "", "done": True})


def _beside(candidate: _Asked, rows: list[dict[str, Any]], load: Load, folder: Path) -> None:
    from headrace.serving._asking import body_of

    try:
        champion = _Asked(load(folder, "champion"))
        its_rows, wrong, _ = _answers(champion, _Predictions(None, None))
    except Exception as error:  # as above
        tell({"champion": wrong_of(error)})
        return
    if not its_rows:
        tell({"champion": wrong})
        return
    bodies = body_of(rows[-1:]), body_of(its_rows[-1:])
    one, its = _turns(candidate, champion, bodies, _TURNS)
    many, its_many = _turns(candidate, champion, (_many(rows, _TURN_ROWS), _many(its_rows, _TURN_ROWS)), _BATCH_TURNS)
    measured = {"latency_ratio": one / its, "throughput_ratio": its_many / many}
    beside = {
        "latency_us": one / 1e3,
        "champion_us": its / 1e3,
        "batch_us": many / 1e3,
        "champion_batch_us": its_many / 1e3,
    }
    tell({"measured": {**measured, **beside}})


def load_served(folder: Path, endpoint: str) -> Any:
    """As a worker of the server does."""
    from headrace.serving.loading import load_folder

    return load_folder(folder, endpoint, 1, "0" * 64, with_shape=True)


def _import_what_a_worker_has() -> None:
    """So that the memory is a worker's, and what is reserved once is reserved before the limit is set."""
    import granian.server.embed  # noqa: F401
    import onnxruntime  # noqa: F401
    import pyarrow as pa
    import pyarrow.parquet as pq

    import headrace.model
    import headrace.serving._asking
    import headrace.serving.http
    import headrace.serving.protocols.row
    import headrace.serving.shape  # noqa: F401

    # Arrow reserves a GiB with its first allocation, and starts its threads when it first reads a file.
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"a": [1.0] * 1000}), sink)
    pq.ParquetFile(pa.BufferReader(sink.getvalue())).read()


def main(load: Load = load_served) -> None:
    """Run in the folder of this process; its files say what is asked."""
    asked = json.loads(Path("asked.json").read_bytes())
    tell({"stage": "starting"})
    try:
        _import_what_a_worker_has()
        limit_memory(float(asked["memory_mb"]), float(asked["timeout_s"]))
        probe(asked, load)
    except Exception as error:  # whatever it is, who asked reads it
        tell({"refused": wrong_of(error)})


if __name__ == "__main__":
    main()
