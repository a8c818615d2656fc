"""The serving core: which endpoint serves which version, and predicting with it; nothing here knows of HTTP."""

from __future__ import annotations

import itertools
import secrets
from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import Any, Protocol

from headrace.errors import InvalidRequest, NotAccepted, UnknownName
from headrace.serving.cost import UNKNOWN_COST, Cost
from headrace.serving.identity import prefix_of

__all__ = ["MAX_ROWS", "Journal", "Refusal", "Served", "Serving"]

# Of one request, where the setting body_rows says nothing else.
MAX_ROWS = 100_000


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Served:
    """One version of an endpoint, loaded and checked.

    Parameters
    ----------
    endpoint : str
        Its name.
    version : int
        Counted up from 1 by pushes.
    digest : str
        The model's digest, which says what it is in any store.
    model : Model
        Loaded: its golden rows came out the same, byte for byte, on this machine.
    shape : Shape or None
        What its rows look like in the request log; None where there is none.
    cost : Cost
        What running it takes, as it was measured when it was warmed up.
    """

    endpoint: str
    version: int
    digest: str
    model: Any
    shape: Any = None
    cost: Cost = UNKNOWN_COST
    headers: tuple[tuple[str, str], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "headers", (("headrace-version", str(self.version)),))


@dataclass(frozen=True, slots=True)
class Refusal:
    """A version that is not served, and why; what was served before goes on being served.

    Parameters
    ----------
    version : int
        The version that was to be served.
    digest : str
        Its model's.
    reason : str
        In one line, without paths: clients are told.
    """

    version: int
    digest: str
    reason: str


class Journal(Protocol):
    """Where the core writes down what it answered: the request log, or nothing."""

    def take(self, entry: Any) -> None:
        """Take one answered request, as `shape.Entry` says; never blocks and never raises."""


class Serving:
    """The versions now served, by endpoint, and how traffic is divided where it is.

    A flip is one assignment of a whole `Served`: a request takes its version once, at its start, so that no answer
    mixes two, and the version it took stays alive until it is done.

    Parameters
    ----------
    journal : Journal, optional
        Where answered requests are written down.
    home_id : str
        Of the store: ids of requests say by it whether they are ours.

    `routes` holds an endpoint's published table (`headrace.serving.route.Route`); one that is not there is answered by
    the version served. `rewards` takes rewards, where anybody may send them. `held` are the versions that answer beside
    it, to who asks by number or label, `loading` those that are made ready; `max_rows` is how many rows one request may
    ask about. A worker sets `runner`, which runs models,
    `counters`, where what was answered is counted (`counters_folder` has those of all workers), and `quotas`, if there
    are any; without them models run where they are asked, for as long as they take.

    >>> Serving().get("late")
    Traceback (most recent call last):
        ...
    headrace.errors.UnknownName: no endpoint named 'late'
    """

    def __init__(self, journal: Journal | None = None, *, home_id: str = "") -> None:
        self.journal = journal
        self.home_id = home_id
        self.routes: dict[str, Any] = {}
        self.rewards: Any = None
        self.runner: Any = None
        self.counters: Any = None
        self.counters_folder: Any = None
        self.quotas: Any = None
        self.tracer: Any = None  # told of every request, where somebody wants to know
        self.enforcement: Any = None  # what is done with rows outside their range; without it they are refused
        self.num_others: Any = None  # how many requests are under way beside the one that asks
        self.shadowing: Any = None
        self.refused: dict[str, Refusal] = {}
        self.held: dict[str, dict[int, Served]] = {}
        self.labels: dict[str, dict[str, int]] = {}
        self.loading: dict[str, set[int]] = {}
        self.refused_beside: dict[str, dict[int, Refusal]] = {}
        self.max_rows = MAX_ROWS
        self._served: dict[str, Served] = {}
        self._own = secrets.token_hex(5)
        self._prefixes: dict[str, str] = {}
        self._next = itertools.count(1).__next__

    def flip(self, served: Served) -> Served | None:
        """Serve this version from now on; returns the one it replaces, which running requests may still hold."""
        before = self._served.get(served.endpoint)
        self._served = {**self._served, served.endpoint: served}
        self.refused.pop(served.endpoint, None)
        return before

    def refuse(self, endpoint: str, refusal: Refusal) -> None:
        """Remember, for whoever asks, that a version is not served."""
        self.refused[endpoint] = refusal

    def get(self, endpoint: str) -> Served:
        """The version an endpoint serves now.

        Raises UnknownName where there is no such endpoint, NotAccepted where none of its versions can be served.
        """
        served = self._served.get(endpoint)
        if served is None:
            refusal = self.refused.get(endpoint)
            if refusal is None:
                raise UnknownName("endpoint", endpoint[:100], self._served)
            raise NotAccepted(f"endpoint {endpoint!r} has no version to serve: {refusal.reason}")
        return served

    def find(self, endpoint: str, version: int | None, label: str) -> Served:
        """A version by its number, or else by its label; the one served where neither is given.

        Raises as `get` does, UnknownName for a version that does not answer, InvalidRequest for a label there is not.
        """
        live = self._served.get(endpoint)
        held = self.held.get(endpoint)
        if live is None and not held:
            live = self.get(endpoint)
        if label:
            labels = self.labels.get(endpoint, {})
            if label not in labels:
                known = UnknownName("label", label[:100], labels, where=f"endpoint {endpoint!r}")
                raise InvalidRequest(str(known))
            version = labels[label]
        if live is not None and version in (None, live.version):
            return live
        if version is None:
            return self.get(endpoint)
        if held and version in held:
            return held[version]
        if version in self.loading.get(endpoint, ()):
            raise NotAccepted(f"version {version} of endpoint {endpoint!r} is being loaded")
        available = sorted({*(held or ()), *(() if live is None else (live.version,))})
        there = [str(number) for number in available]
        raise UnknownName("version", str(version), there, where=f"endpoint {endpoint!r}")

    def refusals(self, endpoint: str) -> dict[int, Refusal]:
        """The versions of an endpoint that were to answer and cannot, and why."""
        one = self.refused.get(endpoint)
        beside = self.refused_beside.get(endpoint, {})
        return beside if one is None else {**beside, one.version: one}

    def identify(self, endpoint: str) -> str:
        """A new request's id; it says which endpoint of which store was asked."""
        prefix = self._prefixes.get(endpoint)
        if prefix is None:
            prefix = self._prefixes[endpoint] = prefix_of(self._own, self.home_id, endpoint)
        return f"{prefix}{self._next():08x}"

    def run(self, served: Served, lanes: Any, deadline_ns: int = 0) -> Any:
        """A version's predictions, here and now. Raises DeadlineExceeded where they are not there in time."""
        if self.runner is None:
            return served.model.predict_lanes(lanes)["prediction"]
        return self.runner.run(served, lanes, deadline_ns)

    def note(
        self,
        served: Served,
        started_ns: int,
        status: int,
        lanes: Any = None,
        prediction: Any = None,
        *,
        request_id: str = "",
        chosen: Any = None,
    ) -> str:
        """Count and write down an answered request, if anybody wants to know; returns its id. Cost: about 1.5 us."""
        request_id = request_id or self.identify(served.endpoint)
        num_rows = 1 if prediction is None else len(prediction)
        latency_ns = perf_counter_ns() - started_ns
        if self.counters is not None:
            arm = "" if chosen is None else "chosen" if chosen[1] else "shadow"
            self.counters.of(served.endpoint, served.version, arm).answer(status, num_rows, latency_ns)
        if self.journal is not None:
            if prediction is None and lanes is not None:  # its run was ended or failed: what it asked is known
                num_rows = len(next(iter(lanes.values())))
            self.journal.take(
                (served.shape, request_id, started_ns, latency_ns, status, lanes, prediction, chosen, num_rows)
            )
        return request_id

    @property
    def endpoints(self) -> dict[str, Served]:
        """All of them, by name."""
        return self._served
