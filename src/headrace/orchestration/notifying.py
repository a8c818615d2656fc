"""Notifying: how a run ended, told to a webhook or by mail, where the settings `notify` and `notify_on` say so.

What is to be told is recorded in the transaction that ends the run, and told by whoever is there: the process that ran
it, a worker, `headrace up`, or, where all were killed, the next command that runs something. It is told at least once:
killed after it was delivered and before that was recorded, it is told again. No run waits for it, or fails by it.

Which steps failed or said no is told, by name, with the names of findings and the first words of an error; values of
data are not.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from headrace import progress
from headrace.errors import HeadraceError

if TYPE_CHECKING:
    from headrace.delivery import Channels, Delivery
    from headrace.settings import Settings
    from headrace.store import Notice, RunRow, Store

__all__ = ["Teller", "channels_of", "message_of", "notice_of", "tell_of_runs"]

_LOOK_S = 1.0
_CLOSE_S = 10.0
_MOST = 200  # characters of an error
_BAD = ("failed", "rejected")


def notice_of(store: Store, run_id: str, state: str, settings: Settings) -> dict[str, Any] | None:
    """What is to be told of a run that is about to end so, for `Store.finish_run`; None = nothing.

    `kind` is the state, or "recovered" for a success after what this pipeline did last had failed or said no.
    """
    if not settings.notify:
        return None
    kind = state
    if state == "succeeded" and "recovered" in settings.notify_on and _was_bad(store, store.run(run_id)):
        kind = "recovered"
    return {"kind": kind, "state": state} if kind in settings.notify_on else None


def _was_bad(store: Store, run: RunRow) -> bool:
    """Whether the pipeline's last word before this was a failure or a no: of this run, or of the one before it."""
    before = store.newest_event("run-finished", run_id=run.run_id)
    if before is not None and before.body["state"] in _BAD:
        return True
    for other in store.runs(pipeline=run.pipeline, limit=20):
        if other.run_id != run.run_id and other.created_us <= run.created_us and other.state in (*_BAD, "succeeded"):
            return other.state in _BAD
    return False


def message_of(store: Store, notice: Notice) -> tuple[str, dict[str, Any]]:
    """What is said of a run: one line, and all of it as plain data."""
    from headrace.orchestration.approvals import waiting_of

    run, kind = store.run(notice.run_id), str(notice.body["kind"])
    steps: dict[str, str] = {}
    findings: list[str] = []
    first = ""
    for row in {row.step: row for row in store.attempts(run.run_id)}.values():
        result = row.result or {}
        if row.state in ("failed", "lost"):
            steps[row.step] = row.state
            first = first or f"{row.step}: {(row.reason or row.state)[:_MOST]}"
        elif result.get("ok") is False:
            steps[row.step] = "no"
            findings += result.get("names", ())
            number = result.get("num_items", 1)
            first = first or f"{row.step} said no, {number} finding{'s' if number != 1 else ''}"
    waiting = waiting_of(store, run) if kind == "waiting" else []
    if waiting:
        first = f"{waiting[0].step}" + (f": {waiting[0].question}" if waiting[0].question else "")
    words = {"failed": "failed", "rejected": "said no", "waiting": "waits for approval", "recovered": "is well again"}
    text = f"{run.pipeline} {words.get(kind, kind)} (run {run.run_id})" + (f": {first}" if first else "")
    body = {
        "format": 1,
        "text": text,
        "kind": kind,
        "pipeline": run.pipeline,
        "run": run.run_id,
        "state": notice.body["state"],
        "ended_us": notice.time_us,
        "steps": steps,
        "findings": findings,
        "waiting": [item.to_plain() for item in waiting],
    }
    return text, body


def channels_of(settings: Settings) -> Channels:
    """Where the settings send notices to. Raises InvalidInput for an address that is none."""
    from headrace.delivery import Channels

    webhooks = [one for one in settings.notify if urlsplit(one).scheme in ("http", "https")]
    mails = [unquote(one.partition(":")[2]) for one in settings.notify if one.startswith("mailto:")]
    return Channels(webhooks, mails, settings.notify_smtp, settings.notify_from)


class Teller:
    """Tells what waits to be told, on a thread of its own.

    Parameters
    ----------
    store, settings : Store, Settings
        Whose notices, and where to.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store, self._settings = store, settings
        self._delivery: Delivery | None = None
        self._looked = 0.0
        self._is_able = bool(settings.notify)

    def turn(self) -> None:
        """Look, once a second at most, whether there is something to tell; returns at once."""
        if not self._is_able or time.monotonic() - self._looked < _LOOK_S:
            return
        self._looked = time.monotonic()
        try:
            self._tell_all()
        except HeadraceError as error:  # a run is not to fail by what is told of it
            self._is_able = False
            progress.say(f"nobody is told how runs end: {error}")

    def _tell_all(self) -> None:
        from headrace.store import points

        while (notice := self._store.take_notice()) is not None:
            if self._delivery is None:
                from headrace.delivery import Delivery

                self._delivery = Delivery(channels_of(self._settings), what="a notice")
            points.reach("before-told")
            self._delivery.send(*message_of(self._store, notice), done=_Done(self._store, notice))

    def close(self) -> None:
        """Tell what waits, for ten seconds at most; what is left others tell."""
        self._looked = 0.0
        self.turn()
        if self._delivery is not None:
            self._delivery.close(_CLOSE_S)
            self._delivery = None


class _Done:
    """Records that a notice was told: each channel has taken it, or failed for good."""

    def __init__(self, store: Store, notice: Notice) -> None:
        self._store, self._notice = store, notice

    def __call__(self, told: list[str], failed: list[str]) -> None:
        try:
            self._store.end_notice(self._notice, {"kind": self._notice.body["kind"], "told": told, "failed": failed})
        except HeadraceError as error:  # it will be told again
            progress.say(f"that run {self._notice.run_id} was told of is not recorded: {error}")


def tell_of_runs(store: Store, settings: Settings) -> None:
    """Tell all that waits to be told, and wait for it, for ten seconds at most."""
    Teller(store, settings).close()
