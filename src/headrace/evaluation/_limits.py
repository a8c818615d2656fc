"""Limits: what a model may cost whoever serves it."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from headrace.calls import Checked
from headrace.errors import InvalidInput

__all__ = ["Limits"]

# Field -> the least and the largest value it may have.
_RANGES: dict[str, tuple[float, float]] = {
    "memory_mb": (1, 10_000_000),
    "load_s": (1e-3, 3600),
    "growth_mb": (0.05, 1 << 20),
    "request_growth_mb": (0.05, 1 << 20),
    "latency_ratio": (1e-3, 1e6),
    "throughput_ratio": (1e-6, 1e3),
    "min_prediction": (-math.inf, math.inf),
    "max_prediction": (-math.inf, math.inf),
    "timeout_s": (0.1, 3600),
}
_NEEDED = ("timeout_s",)


@dataclass(frozen=True)
class Limits(Checked):
    """What a model may cost whoever serves it: `hr.gate(model, report, rules=[...], limits=hr.Limits(memory_mb=512))`.

    Given to the gate, the model is loaded by the server's own code in a process apart, asked as clients ask, measured,
    and refused where it is over a limit or cannot be served at all. A limit that is None is not judged.

    Parameters
    ----------
    memory_mb : float, optional
        The most memory, in MiB, that a server process which serves this model alone may have resident, at its peak:
        loading it, and answering 2,048 rows in one request. About 180 are Python's and what it serves with.
    load_s : float, optional
        The longest it may take to be loaded, proved on its golden rows and warmed up, in seconds: the quickest of
        several loads.
    growth_mb : float, optional
        By how much the process may grow with each further load, in MiB, when the one before has been let go of: over
        six loads, what comes and goes left out.
    request_growth_mb : float, optional
        By how much the process may grow with each further 1,000 requests of one row that it answered before, in MiB:
        over eight rounds, what comes and goes left out.
    latency_ratio : float, optional
        How many times the champion's time one row may take: medians of both, measured in turns.
    throughput_ratio : float, optional
        The least share of the champion's rows a second, at 256 rows a request: medians of both, measured in turns.
    min_prediction, max_prediction : float, optional
        Between which values predictions must lie; of a binary label and of classes 0 and 1, unless given.
    columns : sequence of str
        The columns that requests have; () = those that the champion reads or was told of. A model that needs another
        one is refused.
    timeout_s : float
        How long all of it may take, in seconds. What is not done by then is not ok.

    Raises InvalidInput for a value that cannot be a limit.

    >>> Limits(memory_mb=512).latency_ratio
    10.0
    """

    memory_mb: float | None = None
    load_s: float | None = 30.0
    growth_mb: float | None = 0.5
    request_growth_mb: float | None = 1.0
    latency_ratio: float | None = 10.0
    throughput_ratio: float | None = 0.1
    min_prediction: float | None = None
    max_prediction: float | None = None
    columns: tuple[str, ...] = ()
    timeout_s: float = 60.0

    def __post_init__(self) -> None:
        for item in fields(self):
            if item.name in _RANGES:
                self._check(item.name)
        columns: object = self.columns
        if isinstance(columns, str) or not isinstance(columns, (list, tuple)):
            raise InvalidInput(f"columns = {columns!r}", where="Limits", expected="a list of names of columns")
        if not all(isinstance(name, str) and name for name in columns):
            raise InvalidInput(f"columns = {columns!r}", where="Limits", expected="a list of names of columns")
        object.__setattr__(self, "columns", tuple(columns))
        low, high = self.min_prediction, self.max_prediction
        if low is not None and high is not None and not low < high:
            raise InvalidInput(
                f"predictions from {low:,g} to {high:,.15g}", where="Limits", expected="the lower end first"
            )

    def _check(self, name: str) -> None:
        value: object = getattr(self, name)
        if value is None and name not in _NEEDED:
            return
        low, high = _RANGES[name]
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or not math.isfinite(value) or not low <= value <= high:  # type: ignore[arg-type, operator]
            ends = "a number" if math.isinf(high) else f"a number from {low:,g} to {high:,.15g}"
            raise InvalidInput(f"{name} = {value!r}", where="Limits", expected=ends)
        object.__setattr__(self, name, float(value))  # type: ignore[arg-type]  # a number by then
