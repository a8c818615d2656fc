"""Monitored: the endpoints followed beside `headrace up`, by the rules of the settings; a process of its own.

python -m headrace.orchestration.monitored PARENT
"""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from typing import Any

from headrace import progress
from headrace.errors import HeadraceError
from headrace.orchestration.served import end_with_parent

__all__ = ["main"]

_TURN_S = 1.0


def main() -> None:
    """The child's process: follow until SIGTERM."""
    end_with_parent(int(sys.argv[1]))
    is_ending: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda got, _: is_ending.append(got))
    try:
        _follow(is_ending)
    except HeadraceError as error:
        progress.say(f"headrace: {error}")
        raise SystemExit(4) from None


def _follow(is_ending: list[int]) -> None:
    from headrace.monitoring import Lookout
    from headrace.orchestration.reacting import react
    from headrace.settings import find_project, load_settings
    from headrace.store import Store

    def tell(text: str, body: dict[str, Any]) -> None:
        progress.say(f"alert: {text}" if body["state"] == "firing" else text)

    settings, project = load_settings(), find_project(Path.cwd())
    with Store.of(settings, create=False) as store:
        lookout = Lookout(
            store, settings.alerts, tell=tell, act=lambda then, body: react(store, then, body, project), is_whole=True
        )
        while not is_ending:
            begun = time.monotonic()
            for name in lookout.turn():
                progress.say(f"following endpoint {name}: alerts are told here and on the pages")
            time.sleep(max(0.0, _TURN_S - (time.monotonic() - begun)))
        lookout.close()


if __name__ == "__main__":
    main()
