"""What a protocol and the core say to each other: what is asked of an endpoint, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from headrace.errors import InvalidInput, InvalidRequest
from headrace.serving.core import Served
from headrace.serving.tracing import Trace

__all__ = ["Asking", "Reply", "read_some"]


class Asking(NamedTuple):
    """What is asked of an endpoint.

    Parameters
    ----------
    endpoint : str
        Its name.
    read : callable
        The lanes of the request's rows for a version, by that version's codec; raises InvalidRequest for what is no
        row of it. Called once for each version that is to answer, shadows among them: on another thread, later.
    started_ns : int
        When the request came, by `time.perf_counter_ns`.
    unit : str
        What is to stay with one version; "" = each request is by itself.
    version : int, optional
        The version that is to answer, however traffic is divided; None = whichever does.
    label : str
        The same by its label; "" = none.
    deadline_ns : int
        When its caller no longer waits, by `time.perf_counter_ns`; 0 = as the setting request_timeout_s says.
    caller : str
        Whose token it came with, for quotas; "" = nobody's.
    trace : Trace, optional
        Where it is noted what is done for it; see `headrace.serving.tracing`.
    """

    endpoint: str
    read: Callable[[Served], Any]
    started_ns: int
    unit: str = ""
    version: int | None = None
    label: str = ""
    deadline_ns: int = 0
    caller: str = ""
    trace: Trace | None = None


class Reply(NamedTuple):
    """What came of it.

    Parameters
    ----------
    served : Served
        The version that answered, or that could not read the request.
    prediction : numpy array [num_rows, ...] or None
        None where there is a problem.
    headers : tuple of (str, str)
        What a client is told beside the predictions: the version, the request's id, and where traffic is divided, the
        table and the propensity.
    problem : InvalidInput, optional
        Why the request could not be answered as it stands.
    """

    served: Served
    prediction: Any
    headers: tuple[tuple[str, str], ...]
    problem: InvalidInput | None = None


def read_some(asking: Asking, served: Served) -> Any:
    """The lanes of a request for a version. Raises InvalidRequest for no row at all, beside what `read` raises."""
    lanes = asking.read(served)
    if not len(next(iter(lanes.values()))):
        raise InvalidRequest("no row is asked about", expected="at least one row")
    return lanes
