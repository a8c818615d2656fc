"""Attempts: when a request is asked once more, after how long, and when its time is over."""

from __future__ import annotations

import random
import ssl
import time

from headrace.client._wire import Answer
from headrace.errors import DeadlineExceeded, RequestFailed

__all__ = ["Attempts"]

_FIRST_S = 0.1
_MOST_S = 10.0
_LATER = (429, 503)


class Attempts:
    """The attempts at one request.

    Once a byte of an answer came nothing is asked again: the server did what it was asked to. Before that it is: where
    no connection could be made or it broke, and, as the server says it, after a 503 or 429.

    Parameters
    ----------
    timeout_s : float
        How long all of it may take, waiting among it.
    retries : int
        How many times it is asked again.
    """

    def __init__(self, timeout_s: float, retries: int) -> None:
        self._timeout_s, self._left, self._number = timeout_s, retries, 0
        self._end = time.monotonic() + timeout_s

    def left_s(self) -> float:
        """The time that is left. Raises DeadlineExceeded where there is none."""
        found = self._end - time.monotonic()
        if found <= 0:
            raise self.over()
        return found

    def over(self) -> DeadlineExceeded:
        """The error for a request whose time is over."""
        return DeadlineExceeded(f"no answer within {self._timeout_s:g} s", where="Client", fix="timeout_s= allows more")

    def after_answer(self, answer: Answer) -> float | None:
        """How long to wait before asking again, in seconds; None where the answer stands."""
        if answer.status not in _LATER:
            return None
        try:
            told = max(0.0, float(answer.headers.get("retry-after", "0")))
        except ValueError:  # a date, which the server's own never is
            told = 0.0
        return self._wait_s(told)

    def after_break(self, error: OSError | EOFError, num_bytes: int, *, was_used: bool) -> float:
        """How long to wait after a connection that broke. Raises RequestFailed where that was the last attempt.

        `was_used`: it had answered before, and may have been closed for being idle, which costs no attempt.
        """
        is_forged = isinstance(error, ssl.SSLCertVerificationError)
        if num_bytes == 0 and was_used:
            return 0.0
        wait = None if num_bytes or is_forged else self._wait_s(0.0)
        if wait is None:
            what = "the answer was cut off" if num_bytes else "the server does not answer"
            if is_forged:
                what = "the server is not who it says"
            raise RequestFailed(f"{what}: {str(error) or type(error).__name__}", where="Client", status=0) from error
        return wait

    def _wait_s(self, told_s: float) -> float | None:
        if self._left <= 0:
            return None
        # Half of it by chance, so that clients turned away together do not come back together.
        own = min(_MOST_S, _FIRST_S * 2.0**self._number) * (0.5 + random.random() / 2)
        wait = max(told_s, own)
        if time.monotonic() + wait >= self._end:
            return None
        self._left -= 1
        self._number += 1
        return wait
