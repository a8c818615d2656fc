"""The client for plain code; connections are kept open and shared by threads, one a call."""

from __future__ import annotations

import contextlib
import datetime
import os
import socket
import ssl
import time
from typing import Any, Self, TypeVar

from headrace.client import _calls
from headrace.client._asking import PIECE_BYTES, Asking, drop, heard
from headrace.client._attempts import Attempts
from headrace.client._calls import Call, Endpoint, Predictions
from headrace.client._wire import Answer, Reading, write_request
from headrace.errors import HeadraceError
from headrace.model import Codec

__all__ = ["Client"]

T = TypeVar("T")


class _Line:
    """One connection. Of the process that opened it: a fork must not write into its parent's."""

    def __init__(self, opened: socket.socket) -> None:
        self.socket, self.pid, self.was_used = opened, os.getpid(), False

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.socket.close()


class Client(Asking[_Line]):
    """Ask a headrace server.

    Parameters
    ----------
    url : str
        Where it is: "http://localhost:8501", or https.
    token : str, optional
        What it is told as `Authorization: Bearer`; by default HEADRACE_TOKEN, where that is set.
    timeout_s : float
        How long a call may take, its retries among it. The server is told, and stops what is over.
    retries : int
        How many times a request is asked again that found no connection, or was told to come back (503, 429); the
        first time after a tenth of a second, then twice as long, and not before the server's Retry-After. A request of
        whose answer a byte has come is never asked again.
    ssl_context : ssl.SSLContext, optional
        How TLS is spoken where the URL says https: for an authority of one's own, and for a client's certificate. By
        default with the machine's authorities.

    Safe to share by threads: each call has a connection to itself, kept open for the next. `close`, or a `with`,
    closes them.

    Every method raises InvalidRequest for what the server refuses (its message says row and column), UnknownName for
    an endpoint there is not, NotAllowed for a token that is missing or wrong, TooManyRequests, DeadlineExceeded when
    time is over, and RequestFailed when the server cannot be reached or fails.

    Examples
    --------
    >>> client = Client("http://localhost:8501")
    >>> client.predict("late", [{"carrier": "AA", "distance": 500}]).predictions  # doctest: +SKIP
    [0.12]
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        timeout_s: float = 30.0,
        retries: int = 3,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(url, token=token, timeout_s=timeout_s, retries=retries, ssl_context=ssl_context)

    def endpoints(self) -> list[Endpoint]:
        """The endpoints there are, by name."""
        return self._ask(_calls.endpoints_call())

    def predict(self, endpoint: str, rows: Any, *, unit: str = "", timeout_s: float | None = None) -> Predictions:
        """What an endpoint says of rows, in their order, all of it from one version.

        Parameters
        ----------
        endpoint : str
            Its name.
        rows : dict, list of dict, pyarrow.Table, or DataFrame
            A row `{column: value}` or several, sent as JSON, with datetime and NumPy's scalars; or any table
            `headrace.dataset.tables.as_table` takes, sent as Arrow, which for many rows is a tenth of the work.
        unit : str
            What is to stay with one version where traffic is divided, such as a user's id.
        timeout_s : float, optional
            Instead of the client's.
        """
        codec = self._codec(endpoint) if _calls.needs_columns(rows) else None
        return self._ask(_calls.predict_call(endpoint, rows, unit, codec), timeout_s)

    def explain(self, endpoint: str, rows: Any, *, timeout_s: float | None = None) -> list[dict[str, Any]]:
        """Why an endpoint says what it does: for each row what its columns contribute, as `Model.explain` says it."""
        codec = self._codec(endpoint) if _calls.needs_columns(rows) else None
        return self._ask(_calls.explain_call(endpoint, rows, codec), timeout_s)

    def reward(self, request_id: str, value: float, *, time: datetime.datetime | None = None) -> None:
        """Tell what an answer was worth, once that is known; telling the same twice changes nothing.

        Parameters
        ----------
        request_id : str
            `Predictions.request_id`.
        value : float
            Finite.
        time : datetime, optional
            When it came about; without a zone it is UTC.
        """
        self._ask(_calls.reward_call(request_id, value, time))

    def close(self) -> None:
        """Close the connections that are not in use; the client can be used again."""
        while (line := self._take()) is not None:
            line.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _codec(self, endpoint: str) -> Codec:
        found = self._codecs.get(endpoint)
        if found is None:
            found = self._codecs[endpoint] = self._ask(_calls.columns_call(endpoint))
        return found

    def _ask(self, call: Call[T], timeout_s: float | None = None) -> T:
        attempts = self._attempts(timeout_s)
        while True:
            line = self._take()  # back when it has answered, so that none is kept half read
            reading = Reading()
            try:
                if line is None:
                    line = self._open(attempts)
                answer = self._exchange(line, call, attempts, reading)
            except TimeoutError:
                drop(line)
                raise attempts.over() from None
            except HeadraceError:
                drop(line)
                raise
            except (OSError, EOFError) as error:
                wait: float | None = self._after_break(line, error, attempts, reading)
            except BaseException:
                drop(line)
                raise
            else:
                self._keep(line, reading)
                wait = attempts.after_answer(answer)
                if wait is None:
                    return call.result(answer)
            time.sleep(wait or 0.0)

    def _take(self) -> _Line | None:
        """An idle connection of this process; None where there is none."""
        while True:
            try:
                line = self._idle.pop()  # one step: no two threads get the same
            except IndexError:
                return None
            if line.pid == os.getpid():
                return line
            line.close()

    def _open(self, attempts: Attempts) -> _Line:
        opened = socket.create_connection((self._place.host, self._place.port), timeout=attempts.left_s())
        try:
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context is not None:
                opened = self._context.wrap_socket(opened, server_hostname=self._place.host)
        except BaseException:
            opened.close()
            raise
        return _Line(opened)

    def _exchange(self, line: _Line, call: Call[Any], attempts: Attempts, reading: Reading) -> Answer:
        left = attempts.left_s()
        line.socket.settimeout(left)
        headers = _calls.headers_of(call, self._token, left)
        # A server that will not read a body answers, and closes: what it said may be there all the same.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            line.socket.sendall(write_request(self._place, call.method, call.path, headers, call.body))
        while True:
            line.socket.settimeout(attempts.left_s())
            answer = heard(line.socket.recv(PIECE_BYTES), reading)
            if answer is not None:
                return answer
