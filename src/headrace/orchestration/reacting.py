"""Reacting: what an alert has done when it begins: the endpoint goes back, or a pipeline is run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from headrace.alerting import ROLLBACK
from headrace.errors import HeadraceError
from headrace.progress import say
from headrace.store import Store

__all__ = ["react"]

_TAKES_OVER = ("push", "promote")


def react(store: Store, then: str, alert: dict[str, Any], folder: Path) -> None:
    """Roll an endpoint back to the version that the present one replaced, or run a pipeline; said either way.

    Parameters
    ----------
    store : Store
        Opened to write.
    then : str
        "rollback", or a pipeline's file, relative to `folder`.
    alert : dict
        As `headrace.monitoring.Watch` sends it.
    folder : Path
        Where the run is started; it goes on when this process ends.

    Nothing is raised: an alert that cannot be acted on is an alert all the same.
    """
    try:
        _react(store, then, alert, folder)
    except (HeadraceError, OSError) as error:
        say(f"nothing was done about it: {error}")


def _react(store: Store, then: str, alert: dict[str, Any], folder: Path) -> None:
    name, because = alert["endpoint"], f"alert: {alert['rule']}: {alert['slice']}"
    if then == ROLLBACK:
        live = store.endpoint(name)
        assert live is not None  # it is followed
        found = [move for move in store.moves(name) if move.version == live.version and move.action in _TAKES_OVER]
        if not found or found[-1].replaced is None:
            say(f"endpoint {name}: version {live.version} replaced none: there is nothing to go back to")
            return
        store.roll_back(name, found[-1].replaced, reason=because)
        say(f"endpoint {name} goes back from version {live.version} to version {found[-1].replaced}")
        return
    subprocess.Popen(
        [sys.executable, "-m", "headrace.cli", "run", then],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    say(f"a run of {then} was started: {because}")
