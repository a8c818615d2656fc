"""Enforcing: what is done with rows that a model's schema does not allow, and counting them by why.

What cannot be read (a text for a number, a column that is not there, a null where none may be) is refused whatever is
set: no model can be asked about it. A number outside its range can be, and whether it should is for the endpoint's
owner to say, by the setting `enforce`:

- `reject`, unless something else is said: status 400, nothing is answered;
- `warn`: answered, and counted as marked (`headrace_marked_rows_total`);
- `pass`: answered.

A text that no row of the data had is no error anywhere: `headrace monitor` names it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from time import perf_counter_ns
from typing import Any

import numpy as np

from headrace.errors import InvalidInput, UnknownName
from headrace.model.codec import Codec
from headrace.serving.core import Served, Serving
from headrace.serving.exchange import Asking, read_some

__all__ = ["MODES", "Enforcement", "read_allowed"]

MODES = ("reject", "warn", "pass")
_MOST_CODECS = 64


class Enforcement:
    """What is done with rows outside their range, by endpoint.

    Parameters
    ----------
    modes : iterable of str
        "warn" for every endpoint, "late: pass" for one; the later of two for the same holds.

    >>> enforcement = Enforcement(["warn", "late: reject"])
    >>> enforcement.of("late"), enforcement.of("early")
    ('reject', 'warn')
    """

    def __init__(self, modes: Iterable[str] = ()) -> None:
        self._modes: dict[str, str] = {}
        self._codecs: dict[str, Codec] = {}
        for text in modes:
            endpoint, _, mode = (part.strip() for part in text.rpartition(":"))
            if mode not in MODES:
                raise UnknownName("way to enforce a schema", mode[:100], MODES, where="setting enforce")
            if ":" in text and not endpoint:
                raise InvalidInput(f"{text[:100]!r} names no endpoint", where="setting enforce", expected="late: warn")
            self._modes[endpoint] = mode

    def of(self, endpoint: str) -> str:
        """One of `MODES`."""
        return self._modes.get(endpoint) or self._modes.get("", "reject")

    def codec_of(self, served: Served) -> Codec:
        """The version's codec without ranges."""
        codec = self._codecs.get(served.digest)
        if codec is None:
            if len(self._codecs) >= _MOST_CODECS:
                self._codecs.clear()
            signature = served.model.signature
            columns = [dataclasses.replace(one, min=None, max=None, allow_nan=True) for one in signature.columns]
            label = () if signature.label is None else (signature.label,)
            codec = self._codecs[served.digest] = Codec(columns, (*signature.ignored, *label))
        return codec


class _Lenient:
    """A model with another codec."""

    def __init__(self, model: Any, codec: Codec) -> None:
        self._model, self.codec = model, codec

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


def read_allowed(serving: Serving, asking: Asking, served: Served) -> Any:
    """The lanes of a request for a version, as far as the schema is enforced.

    Raises InvalidInput for what is refused, after counting it. Cost: none for rows that are allowed.
    """
    if asking.trace is not None:
        begun_ns = perf_counter_ns()
        try:
            return read_allowed(serving, asking._replace(trace=None), served)
        finally:
            asking.trace.mark("decode", begun_ns)
    try:
        return read_some(asking, served)
    except InvalidInput as error:
        enforcement = serving.enforcement
        if enforcement is None:
            raise
        lanes = _read_outside(enforcement, asking, served)
        mode = enforcement.of(served.endpoint)
        counter = None if serving.counters is None else serving.counters.of(served.endpoint, served.version)
        if lanes is None or mode == "reject":
            if counter is not None:
                num_rows = 1 if lanes is None else len(next(iter(lanes.values())))
                counter.refuse(_reason_of(error) if lanes is None else "range", num_rows)
            raise
        if mode == "warn" and counter is not None:
            counter.mark("range", int(np.count_nonzero(_outside(served, lanes))))
        return lanes


def _read_outside(enforcement: Enforcement, asking: Asking, served: Served) -> Any:
    """The lanes without looking at ranges; None where that is not what is wrong."""
    lenient = dataclasses.replace(served, model=_Lenient(served.model, enforcement.codec_of(served)))
    try:
        return read_some(asking, lenient)
    except InvalidInput:
        return None


def _outside(served: Served, lanes: Any) -> Any:
    """bool[num_rows]: which rows have a number outside its range."""
    found = np.zeros(len(next(iter(lanes.values()))), np.bool_)
    layout = served.model.codec.layout
    for column in served.model.columns:
        if column.min is None and column.max is None and not column.refuses_nan:
            continue
        values = lanes[column.lane][:, getattr(layout, column.lane).index(column.name)]
        is_there = np.ones(len(values), np.bool_)
        if column.has_present_bit:
            is_there = lanes["present"][:, layout.present.index(column.name)]
        elif column.lane == "number" and not column.refuses_nan:
            is_there = values == values
        low = -np.inf if column.min is None else column.min
        high = np.inf if column.max is None else column.max
        found |= is_there & ~((values >= low) & (values <= high))
    return found


def _reason_of(error: InvalidInput) -> str:
    what = error.what
    if what.startswith("unknown column"):
        return "column"
    if what in ("missing", "null", "None") or "missing" in what:
        return "missing"
    return "type" if "column" in error.where else "other"
