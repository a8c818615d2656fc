"""Running models in a worker: on its loop, together where that is quicker, apart where it takes long; ending runs.

What runs how is decided by what was measured when the version was warmed up, on this machine
(`headrace.serving.cost`):

- a short run is made where the request is, on the loop: to hand it to a thread costs more than it takes;
- requests that came while others were answered are run **together**, where a run of one row is mostly what every run
  costs whatever its rows: nobody waits for company, what is there when the loop comes round is one run. Rows do not
  see each other inside a model, so what a caller gets is its own rows, to the byte; when a run of many fails, each is
  run by itself, so that one bad request is its own caller's trouble alone;
- what takes more than half a millisecond runs **apart**, on one thread, so that short requests are not held up behind
  it, and the next one of many rows is read while it runs; where the worker has a second core, that runs half of them
  (`headrace.serving._halves`).

Every run has a moment at which it is over. A thread looks 50 times a second for one that has passed it, and has ONNX
Runtime end it between two of its steps; many rows are run some at a time, because a step is not interrupted. A caller
that is gone is not run, or no longer. (One file, though a long one: the three ways share the line by which a run ends.)
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from time import perf_counter_ns
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from headrace.errors import DeadlineExceeded
from headrace.serving._halves import Halves
from headrace.serving._memory import NotEnoughMemory, is_out_of_memory
from headrace.serving.capacity import Capacity

__all__ = ["APART_NS", "MOST_ROWS", "Apart", "CallerGone", "Runner", "late", "status_of"]

_LOOK_S = 0.02
APART_NS = 500_000
MOST_ROWS = 32
_PIECE_NS = 20_000_000
_FEWEST_ROWS = 256


class CallerGone(Exception):
    """Nobody waits for the answer any more."""


def status_of(error: BaseException) -> int:
    """Under which of HTTP's statuses a request whose run failed is counted and logged."""
    if isinstance(error, DeadlineExceeded):
        return 504
    if isinstance(error, CallerGone):
        return 499
    return 503 if isinstance(error, MemoryError) else 500


class _Line:
    """One thread's runs, one after the other: until when the one that is running may."""

    __slots__ = ("is_stopped", "options", "until_ns")

    def __init__(self) -> None:
        self.until_ns = 0
        self.renew()

    def renew(self) -> None:
        import onnxruntime

        self.is_stopped = False
        self.options = onnxruntime.RunOptions()

    def stop(self) -> None:
        self.is_stopped = True
        self.options.terminate = True


class _Waiting(NamedTuple):
    """A request that is run with others: `done` makes what its future is given."""

    served: Any
    lanes: Any
    num_rows: int
    deadline_ns: int
    done: Callable[[Any, BaseException | None], Any]
    heard: Callable[[int, int, int], None] | None
    future: asyncio.Future[Any]

    @classmethod
    def of(cls, waiting: Any, future: asyncio.Future[Any]) -> _Waiting:
        """What `join` and `apart` take."""
        served, lanes, num_rows, deadline_ns, done, *heard = waiting
        return cls(served, lanes, num_rows, deadline_ns, done, heard[0] if heard else None, future)


class Apart(Awaitable[Any]):
    """The answer of a run on the thread; `drop` where its caller is gone."""

    def __init__(self, future: asyncio.Future[Any]) -> None:
        self._future = future
        self.line: _Line | None = None
        self.is_dropped = False

    def __await__(self) -> Generator[Any, None, Any]:
        return self._future.__await__()

    def drop(self) -> None:
        """Nobody waits for it: it is not begun, or ended."""
        self.is_dropped = True
        line = self.line
        if line is not None:
            line.until_ns = 1


class Runner:
    """Runs the models of one worker; see the module's docstring. Made on the loop's thread.

    Parameters
    ----------
    loop : asyncio.AbstractEventLoop
        The worker's.
    timeout_s : float
        How long a run may take, where its caller says nothing.
    capacity : Capacity
        Told of work that is done for a request after it was read.
    count : callable, optional
        Takes (version, nanoseconds) of each run.
    num_cores : int
        How many cores the worker has for itself: from two on, two threads share the rows of a run of many.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        timeout_s: float,
        capacity: Capacity,
        count: Callable[[Any, int], None] | None = None,
        num_cores: int = 1,
    ) -> None:
        self._loop, self._thread = loop, threading.get_ident()
        self._timeout_ns = int(timeout_s * 1e9)
        self._capacity, self._count = capacity, count
        self._lines: list[_Line] = []
        self._local = threading.local()
        self._own = self._line()
        self._waiting: list[_Waiting] = []
        self._pool = ThreadPoolExecutor(1, "runs")
        self._pool.submit(int)  # its thread is there from the start: no request waits for it, and none counts as growth
        self._halves = Halves(num_cores)
        self.num_apart = 0
        threading.Thread(target=self._look, name="deadlines", daemon=True).start()

    def _look(self) -> None:
        while True:
            time.sleep(_LOOK_S)
            now = perf_counter_ns()
            for line in self._lines:
                if 0 < line.until_ns < now:
                    line.stop()

    def _line(self) -> _Line:
        line: _Line | None = getattr(self._local, "line", None)
        if line is None:
            line = self._local.line = _Line()
            self._lines.append(line)
        return line

    def way(self, served: Any, num_rows: int, num_others: Callable[[], int]) -> Callable[[Any], Awaitable[Any]] | None:
        """How a request is run that came over the loop: `join`, `apart`, or None = here and now.

        Parameters
        ----------
        served, num_rows : Served, int
            What is asked of which version.
        num_others : callable
            Says how many requests are under way beside it.

        Cost: 0.3 us.
        """
        if threading.get_ident() != self._thread:
            return None
        if served.cost.of(num_rows) > APART_NS:
            return self.apart
        if num_rows <= MOST_ROWS and served.cost.is_better_together and num_others() > 0:
            return self.join
        return None

    @contextmanager
    def droppable(self) -> Iterator[Callable[[], None]]:
        """What this thread runs within it is ended by calling what it gives, from any thread, at any time."""
        line, lock, is_over = self._line(), threading.Lock(), threading.Event()

        def drop() -> None:
            with lock:
                if not is_over.is_set():
                    line.until_ns = 1

        try:
            yield drop
        finally:
            with lock:
                is_over.set()
                line.until_ns = 0

    def run(self, served: Any, lanes: Any, deadline_ns: int = 0) -> Any:
        """Run it here and now, on whatever thread this is.

        Parameters
        ----------
        served : Served
            The version.
        lanes : dict of str to ndarray [num_rows, width]
            Of its codec.
        deadline_ns : int
            When it must have ended, by `time.perf_counter_ns`; 0 = as the setting says.

        Returns float32[num_rows, ...]. Raises DeadlineExceeded, NotEnoughMemory, and what the model raises. Cost
        beside the model's own: about 1 us.
        """
        line = self._own if threading.get_ident() == self._thread else self._line()
        return self._run(line, served, lanes, deadline_ns)

    def _run(self, line: _Line, served: Any, lanes: Any, deadline_ns: int) -> Any:
        begun_ns = perf_counter_ns()
        if deadline_ns and deadline_ns <= begun_ns:
            raise late(served)
        until_ns = deadline_ns or begun_ns + self._timeout_ns
        num_rows = len(next(iter(lanes.values())))

        def share(some: Any, is_over: threading.Event) -> Any:
            own = line if threading.get_ident() == thread else self._line()
            try:
                return self._in_pieces(own, served, some, until_ns, is_over)
            finally:
                own.until_ns = 0

        thread = threading.get_ident()
        try:
            return self._halves.run(lanes, num_rows, served.cost.of(num_rows), share)
        finally:
            line.until_ns = 0
            if self._count is not None:
                self._count(served, perf_counter_ns() - begun_ns)

    def _in_pieces(
        self, line: _Line, served: Any, lanes: Any, until_ns: int, is_over: threading.Event
    ) -> npt.NDArray[np.float32]:
        """All rows, so many at a time as run 20 ms."""
        num_rows = len(next(iter(lanes.values())))
        step = max(_FEWEST_ROWS, _PIECE_NS // max(1, served.cost.row_ns))
        if num_rows <= step:
            found: npt.NDArray[np.float32] = self._once(line, served, lanes, until_ns)
            return found
        pieces = []
        for at in range(0, num_rows, step):
            if is_over.is_set():
                raise CallerGone
            pieces.append(
                self._once(line, served, {name: lane[at : at + step] for name, lane in lanes.items()}, until_ns)
            )
        return np.concatenate(pieces)

    def _once(self, line: _Line, served: Any, lanes: Any, until_ns: int) -> Any:
        while True:
            if line.until_ns != 1:  # its caller may have gone between two pieces
                line.until_ns = until_ns
            try:
                return served.model.predict_lanes(lanes, options=line.options)["prediction"]
            except Exception as error:
                if not line.is_stopped:
                    if is_out_of_memory(error):
                        raise NotEnoughMemory(
                            f"endpoint {served.endpoint}, version {served.version}, takes more memory for this request"
                            " than the worker may have",
                            fix="ask fewer rows at once; see the setting worker_mb",
                        ) from None
                    raise
                line.renew()
                if line.until_ns == 1:
                    raise CallerGone from None
                if perf_counter_ns() > until_ns:
                    raise DeadlineExceeded(
                        f"endpoint {served.endpoint}, version {served.version}, did not answer in time: it was stopped",
                        fix="ask fewer rows at once, or allow it longer",
                    ) from None
                # The order to stop was meant for the run before this one, which ended in that moment.

    def join(self, waiting: Any) -> asyncio.Future[Any]:
        """Run it with all that are there when the loop comes round.

        Parameters
        ----------
        waiting : tuple
            (version, lanes, number of rows, deadline, done): `done(prediction, error)` makes the future's result.
            Where one more is there, `heard(begin, end, num_rows)` is told of the run before: by
            `time.perf_counter_ns`, and how many rows it had.
        """
        future = self._loop.create_future()
        if not self._waiting:
            self._loop.call_soon(self._drain)
        self._waiting.append(_Waiting.of(waiting, future))
        return future

    def _drain(self) -> None:
        """One run for the first that waits and those of its version behind it, as many as go; then the loop's turn."""
        waiting = self._waiting
        first = waiting[0].served
        together, others, num_rows = [], [], 0
        for one in waiting:
            if one.served is first and num_rows + one.num_rows <= max(MOST_ROWS, waiting[0].num_rows):
                together.append(one)
                num_rows += one.num_rows
            else:
                others.append(one)
        self._waiting = others
        if others:
            self._loop.call_soon(self._drain)
        begun_ns = perf_counter_ns()
        self._run_together(together)
        self._capacity.busy_ns += perf_counter_ns() - begun_ns

    def _run_together(self, together: list[_Waiting]) -> None:
        if len(together) == 1:
            self._run_alone(together[0])
            return
        now = perf_counter_ns()
        served, deadlines = together[0].served, [one.deadline_ns for one in together if one.deadline_ns]
        if deadlines and min(deadlines) <= now:
            for one in together:
                self._run_alone(one)
            return
        parts = [one.lanes for one in together]
        lanes = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        begun_ns = perf_counter_ns()
        try:
            prediction = self._run(self._own, served, lanes, min(deadlines, default=0))
        except Exception:  # whose fault it is shows when each is asked alone
            for one in together:
                self._run_alone(one)
            return
        at, ended_ns = 0, perf_counter_ns()
        for one in together:
            if one.heard is not None:
                one.heard(begun_ns, ended_ns, len(prediction))
            _give(one, prediction[at : at + one.num_rows], None)
            at += one.num_rows

    def _run_alone(self, one: _Waiting) -> None:
        prediction, error, begun_ns = None, None, perf_counter_ns()
        try:
            prediction = self._run(self._own, one.served, one.lanes, one.deadline_ns)
        except Exception as raised:
            error = raised
        if one.heard is not None:
            one.heard(begun_ns, perf_counter_ns(), one.num_rows)
        _give(one, prediction, error)

    def apart(self, waiting: Any) -> Apart:
        """Run it on the thread, after those that were sent there before; `waiting` as for `join`."""
        future = self._loop.create_future()
        one, apart = _Waiting.of(waiting, future), Apart(future)
        self.num_apart += 1

        def work() -> None:
            prediction, error, begun_ns = None, None, perf_counter_ns()
            try:
                if apart.is_dropped:
                    raise CallerGone
                line = apart.line = self._line()
                prediction = self._run(line, one.served, one.lanes, one.deadline_ns)
            except BaseException as raised:
                error = raised
            finally:
                apart.line = None
                ended_ns = perf_counter_ns()
                self._capacity.busy_ns += ended_ns - begun_ns
            self._loop.call_soon_threadsafe(finish, prediction, error, begun_ns, ended_ns)

        def finish(prediction: Any, error: Any, begun_ns: int, ended_ns: int) -> None:
            self.num_apart -= 1
            if one.heard is not None:
                one.heard(begun_ns, ended_ns, one.num_rows)
            _give(one, prediction, error)

        self._pool.submit(work)
        return apart


def late(served: Any) -> DeadlineExceeded:
    """The error of a request whose time was over before its model was run."""
    return DeadlineExceeded(
        f"the request waited too long for endpoint {served.endpoint}: its time was over before it was run",
        fix="ask again later, or allow it longer",
    )


def _give(one: _Waiting, prediction: Any, error: Any) -> None:
    """Have the request's answer made, whatever comes of it: an error reaches its own caller alone."""
    try:
        result = one.done(prediction, error)
    except BaseException as raised:
        if not one.future.done():
            one.future.set_exception(raised)
    else:
        if not one.future.done():
            one.future.set_result(result)
