"""Helping: this process begins steps of a run that another coordinates, and leaves everything else to it.

A helper takes what stays ready for a moment, so that a coordinator with room is never raced. It records an attempt
and how it ended; retries, what is cached or blocked, and the end of the run are the coordinator's to record.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from headrace import progress
from headrace.errors import StepFailed
from headrace.orchestration.children import ZygoteDied
from headrace.orchestration.handles import Reference
from headrace.orchestration.hands import Hands, forked
from headrace.orchestration.lookups import inputs_of
from headrace.orchestration.plan import Plan
from headrace.orchestration.tracing import Node

if TYPE_CHECKING:
    from headrace.settings import Settings
    from headrace.store import AttemptRow, Store

__all__ = ["Helper"]


@dataclass(frozen=True)
class _Ready:
    node: Node
    key: str
    digests: dict[Reference, str | None]
    number: int


class Helper:
    """Steps of one run that another process coordinates.

    Parameters
    ----------
    plan : Plan
        The run's, as it was recorded.
    run_id : str
        The run.
    store, settings : Store, Settings
        Where, and how many steps this process runs at once.
    """

    def __init__(self, plan: Plan, run_id: str, store: Store, settings: Settings) -> None:
        self.plan, self.run_id, self.store, self.settings = plan, run_id, store, settings
        self.refused = ""
        self._ready_before: set[str] = set()
        self._open()

    def _open(self) -> None:
        self._children = forked(self.plan, self.run_id, self.store)
        self.hands = Hands(self.plan, self.run_id, self.store, self.settings, self._children)

    @property
    def is_busy(self) -> bool:
        """Whether a step runs here."""
        return bool(self.hands.running)

    def turn(self, *, may_begin: bool) -> None:
        """Hear of what has ended, look after what runs, begin what stays ready. Takes milliseconds."""
        try:
            for outcome in self.hands.wait(0.001):
                said = f"{outcome.state}: {outcome.reason}" if outcome.reason else outcome.state
                progress.say(f"{outcome.node.name}: {said} (run {self.run_id})")
        except ZygoteDied:
            for running in self.hands.running.values():
                self.store.forget_attempt(running.attempt.id, "its process died")
            self.close()
            self._open()
            return
        except StepFailed as error:
            self.refused = str(error)
            return
        self.hands.look_after()
        self.hands.drop_lost()
        if may_begin:
            self._begin()

    def _begin(self) -> None:
        ready = {item.node.name: item for item in self._ready()}
        stays, self._ready_before = self._ready_before & set(ready), set(ready)
        for name, item in ready.items():
            if name not in stays or not self.hands.has_room:
                continue
            if not self._children.is_ready:
                self._children.prepare()
                return
            self.hands.begin(item.node, item.key, item.digests, number=item.number, is_helper=True)

    def _ready(self) -> Iterator[_Ready]:
        """Steps whose inputs are known and that nobody has begun; one whose process died counts as not begun."""
        rows = self.store.attempts(self.run_id)
        newest, counts = {row.step: row for row in rows}, Counter(row.step for row in rows)
        ended: dict[str, dict[str, str | None]] = {
            row.step: {name: item.digest for name, item in row.outputs.items()}
            for row in newest.values()
            if row.state in ("succeeded", "cached")
        }
        for node in self.plan.graph.nodes:
            if node.call == "approval":  # who coordinates the run asks the person
                continue
            inputs = inputs_of(node, self.plan.resolved.get(node.name, {}), ended)
            if inputs is None or inputs.withheld is not None:
                continue
            if inputs.output is not None:
                ended[node.name] = inputs.output
            elif node.name not in newest or self._is_free(newest[node.name]):
                key = self.plan.key_of(node, inputs.digests)
                if self.store.cached(key) is None:
                    yield _Ready(node, key, inputs.digests, counts[node.name] + 1)

    def _is_free(self, row: AttemptRow) -> bool:
        if row.state == "running":
            return not self.store.is_alive(self.store.lease(row.attempt_id))
        return row.state == "lost"

    def stop(self) -> None:
        """Kill what runs here; whoever coordinates the run takes it again."""
        for running in self.hands.running.values():
            self.store.forget_attempt(running.attempt.id, "its worker was stopped")
        self.hands.stop()

    def close(self) -> None:
        """End the processes."""
        self._children.close()
