"""Hands: the steps of one run that this process has running, begun under leases, looked after, committed or failed.

Whoever coordinates a run has hands for it, and so has whoever helps.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace import disk, progress
from headrace.errors import LeaseLost, StoreError
from headrace.orchestration.children import Children, Ended, Forked
from headrace.orchestration.handles import Reference
from headrace.orchestration.packages import headrace_version
from headrace.orchestration.plan import Plan
from headrace.orchestration.reporting import failure, log_name
from headrace.orchestration.tracing import Node, substitute
from headrace.progress import duration

if TYPE_CHECKING:
    from headrace.settings import Settings
    from headrace.store import Attempt, Store

__all__ = ["Hands", "Outcome", "forked", "ordered"]

_PROGRESS_S = 0.5  # between two writings of how far the steps are


@dataclass(frozen=True)
class Outcome:
    """How an attempt of ours ended.

    Parameters
    ----------
    node : Node
        The step.
    state : str
        "succeeded", "failed" (recorded), or "lost": another process has taken the run, or the step, over.
    outputs : dict of str to str or None
        Output name -> digest.
    result : dict
        The step's plain result.
    reason : str
        Why it failed or was lost.
    seconds : float
        From its beginning.
    log : Path
        Where it printed.
    error : dict
        The error, as `worker.describe_error` gives it; empty when its process died.
    """

    node: Node
    state: str
    outputs: dict[str, str | None] = field(default_factory=dict)
    result: dict[str, Any] = field(default_factory=dict)
    reason: str = ""
    seconds: float = 0.0
    log: Path = field(default_factory=Path)
    error: dict[str, str] = field(default_factory=dict)


@dataclass
class _Running:
    node: Node
    key: str
    attempt: Attempt
    started: float
    log: Path
    is_late: bool = False


class Hands:
    """Begins steps of a run, and says how they ended."""

    def __init__(self, plan: Plan, run_id: str, store: Store, settings: Settings, children: Children) -> None:
        self.plan, self.run_id, self.store, self.settings = plan, run_id, store, settings
        self.children = children
        self.logs = disk.make_folder(store.home.logs / run_id)
        self.running: dict[str, _Running] = {}
        self._renewed = self._written = time.monotonic()
        # Whether what runs is drawn, and drawn again, at the bottom of a terminal that is ours alone.
        self.is_drawn = isinstance(children, Forked) and progress.is_terminal() and not progress.is_shared()

    def draw(self) -> None:
        """Show what runs, for how long, and how far it is: on a terminal, and to whoever looks from elsewhere."""
        now, width = time.monotonic(), progress.columns() - 1
        if now - self._written > _PROGRESS_S:
            self._written = now
            self._write_progress()
        if not self.is_drawn:
            return
        lines = []
        for name, running in self.running.items():
            done = self.children.progress.get(name)
            lines.append(
                f"{name}: {duration(now - running.started) if done is None else done.line(width - len(name) - 2)}"
            )
        progress.show(lines)

    def _write_progress(self) -> None:
        """How far each step is, in a file beside its log: for display alone, so that it may be lost."""
        for name, running in self.running.items():
            done = self.children.progress.get(name)
            if done is not None:
                with contextlib.suppress(StoreError):
                    file = running.log.with_suffix(".progress")
                    disk.write_file(file, json.dumps(done.to_plain()).encode(), sync=False)

    @property
    def has_room(self) -> bool:
        """Whether this process may begin another step, of whichever run."""
        limit = self.settings.num_workers
        return len(self.running) < limit and self.store.num_held() < limit

    def log_of(self, node: Node) -> Path:
        """Where a step prints."""
        return self.logs / log_name(node.name)

    def record(self, node: Node, digests: Mapping[Reference, str | None]) -> dict[str, Any]:
        """What is recorded with an attempt so that it can be explained: its inputs, and its key in parts."""
        return {
            "inputs": {str(reference): digest for reference, digest in digests.items()},
            "parts": self.plan.parts_of(node, digests),
            "notes": self.plan.notes_of(node),
        }

    def begin(
        self, node: Node, key: str, digests: Mapping[Reference, str | None], *, number: int, is_helper: bool = False
    ) -> bool:
        """Begin the `number`-th attempt at a step; False when somebody else has, or there is no room."""
        attempt = self.store.join_attempt(
            self.run_id,
            node.name,
            key,
            number=number,
            at_most=self.settings.num_workers,
            is_helper=is_helper,
            **self.record(node, digests),
        )
        if attempt is None:
            return False
        log = self.log_of(node)
        self.running[node.name] = _Running(node, key, attempt, time.monotonic(), log)
        call = {
            "home": str(self.store.home.path),
            "lease_s": self.settings.lease_s,
            "attempt": attempt.to_plain(),
            "step": node.name,
            "key": key,
            "call": node.call,
            "arguments": substitute(node.arguments, lambda reference: {"@": digests[reference]}),
            "outputs": node.outputs,
            "folder": str(self.plan.folder),
            "resolved": self.plan.resolved.get(node.name, {}),
            "notes": node.notes,
            "tells": isinstance(self.children, Forked),
            "records": {"path": str(log.with_suffix(".jsonl")), "tensorboard": self.settings.tensorboard},
            "kept": {"limit_mb": self.settings.states_mb, "code": headrace_version()},
        }
        if not self.is_drawn:
            progress.say(f"{node.name}: running")
        self.children.start(node.name, call, log)
        return True

    def wait(self, timeout_s: float) -> list[Outcome]:
        """What has ended; waits at most so long for it. Raises StoreError when the store failed a step."""
        return [self._ended(ended) for ended in self.children.wait(timeout_s)]

    def _ended(self, ended: Ended) -> Outcome:
        running = self.running.pop(ended.step)
        running.log.with_suffix(".progress").unlink(missing_ok=True)
        node, seconds = running.node, time.monotonic() - running.started
        if ended.answer is not None and "error" not in ended.answer:
            outputs = ordered(node, ended.answer["outputs"])
            return Outcome(node, "succeeded", outputs, ended.answer["result"], seconds=seconds)
        row = self.store.cached(running.key)
        if row is not None and row.attempt_id == running.attempt.id:
            # It was killed between its commit and its answer: what is committed is done.
            outputs = ordered(node, {name: item.digest for name, item in row.outputs.items()})
            return Outcome(node, "succeeded", outputs, row.result, seconds=seconds)
        error = (ended.answer or {}).get("error", {})
        reason = failure(ended, node.timeout_s if running.is_late else None)
        if error.get("is_ours") and node.line and ".py, line" not in reason:
            reason = f"{reason} ({node.line})"
        if error.get("is_store") and not error.get("is_lost"):
            raise StoreError(reason, where=f"step {ended.step!r}", fix="headrace resume, once that is put right")
        state = "lost" if error.get("is_lost") else "failed"
        if state == "failed":
            try:
                self.store.fail(running.attempt, reason)
            except LeaseLost:
                state = "lost"
        return Outcome(node, state, reason=reason, seconds=seconds, log=running.log, error=error)

    def look_after(self) -> None:
        """Renew leases; stop what is late, or was taken over."""
        now = time.monotonic()
        for name, running in self.running.items():
            timeout_s = running.node.timeout_s
            if timeout_s is not None and now - running.started > timeout_s and not running.is_late:
                running.is_late = True
                self.children.stop(name)
        if now - self._renewed < self.settings.lease_s / 3:
            return
        self._renewed = now
        for running in self.running.values():
            # It may have just committed, its lease gone with that; a lost one says so when it tries to commit.
            with contextlib.suppress(LeaseLost):
                running.attempt.renew()

    def stop(self) -> None:
        """Kill what runs."""
        for name in self.running:
            self.children.stop(name)

    def drop_lost(self) -> None:
        """Kill what was taken over: whoever fenced it wants it to end."""
        for name, running in self.running.items():
            if not self.store.is_held(running.attempt):
                self.children.stop(name)

    def fail(self, reason: str) -> None:
        """Record that all that runs has failed; its processes are gone already."""
        for running in self.running.values():
            with contextlib.suppress(LeaseLost):  # it has committed
                self.store.fail(running.attempt, reason)
        self.running.clear()


def ordered(node: Node, outputs: Mapping[str, str | None]) -> dict[str, str | None]:
    """A step's outputs in the order of its declaration."""
    first = [name for name in node.outputs if name in outputs]
    return {name: outputs[name] for name in [*first, *(name for name in outputs if name not in first)]}


# What the verbs' steps import as they run, beside their rooms.
_LATER = ("headrace.store.states", "ruamel.yaml", "numpy.ma")


def forked(plan: Plan, run_id: str, store: Store) -> Forked:
    """A zygote that imports what the verbs of this plan need; nothing that starts a thread (onnxruntime does)."""
    from headrace.orchestration.verbs import VERBS

    used = [VERBS[node.call].target.partition(":")[0] for node in plan.graph.nodes if node.call in VERBS]
    modules, later = ["headrace.orchestration.worker", *store.modules], []
    if used:
        modules += ["numpy", "pyarrow", "pyarrow.compute", "pyarrow.parquet", "headrace.orchestration.bodies", used[0]]
        later = list(dict.fromkeys([*used[1:], *_LATER, *(["onnx"] if "headrace.transformation" in used else [])]))
    log = disk.make_folder(store.home.logs / run_id) / "_zygote.log"
    return Forked(plan.file, log, modules=modules, later=later, sources=plan.sources)
