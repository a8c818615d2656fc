"""Lookout: every endpoint that records of rules name, followed; who is told, and what is done, as each record says."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from headrace.alerting import AlertRules
from headrace.delivery import Channels, Delivery
from headrace.errors import HeadraceError
from headrace.monitoring._alerts import alerts
from headrace.monitoring._watch import RULES, Watch, read_rules
from headrace.progress import say
from headrace.store import Store

__all__ = ["Lookout", "check_rules"]

_ANNOUNCE_S = 5.0


def check_rules(records: Sequence[AlertRules]) -> None:
    """Raise UnknownName or InvalidInput for a rule that is none, and for a webhook whose variable is not set."""
    for record in records:
        read_rules(record.rules)
        Channels.of(record)


class Lookout:
    """Follows endpoints; `turn` is called every second.

    Parameters
    ----------
    store : Store
        Opened to write: alerts are its events, and that somebody follows is announced in it, as "monitor".
    records : sequence of AlertRules
        What is followed by what; none: all endpoints, by the rules that stand without any.
    only : sequence of str
        Endpoints, where not all that the records name are wanted.
    tell : callable or None
        Told each alert beside the channels: (its one line, plain data).
    act : callable or None
        Called with (`then` of the record, the alert) when an alert begins under a record that says what is to be done.
    is_whole : bool
        Whether these are all rules there are: open alerts by others are then closed, since nobody would ever.

    Raises UnknownName or InvalidInput for a rule that is none, and for a webhook whose variable is not set. An endpoint
    that is pushed later is taken up; one whose records do not fit it (a column that its model has not) is said, once.
    """

    def __init__(
        self,
        store: Store,
        records: Sequence[AlertRules] = (),
        *,
        only: Sequence[str] = (),
        tell: Callable[[str, dict[str, Any]], None] | None = None,
        act: Callable[[str, dict[str, Any]], None] | None = None,
        is_whole: bool = False,
    ) -> None:
        self._store, self._only, self._tell, self._act, self._is_whole = store, tuple(only), tell, act, is_whole
        self.records = tuple(records) or (AlertRules(),)
        check_rules(self.records)
        self._deliveries = [
            Delivery(Channels.of(record)) if record.webhooks or record.emails else None for record in self.records
        ]
        self._watches: dict[tuple[str, int], Watch] = {}
        self._said: dict[tuple[str, int], str] = {}
        self._seen = store.newest_event_id()
        self._announced = -_ANNOUNCE_S

    @property
    def endpoints(self) -> list[str]:
        """Those that are followed now."""
        return sorted({name for name, _ in self._watches})

    def take_up(self, *, is_strict: bool = False) -> list[str]:
        """Begin to follow what is there and is not followed yet; returns the endpoints that are new.

        `is_strict`: what does not fit an endpoint is raised rather than said.
        """
        new = []
        for live in self._store.endpoints():
            for index, record in enumerate(self.records):
                key = (live.name, index)
                wanted = record.matches(live.name) and (not self._only or live.name in self._only)
                if not wanted or key in self._watches:
                    continue
                try:
                    self._watches[key] = self._watch(live.name, index)
                except (HeadraceError, OSError) as error:
                    if is_strict:
                        raise
                    self._complain(key, f"endpoint {live.name} is not followed: {error}")
                else:
                    new.append(live.name)
        names = list(dict.fromkeys(new))
        for name in names if self._is_whole else ():
            self._close_orphans(name)
        return names

    def turn(self) -> list[str]:
        """Look at everything once; returns the endpoints that are followed for the first time."""
        if time.monotonic() - self._announced >= _ANNOUNCE_S:
            self._announced = time.monotonic()
            self._store.announce("monitor")
        new = self.take_up()
        for key, watch in self._watches.items():
            try:
                watch.turn()
                self._said.pop(key, None)
            except (HeadraceError, OSError) as error:
                self._complain(key, f"endpoint {watch.endpoint} was not looked at: {error}")
        for event in self._store.events(after=self._seen):  # what others told: the guardrail of a server
            self._seen = event.event_id
            if event.kind == "alert" and "state" not in event.body:
                for index in [at for name, at in self._watches if name == event.body.get("endpoint")]:
                    self._deliver(index, str(event.body["items"][0]), {"state": "told", **event.body})
        return new

    def close(self) -> None:
        """Deliver what waits, and say that nobody follows any more."""
        for delivery in self._deliveries:
            if delivery is not None:
                delivery.close()
        self._store.withdraw("monitor")

    def _watch(self, endpoint: str, index: int) -> Watch:
        record = self.records[index]

        def send(text: str, body: dict[str, Any]) -> None:
            if self._tell is not None:
                self._tell(text, body)
            self._deliver(index, text, body)

        def act(body: dict[str, Any]) -> None:
            assert self._act is not None
            self._act(record.then, body)

        return Watch(
            self._store,
            endpoint,
            record.rules or RULES,
            window_s=record.window_s,
            slices=record.slices,
            send=send,
            act=act if record.then and self._act is not None else None,
        )

    def _deliver(self, index: int, text: str, body: dict[str, Any]) -> None:
        delivery = self._deliveries[index]
        if delivery is not None:
            delivery.send(text, body)

    def _complain(self, key: tuple[str, int], text: str) -> None:
        if self._said.get(key) != text:
            self._said[key] = text
            say(text)

    def _close_orphans(self, endpoint: str) -> None:
        """Close open alerts by rules that nobody judges any more: the settings have changed since."""
        if len(self._store.announced("monitor")) > 1:  # somebody else's
            return
        judged = {str(rule) for (name, _), watch in self._watches.items() if name == endpoint for rule in watch.rules}
        for alert in alerts(self._store, endpoint):
            if alert["state"] == "firing" and alert["rule"] not in judged:
                message = f"{endpoint}: closed, the rule is asked no more: {alert['rule']}: {alert['slice']}"
                body = {key: value for key, value in alert.items() if key != "time_us"}
                lasted_s = round(time.time() - float(alert.get("began_s", time.time())), 3)
                self._store.append_event(
                    "alert-resolved", {**body, "state": "resolved", "lasted_s": lasted_s, "items": [message]}
                )
                say(message)
