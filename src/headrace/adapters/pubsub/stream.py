"""Pub/Sub subscriptions as streams: leases are kept while messages are held, and given back as done after the commit.

Pulls are one answer each rather than a stream of gRPC: what is held stays bounded by what was asked for, and a pull
that was lost comes again when its lease ends, with the same ids.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from headrace.errors import HeadraceError, InvalidInput, MissingExtra, StoreError, UnknownName
from headrace.ingestion.streams._contract import Connection, Delivery, Stream, delivery_of

__all__ = ["PubSub"]

_ANSWER_S = 10.0
_AWAY_S = 30.0  # how long the service may be away
_PULL = 1000  # messages a pull: the most that the service gives
_PULL_S = 2.0
_IDS = 2000  # lease ids a request: 512 KiB are the most
_QUEUED = 16  # pulls that wait to be taken


@dataclass(frozen=True)
class PubSub(Stream):
    """A subscription of Google's Pub/Sub; nobody else should read it.

    Parameters
    ----------
    subscription : str
        Its name, or projects/P/subscriptions/NAME.
    project : str
        The project of a bare name; "" = GOOGLE_CLOUD_PROJECT, or that of the credentials.

    Credentials are the client's (GOOGLE_APPLICATION_CREDENTIALS, `gcloud auth application-default login`, the
    machine's), and are never recorded; PUBSUB_EMULATOR_HOST names an emulator instead. A message is acknowledged after
    the commit that holds it, and one that is delivered again is known by its id for a day. Rows are in the order of
    publish time and id: with an ordering key, where publishers keep it, that of publishing. The subscription keeps no
    position: a stream that is defined anew sees only what was not acknowledged. All other parameters are those of
    every stream (`Stream`).

    Examples
    --------
    >>> PubSub("flights", time="time_hour", span="month").label
    "PubSub('flights')"
    """

    subscription: str
    project: str = ""

    not_in_identity: ClassVar[frozenset[str]] = Stream.not_in_identity | {"project"}

    def connect(self, base: Path | None = None) -> Connection:
        """Ask for the subscription.

        Raises MissingExtra without the client, InvalidInput without credentials, project or permission, UnknownName for
        a subscription there is not, StoreError where nobody answers within 10 s.
        """
        try:
            import google.cloud.pubsub_v1  # noqa: F401  # what is missing is said before anything is asked
        except ModuleNotFoundError as error:
            raise MissingExtra("pubsub stream", "Google's Pub/Sub client", "pubsub") from error
        return _Puller(self._path())

    def _path(self) -> str:
        if self.subscription.startswith("projects/"):
            return self.subscription
        project = self.project or os.environ.get("GOOGLE_CLOUD_PROJECT", "")
        if not project and not os.environ.get("PUBSUB_EMULATOR_HOST"):
            import google.auth
            import google.auth.exceptions

            try:
                project = google.auth.default()[1] or ""
            except google.auth.exceptions.DefaultCredentialsError as error:
                raise _no_credentials() from error
        if not project:
            raise InvalidInput(
                f"subscription {self.subscription!r} has no project",
                where="PubSub",
                fix="set GOOGLE_CLOUD_PROJECT, or write projects/P/subscriptions/NAME",
            )
        return f"projects/{project}/subscriptions/{self.subscription}"


def _no_credentials() -> InvalidInput:
    return InvalidInput(
        "no credentials for Google's Pub/Sub",
        where="environment",
        fix="`gcloud auth application-default login`, or GOOGLE_APPLICATION_CREDENTIALS=FILE",
    )


class _Puller:
    """A thread pulls, another keeps the leases of what is queued or held; `poll` takes what there is."""

    def __init__(self, path: str) -> None:
        import google.auth.exceptions
        from google.cloud import pubsub_v1

        self._path = path
        try:
            self._client = pubsub_v1.SubscriberClient()
        except google.auth.exceptions.DefaultCredentialsError as error:
            raise _no_credentials() from error
        self._lease_s = self._ask()
        self._queue: queue.Queue[tuple[float, list[Any]]] = queue.Queue(_QUEUED)
        self._lock = threading.Lock()
        self._leased: set[str] = set()
        self._is_closing = threading.Event()
        self._error: HeadraceError | None = None
        self._emptied_s = self._delivered_s = time.monotonic()
        self._threads = [
            threading.Thread(target=self._guarded, args=(work,), name=f"pubsub-{work.__name__}", daemon=True)
            for work in (self._pull, self._keep)
        ]

    def _ask(self) -> float:
        """The subscription's own lease, in seconds."""
        from google.api_core import exceptions

        try:
            found = self._client.get_subscription(request={"subscription": self._path}, timeout=_ANSWER_S, retry=None)
        except exceptions.NotFound as error:
            raise UnknownName("subscription", self._path, self._known(), where="Pub/Sub") from error
        except exceptions.GoogleAPICallError as error:
            raise _told(error, self._path) from error
        except exceptions.RetryError as error:
            raise StoreError(f"Pub/Sub does not answer: {error}", where=self._path) from error
        return float(found.ack_deadline_seconds or 10)

    def _known(self) -> list[str]:
        from google.api_core import exceptions

        project = "/".join(self._path.split("/")[:2])
        try:
            pages = self._client.list_subscriptions(request={"project": project}, timeout=_ANSWER_S, retry=None)
            return [found.name for found in pages]
        except exceptions.GoogleAPIError:
            return []

    def seek(self, following: Mapping[str, int]) -> None:
        """The service knows what was acknowledged: there is no other place to go on from."""
        for thread in self._threads:
            thread.start()

    def _guarded(self, work: Callable[[], None]) -> None:
        from google.api_core import exceptions

        try:
            work()
        except HeadraceError as error:
            self._error = error
        except exceptions.GoogleAPIError as error:
            self._error = _told(error, self._path)
        except Exception as error:
            self._error = StoreError(f"Pub/Sub's client failed: {type(error).__name__}: {error}", where=self._path)

    def _pull(self) -> None:
        from google.api_core import exceptions

        away_s: float | None = None
        while not self._is_closing.is_set():
            try:
                answer = self._client.pull(
                    request={"subscription": self._path, "max_messages": _PULL}, timeout=_PULL_S, retry=None
                )
                messages = list(answer.received_messages)
            except exceptions.DeadlineExceeded:
                messages = []
            except (exceptions.ServiceUnavailable, exceptions.InternalServerError, exceptions.Aborted) as error:
                away_s = away_s or time.monotonic()
                if time.monotonic() - away_s > _AWAY_S:
                    raise _told(error, self._path) from error
                self._is_closing.wait(0.5)
                continue
            away_s = None
            if not messages:
                self._emptied_s = time.monotonic()
                continue
            self._delivered_s = time.monotonic()
            with self._lock:
                self._leased.update(message.ack_id for message in messages)
            while not self._is_closing.is_set():
                try:
                    self._queue.put((self._delivered_s, messages), timeout=0.2)
                    break
                except queue.Full:
                    continue

    def _keep(self) -> None:
        """Extend every lease at a third of it, by the subscription's own: a follower that is killed frees them soon."""
        while not self._is_closing.wait(self._lease_s / 3):
            with self._lock:
                held = list(self._leased)
            for some in _pieces(held):
                self._client.modify_ack_deadline(
                    request={
                        "subscription": self._path,
                        "ack_ids": some,
                        "ack_deadline_seconds": round(self._lease_s),
                    },
                    timeout=_ANSWER_S,
                    retry=None,
                )

    def poll(self, limit: int, timeout_s: float) -> Delivery:
        rows: dict[str, list[Any]] = {"partition": [], "position": [], "message_id": [], "data": []}
        receipt: list[str] = []
        until = time.monotonic() + timeout_s
        while len(receipt) < limit:
            if self._error is not None:
                raise self._error
            try:
                wait_s = max(0.0, until - time.monotonic())
                _, messages = self._queue.get(block=not receipt and wait_s > 0, timeout=wait_s or None)
            except queue.Empty:
                break
            for item in messages:
                message = item.message
                moment = message.publish_time
                rows["partition"].append("")
                rows["position"].append(int(moment.timestamp()) * 1_000_000 + moment.microsecond)
                rows["message_id"].append(message.message_id)
                rows["data"].append(message.data)
                receipt.append(item.ack_id)
        return delivery_of(rows, receipt, waiting={"": 0 if not receipt and self._is_empty() else None})

    def _is_empty(self) -> bool:
        """Whether pulls have brought nothing for longer than a lease: what a killed follower held has come again."""
        now = time.monotonic()
        is_silent = now - self._delivered_s > self._lease_s + 2 and self._emptied_s > self._delivered_s
        return is_silent and self._queue.empty()

    def acknowledge(self, receipt: Any) -> None:
        """Say what is committed; what cannot be said comes again, and is known by its id."""
        from google.api_core import exceptions

        with self._lock:
            self._leased.difference_update(receipt)
        for some in _pieces(receipt):
            try:
                self._client.acknowledge(
                    request={"subscription": self._path, "ack_ids": some}, timeout=_ANSWER_S, retry=None
                )
            except exceptions.GoogleAPIError:
                return

    def close(self) -> None:
        """End; what is still held is given back at once."""
        from google.api_core import exceptions

        self._is_closing.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(_PULL_S + 1)
        for some in _pieces(sorted(self._leased)):
            try:
                self._client.modify_ack_deadline(
                    request={"subscription": self._path, "ack_ids": some, "ack_deadline_seconds": 0},
                    timeout=_ANSWER_S,
                    retry=None,
                )
            except exceptions.GoogleAPIError:
                break
        self._client.close()


def _pieces(ids: Sequence[str]) -> list[list[str]]:
    return [list(ids[first : first + _IDS]) for first in range(0, len(ids), _IDS)]


def _told(error: Any, path: str) -> HeadraceError:
    from google.api_core import exceptions

    said = str(getattr(error, "message", "") or error).split("\n", 1)[0]
    if isinstance(error, (exceptions.Forbidden, exceptions.Unauthorized)):
        return InvalidInput(
            f"Pub/Sub refuses: {said}", where=path, fix="these credentials need the role roles/pubsub.subscriber"
        )
    if isinstance(error, exceptions.NotFound):
        return InvalidInput(f"the subscription is gone: {said}", where=path)
    if isinstance(error, exceptions.ClientError) and not isinstance(error, exceptions.TooManyRequests):
        return InvalidInput(f"Pub/Sub refuses: {said}", where=path)
    return StoreError(
        f"Pub/Sub does not answer: {said}", where=path, fix="nothing was lost: run the same command again"
    )
