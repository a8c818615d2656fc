"""Watch: an endpoint followed as it is asked; rules judged every second, alerts that begin and end."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from headrace.dataset import Dataset
from headrace.errors import InvalidInput, UnknownName
from headrace.model import Model
from headrace.monitoring._alerts import alerts
from headrace.monitoring._baseline import find_baseline, find_training_rows
from headrace.monitoring._drifting import SliceBaseline
from headrace.monitoring._window import METRICS, Window
from headrace.rules import Rule, judge, parse_rule
from headrace.serving.shape import Shape
from headrace.store import Endpoint, Store

__all__ = ["RULES", "Watch", "read_rules"]

RULES = (
    "failed_share <= 0.01 with 20 rows",
    "refused_share <= 0.5 with 20 rows",
    "drift <= 1 on every feature with 200 rows",
)
_RESOLVE_S = 5.0
_COLUMNS_EVERY_S = 5.0
_BASELINE_ROWS = 100_000


def read_rules(rules: Sequence[str]) -> list[Rule]:
    """Rules of a window, read; UnknownName for a metric it has not, InvalidInput for what is no rule of a window."""
    found = [parse_rule(text) for text in rules]
    for rule in found:
        if rule.metric not in METRICS:
            raise UnknownName("metric of a window", rule.metric, METRICS, where=str(rule))
        if rule.reference != "number":
            raise InvalidInput(f"{rule} compares with a {rule.reference}", expected="a number: a window has no other")
    return found


class Watch:
    """One endpoint, followed.

    Parameters
    ----------
    store : Store
        Alerts are written to its events.
    endpoint : str
        Whose requests.
    rules : sequence of str
        As a gate's, over `METRICS`: "failed_share <= 0.01", "p99_ms <= 20 with 100 rows", "null_share <= 0.2 on every
        feature", "drift <= 1 on every feature,carrier". `drift` is the distance beside what matters and what is chance:
        above 1 a column has drifted.
    window_s : float
        The last so many seconds are judged.
    slices : sequence of str
        Raw columns by which drift is looked at too.
    send : callable
        Takes (one line, plain data) of each alert that begins or ends.
    act : callable or None
        Called with the same data when an alert begins: rolls back, or starts a run.

    Raises UnknownName for an endpoint, metric or column that is not there, InvalidInput for a rule that is none.

    An alert begins with the first look at which its rule does not hold and ends when it has held for five seconds. A
    rule that cannot be judged, for too few rows, changes nothing.
    """

    def __init__(
        self,
        store: Store,
        endpoint: str,
        rules: Sequence[str] = RULES,
        *,
        window_s: float = 60.0,
        slices: Sequence[str] = (),
        send: Callable[[str, dict[str, Any]], None] | None = None,
        act: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        if not 1.0 <= window_s <= 86400.0:
            raise InvalidInput(f"window_s = {window_s}", expected="1 to 86,400 seconds")
        self._store, self.endpoint, self._slices, self._window_s = store, endpoint, list(slices), window_s
        self.rules = read_rules(rules)
        self._send, self._act = send, act
        self._needs_columns = any(rule.metric in ("drift", "null_share", "unseen_share") for rule in self.rules)
        self._firing: dict[tuple[str, str], dict[str, Any]] = {}
        self._good_since: dict[tuple[str, str], float] = {}
        self._columns_due = 0.0
        self._open()
        for alert in alerts(store, endpoint):  # one that was told before we were started is not told again
            if alert["state"] == "firing" and alert["rule"] in {str(rule) for rule in self.rules}:
                self._firing[alert["rule"], alert["slice"]] = alert

    def _open(self) -> None:
        served = self._store.endpoint(self.endpoint)
        if served is None:
            raise UnknownName("endpoint", self.endpoint, [one.name for one in self._store.endpoints()])
        self._served: Endpoint = served
        model = self._store.load_artifact(served.model_digest, Model)
        hidden = {*model.signature.sensitive, *(column.name for column in model.columns if not column.has_lane)}
        names = {column.name: Shape.name_of(column.name) for column in model.columns if column.name not in hidden}
        for name in self._slices:
            if name not in names:
                raise UnknownName("column", name, names)
        needs_rows = any(rule.metric in ("drift", "unseen_share") for rule in self.rules)
        rows = find_training_rows(self._store, served) if needs_rows else None
        baseline, known = None, {}
        if rows is not None:
            table = _sample(rows, list(names))
            baseline = SliceBaseline(table, list(names), self._slices)
            found = find_baseline(self._store, served)
            statistics = None if found is None else found.statistics
            for column in model.columns:
                is_told = statistics is not None and column.name in names and column.name in statistics.feature_names
                if is_told and statistics is not None and column.kind == "text":
                    was = statistics[column.name]
                    if was.num_distinct == len(was.top_values):
                        known[column.name] = {value for value, _ in was.top_values}
        self.window = Window(
            self._store.home.path,
            self.endpoint,
            served.version,
            names,
            known,
            window_s=self._window_s,
            baseline=baseline,
        )

    def turn(self, now_us: int | None = None) -> list[dict[str, Any]]:
        """Look once; returns the alerts that began or ended now, each as it was sent."""
        now_us = time.time_ns() // 1000 if now_us is None else now_us
        now = now_us / 1e6
        live = self._store.endpoint(self.endpoint)
        if live is not None and live.version != self._served.version:
            self._open()
        self.window.read(now_us)
        with_columns = self._needs_columns and now >= self._columns_due
        if with_columns:
            self._columns_due = now + _COLUMNS_EVERY_S
        measured = self.window.measure(now_us, with_columns=with_columns)
        changed = []
        for rule in self.rules:
            for finding in judge(rule, measured):
                key = (str(rule), finding.slice)
                if not finding.is_judged or finding.measured is None or finding.measured != finding.measured:
                    continue
                if not finding.ok:
                    self._good_since.pop(key, None)
                    if key not in self._firing:
                        changed.append(self._begin(rule, finding, now))
                elif key in self._firing:
                    since = self._good_since.setdefault(key, now)
                    if now - since >= _RESOLVE_S:
                        changed.append(self._end(key, now))
        return changed

    def _begin(self, rule: Rule, finding: Any, now: float) -> dict[str, Any]:
        message = f"{self.endpoint}: {finding.message}"
        for one in self.window.drifted if rule.metric == "drift" else ():
            pairs = ",".join([f"feature={one.feature}", *(f"{name}={value}" for name, value in one.slice)])
            if one.message and pairs == finding.slice:
                message = f"{self.endpoint}: {one.message}"
        body = {
            "state": "firing",
            "endpoint": self.endpoint,
            "version": self._served.version,
            "rule": str(rule),
            "slice": finding.slice,
            "measured": finding.measured,
            "allowed": finding.allowed,
            "num_rows": finding.rows,
            "began_s": now,
            "items": [message],
        }
        self._firing[str(rule), finding.slice] = body
        # Told first: a disk that is busy must not hold up the word. Killed between, we tell it once more.
        if self._send is not None:
            self._send(message, body)
        self._store.append_event("alert", body)
        if self._act is not None:
            self._act(body)
        return body

    def _end(self, key: tuple[str, str], now: float) -> dict[str, Any]:
        began = self._firing.pop(key)
        self._good_since.pop(key, None)
        lasted_s = round(now - float(began.get("began_s", now)), 3)
        message = f"{self.endpoint}: resolved after {lasted_s:.0f} s: {key[0]}: {key[1]}"
        body = {**began, "state": "resolved", "lasted_s": lasted_s, "items": [message]}
        if self._send is not None:
            self._send(message, body)
        self._store.append_event("alert-resolved", body)
        return body


def _sample(dataset: Dataset, names: list[str]) -> Any:
    """The first rows of each part, 100,000 in all at most."""
    table = dataset.to_arrow(columns=names)
    if table.num_rows <= _BASELINE_ROWS:
        return table
    step = -(-table.num_rows // _BASELINE_ROWS)
    return table.take(list(range(0, table.num_rows, step)))
