"""The loader of a worker: versions are made ready, and let go of, on a thread of its own, away from every request.

A new version is loaded (files verified, golden rows replayed byte for byte), answers a few of its golden rows through
the codec a request takes, and is then staged: a flip is one assignment. What a flip replaces stays loaded for a while,
so that a rollback has nothing to load, and is freed here when the last request that took it is done. The thread runs
at the lowest priority: a model that takes seconds to load takes them from nobody.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from headrace.errors import HeadraceError
from headrace.serving._memory import is_out_of_memory
from headrace.serving.core import Served
from headrace.serving.loading import load, make

__all__ = ["Loader", "refusal"]

_SWEEP_S = 0.02


class Loader:
    """Makes versions ready and frees them, one after the other.

    Parameters
    ----------
    home : Path
        Of the store.
    current : callable
        The versions of an endpoint that are loaded and in use.
    tell : callable
        Takes {"loaded": ...} and {"refused": ...}; called on the loader's thread.
    keep_s : float
        How long a replaced version stays loaded.
    with_shape : bool
        Whether requests are logged.
    num_workers : int
        How many processes load what this one is told to.
    """

    def __init__(
        self,
        home: Path,
        current: Callable[[str], list[Served]],
        tell: Callable[[dict[str, Any]], None],
        *,
        keep_s: float,
        with_shape: bool,
        num_workers: int = 1,
    ) -> None:
        self._home, self._current, self._tell = home, current, tell
        self._keep_s, self._with_shape, self._num_workers = keep_s, with_shape, num_workers
        self._staged: dict[tuple[str, int], Served] = {}
        self._kept: dict[str, tuple[float, Served]] = {}
        self._ending: list[tuple[weakref.ref[Served], Any]] = []
        self._work: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="loader", daemon=True).start()

    def prepare(self, endpoint: str, version: int, digest: str) -> None:
        """Make a version ready; `tell` hears how it went."""
        self._work.put(("prepare", (endpoint, version, digest)))

    def take(self, endpoint: str, version: int) -> Served | None:
        """The staged version, to be served from now on; None when there is none."""
        return self._staged.pop((endpoint, version), None)

    def forget(self, endpoint: str, version: int) -> None:
        """Free a staged version that will not be served."""
        self._work.put(("retire", (0.0, self._staged.pop((endpoint, version), None))))

    def free(self, served: Served) -> None:
        """Free a version that answers nobody any more."""
        self._work.put(("retire", (0.0, served)))

    def retire(self, served: Served | None) -> None:
        """Keep a version that was replaced for a while, then free it."""
        self._work.put(("retire", (self._keep_s, served)))

    def _run(self) -> None:
        if sys.platform == "linux":  # elsewhere threads have no priority of their own
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
        while True:
            due = min((when for when, _ in self._kept.values()), default=None)
            wait_s = None if due is None else max(0.0, due - time.monotonic())
            try:
                what, item = self._work.get(timeout=_SWEEP_S if self._ending else wait_s)
            except queue.Empty:
                what, item = "", None
            if what == "prepare":
                self._prepare(*item)
            elif what == "retire":
                self._retire(*item)
            item = None  # a thread that waits must not keep a version alive
            now = time.monotonic()
            for endpoint in [name for name, (when, _) in self._kept.items() if when <= now]:
                self._let_go(self._kept.pop(endpoint)[1])
            # The session of a version outlives its last request by a moment, so that it ends here and not in there.
            self._ending = [(alive, session) for alive, session in self._ending if alive() is not None]

    def _prepare(self, endpoint: str, version: int, digest: str) -> None:
        fact = {"endpoint": endpoint, "version": version, "digest": digest}
        try:
            served = self._loaded(endpoint, version, digest)
        except Exception as error:
            # Whatever is wrong with a new version, the old one goes on.
            self._tell(refusal(fact, error))
            return
        self._staged[endpoint, version] = served
        self._tell({"loaded": fact})

    def _loaded(self, endpoint: str, version: int, digest: str) -> Served:
        """Loaded, or taken from what is loaded: a rollback, or the same model under another version."""
        kept = self._kept.get(endpoint)
        staged = self._staged.get((endpoint, version))
        for known in (*self._current(endpoint), None if kept is None else kept[1], staged):
            if known is not None and known.digest == digest:
                return make(endpoint, version, digest, known.model, with_shape=self._with_shape, cost=known.cost)
        # What serves goes on serving beside it: there must be room for both.
        workers = self._num_workers
        return load(self._home, endpoint, version, digest, with_shape=self._with_shape, num_workers=workers)

    def _retire(self, keep_s: float, served: Served | None) -> None:
        if served is not None and keep_s > 0.0:
            before = self._kept.pop(served.endpoint, None)
            self._kept[served.endpoint] = (time.monotonic() + keep_s, served)
            served = None if before is None else before[1]
        if served is not None:
            self._let_go(served)

    def _let_go(self, served: Served) -> None:
        self._ending.append((weakref.ref(served), served.model.session))


def refusal(fact: dict[str, Any], error: Exception) -> dict[str, Any]:
    """What the supervisor is told: for clients what is wrong, for the log where too, and whether to try again."""
    reason = error.what if isinstance(error, HeadraceError) else type(error).__name__
    # A store or disk that fails may be back in a second; a damaged model or another kind of host stays what it is.
    is_final = not (isinstance(error, OSError) or isinstance(error.__cause__, OSError) or is_out_of_memory(error))
    return {"refused": fact, "reason": reason, "details": str(error), "is_final": is_final}
