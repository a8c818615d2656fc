"""Route: a published table with the versions it names, as a worker holds it; choosing is one hash and one look-up."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import Any, NamedTuple

from headrace.model.columns import NULL_TEXT
from headrace.routing import Allocation
from headrace.routing.endpoint_policy import OTHER
from headrace.serving.core import Served

__all__ = ["NUM_BUCKETS", "Gauge", "Outcome", "Route"]

NUM_BUCKETS = 40


class Gauge:
    """How one version does in one worker, as counts since it was read last.

    Parameters
    ----------
    num, num_failed, num_malformed : int
        Requests it was chosen for; of these it raised at, and answered with what is no prediction.
    busy_ns : list of int[40]
        How many took from 2^(i-1) to 2^i nanoseconds to be answered, without any waiting for others.
    num_unheard : int
        Requests that a shadow was not asked, because it could not keep up.
    """

    __slots__ = ("busy_ns", "is_told", "num", "num_failed", "num_malformed", "num_unheard")

    def __init__(self) -> None:
        self.is_told = False  # that it raises is written to the server's log once
        self._clear()

    def _clear(self) -> None:
        self.num = self.num_failed = self.num_malformed = self.num_unheard = 0
        self.busy_ns = [0] * NUM_BUCKETS

    def read(self) -> list[Any] | None:
        """The counts as plain data, set back to nothing; None where nothing was counted."""
        if not self.num and not self.num_unheard:
            return None
        found = [self.num, self.num_failed, self.num_malformed, self.num_unheard, self.busy_ns]
        self._clear()
        return found


class Outcome(NamedTuple):
    """What a table says of a unit: the version, loaded, and all that is written of the choice."""

    served: Served
    arm: str
    propensity: float
    headers: tuple[tuple[str, str], ...]
    has_same_columns: bool
    gauge: Gauge


class _Reader:
    """Reads one raw column of the first row of lanes, as text."""

    def __init__(self, columns: Any, name: str) -> None:
        places = dict.fromkeys(("number", "integer", "text", "present"), 0)
        self.lane, self.place = "", 0
        for column in columns:
            if column.name == name:
                self.lane, self.place = column.lane, places[column.lane]
            places[column.lane] += 1

    def read(self, lanes: Mapping[str, Any]) -> str:
        if not self.lane:
            return ""
        value = lanes[self.lane][0, self.place]
        if self.lane == "text":
            return "" if value == NULL_TEXT else str(value)
        if value != value:
            return ""
        return str(int(value)) if float(value).is_integer() else repr(float(value))


class Route:
    """The table of one endpoint.

    Parameters
    ----------
    plain : mapping
        What was published; see `headrace.serving._dealer`.
    versions : mapping of int to Served
        Every version it names, loaded.
    gauges : mapping of int to Gauge
        Kept from table to table; added to.
    """

    def __init__(self, plain: Mapping[str, Any], versions: Mapping[int, Served], gauges: dict[int, Gauge]) -> None:
        self.plain, self.gauges = plain, gauges
        self.endpoint: str = plain["endpoint"]
        self.table_id: str = plain["table_id"]
        self.champion = versions[plain["champion"]]
        self.shadows = tuple(versions[version] for version in plain["shadows"])
        columns = self.champion.model.columns
        unit, segment = plain["unit_column"], plain["segment_column"]
        self._unit = _Reader(columns, unit) if unit else None
        self._segment = _Reader(columns, segment) if segment else None
        self.reads_columns = bool(unit or segment)
        self._segments = frozenset(plain["segments"])
        signature = self.champion.model.signature
        is_share = signature.task != "regression"
        low, high = plain["output_low"], plain["output_high"]
        self.low = (0.0 if is_share else -3.5e38) if low is None else low
        self.high = (1.0 if is_share else 3.5e38) if high is None else high
        self._tables: dict[str, tuple[Any, list[int], list[Outcome]]] = {}
        for name, told in plain["allocations"].items():
            table = Allocation.from_plain(told)
            outcomes, ends, end = [], [], 0
            for version, cells in zip(table.versions, table.cells, strict=True):
                end += cells
                ends.append(end)
                if cells:
                    outcomes.append(self._outcome(versions[version], f"{self.table_id}/{name}", cells / (1 << 32)))
                else:
                    outcomes.append(outcomes[-1] if outcomes else None)  # type: ignore[arg-type]  # no draw finds it
            self._tables[name] = (table._keyed, ends, outcomes)
        for served in self.shadows:
            self.gauges.setdefault(served.version, Gauge())

    def _outcome(self, served: Served, arm: str, propensity: float) -> Outcome:
        headers = (
            *served.headers,
            ("headrace-table", self.table_id),
            ("headrace-propensity", repr(propensity)),
        )
        same = served.model.columns == self.champion.model.columns
        return Outcome(served, arm, propensity, headers, same, self.gauges.setdefault(served.version, Gauge()))

    def read(self, lanes: Mapping[str, Any]) -> tuple[str, str]:
        """The unit and the segment that a request's first row names; "" for a unit it does not name."""
        segment = "all"
        if self._segment is not None:
            value = self._segment.read(lanes)
            segment = value if value in self._segments else OTHER
        return (self._unit.read(lanes) if self._unit is not None else ""), segment

    def choose(self, unit: str, segment: str) -> Outcome:
        """What a unit is given: what `Allocation.choose` says of it. Cost: 1 us."""
        keyed, ends, outcomes = self._tables[segment]
        keyed = keyed.copy()
        keyed.update(unit.encode("utf-8", "surrogatepass"))
        return outcomes[bisect_right(ends, int.from_bytes(keyed.digest(), "little"))]
