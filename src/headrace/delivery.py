"""Delivery: a message on its way to people and programs; a channel that fails is said, and stops nothing."""

from __future__ import annotations

import json
import os
import queue
import smtplib
import threading
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit

from headrace.alerting import AlertRules, check_channels
from headrace.errors import InvalidInput
from headrace.progress import say

__all__ = ["Channels", "Delivery"]

_TIMEOUT_S = 5.0
_TRIES = 3
_CLOSE_S = 10.0

Done = Callable[[list[str], list[str]], None]


@dataclass(frozen=True)
class Channels:
    """Where alerts go, beside standard error and the store's events.

    Parameters
    ----------
    webhooks : sequence of str
        http:// or https:// addresses: each alert is POSTed as JSON.
    emails : sequence of str
        Addresses, told by a mail relay.
    smtp : str
        The relay, HOST:PORT; a local one by default. It must take mail without a password.
    sender : str
        Whom the mail is from.

    Raises InvalidInput for an address that is none.
    """

    webhooks: Sequence[str] = ()
    emails: Sequence[str] = ()
    smtp: str = "127.0.0.1:25"
    sender: str = "headrace@localhost"

    def __post_init__(self) -> None:
        check_channels(self.webhooks, (*self.emails, self.sender), self.smtp)

    @classmethod
    def of(cls, rules: AlertRules) -> Channels:
        """Those of a record; InvalidInput where a webhook names a variable that is not set."""
        for name in rules.webhooks:
            if name.startswith("$") and not os.environ.get(name[1:]):
                raise InvalidInput(f"webhook {name}", expected=f"the environment variable {name[1:]}, an address")
        hooks = [os.environ[one[1:]] if one.startswith("$") else one for one in rules.webhooks]
        return cls(tuple(hooks), tuple(rules.emails), rules.smtp)


class Delivery:
    """Sends alerts, on a thread of its own.

    Parameters
    ----------
    channels : Channels
        Where to. `close` waits ten seconds for what is under way.
    what : str
        What is sent, as a person says it where it could not be delivered.
    """

    def __init__(self, channels: Channels, *, what: str = "an alert") -> None:
        self.channels, self.what = channels, what
        self.num_failed = 0
        self._queue: queue.Queue[tuple[str, dict[str, Any], Done | None] | None] = queue.Queue(1000)
        self._thread = threading.Thread(target=self._run, name="alerts", daemon=True)
        self._thread.start()

    def send(self, text: str, body: dict[str, Any], *, done: Done | None = None) -> None:
        """Have an alert told; `text` is its one line, `body` all of it as plain data.

        `done` is called, on the thread that sends, with the channels that took it and those that failed for good.
        """
        try:
            self._queue.put_nowait((text, body, done))
        except queue.Full:
            say(f"{self.what} is not delivered, too many wait: {text}")

    def close(self, timeout_s: float = _CLOSE_S) -> None:
        """Deliver what waits, then end; at the latest after so many seconds."""
        self._queue.put(None)
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            found = self._queue.get()
            if found is None:
                return
            text, body, done = found
            told: list[str] = []
            failed: list[str] = []
            for url in self.channels.webhooks:
                name = f"webhook {urlsplit(url).hostname}"
                (told if self._try(name, self._post, url, text, body) else failed).append(name)
            if self.channels.emails:
                name = f"mail relay {self.channels.smtp}"
                (told if self._try(name, self._mail, "", text, body) else failed).append(name)
            if done is not None:
                done(told, failed)

    def _try(self, name: str, deliver: Any, where: str, text: str, body: dict[str, Any]) -> bool:
        for number in range(_TRIES):
            try:
                deliver(where, text, body)
                return True
            except (OSError, smtplib.SMTPException, ValueError) as error:
                problem = type(error).__name__  # an address may hold a secret, and errors repeat addresses
                if number + 1 < _TRIES:
                    time.sleep(0.5 * 2**number)
        self.num_failed += 1
        say(f"{self.what} is not delivered by {name} ({problem}): {text}")
        return False

    @staticmethod
    def _post(url: str, _: str, body: dict[str, Any]) -> None:
        request = urllib.request.Request(  # noqa: S310  # the scheme is checked
            url, json.dumps(body).encode(), {"content-type": "application/json", "user-agent": "headrace"}
        )
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S):  # noqa: S310
            pass

    def _mail(self, _: str, text: str, body: dict[str, Any]) -> None:
        host, _, port = self.channels.smtp.rpartition(":")
        message = EmailMessage()
        message["From"], message["To"] = self.channels.sender, ", ".join(self.channels.emails)
        message["Subject"] = f"headrace: {text}".replace("\n", " ")[:200]
        message.set_content(f"{text}\n\n{json.dumps(body, indent=2)}\n")
        with smtplib.SMTP(host, int(port), timeout=_TIMEOUT_S) as relay:
            relay.send_message(message)
