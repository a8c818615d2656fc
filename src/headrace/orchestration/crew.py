"""The crew of one process: takes runs from the queue, or from the dead, and helps with those of the living.

`headrace worker` is a crew and nothing else; `headrace up` has one. The pipeline's file is never imported here: a run
is carried out as it was recorded, and its zygote refuses when the code is no longer what was planned.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from headrace import progress
from headrace.errors import InvalidInput, LeaseLost, StoreBusy
from headrace.orchestration.approvals import expire_due
from headrace.orchestration.children import spare_runner
from headrace.orchestration.coordinator import Coordinator
from headrace.orchestration.hands import forked
from headrace.orchestration.helper import Helper
from headrace.orchestration.notifying import Teller, notice_of
from headrace.orchestration.recorded import recorded_plan

if TYPE_CHECKING:
    from headrace.orchestration.plan import Plan
    from headrace.settings import Settings
    from headrace.store import RunRow, Store

__all__ = ["Crew"]

# A run that was taken so often, and not one step ended in between, kills whoever takes it.
_MOST_TAKES = 5
_GETS_ON = ("attempt-succeeded", "attempt-cached", "approval-answered", "run-finished")
_EXPIRE_S = 1.0  # how often is looked whether a question's time is over
_PAUSE_S = 5.0  # after the store has failed a run, before it is tried again


class _Coordinated(threading.Thread):
    """One run that this process coordinates."""

    def __init__(self, plan: Plan, run_id: str, store: Store, settings: Settings) -> None:
        super().__init__(name=f"run-{run_id}")
        self.run_id = run_id
        self._children = forked(plan, run_id, store)
        self.coordinator = Coordinator(plan, run_id, store, settings, self._children, hands_back=True)
        self.error: Exception | None = None

    def run(self) -> None:
        """Run it to its end; what goes wrong is kept."""
        progress.speak_of(self.coordinator.plan.graph.pipeline)
        try:
            self.coordinator.run()
        except Exception as error:  # kept for the crew, which goes on
            self.error = error
        finally:
            self._children.close()


class Crew:
    """Runs and steps that this process works on.

    Parameters
    ----------
    store, settings : Store, Settings
        Where the work is, and how many steps this process runs at once.
    project : Path
        The project's folder.
    """

    def __init__(self, store: Store, settings: Settings, project: Path) -> None:
        spare_runner()
        self.store, self.settings, self.project = store, settings, project
        self.coordinated: dict[str, _Coordinated] = {}
        self.helpers: dict[str, Helper] = {}
        self.unable: dict[str, str] = {}  # runs that cannot be carried out here, and why
        self.ended: list[tuple[str, str]] = []  # run and state, for whoever wants to know; emptied by them
        self.interrupts = 0
        self._teller = Teller(store, settings)
        self._announced = 0.0
        self._expired = -_EXPIRE_S
        self._left: dict[str, float] = {}  # runs that the store failed under us: when to put them back

    @property
    def is_idle(self) -> bool:
        """Whether nothing runs here."""
        return not self.coordinated and not self._left and not any(helper.is_busy for helper in self.helpers.values())

    def interrupt(self) -> None:
        """Begin nothing more, and hand runs back when what runs has ended; the second time, at once.

        Called from a signal: only notes it.
        """
        self.interrupts += 1
        for item in list(self.coordinated.values()):
            item.coordinator.interrupt()

    def turn(self) -> None:
        """Look for work once: to be called every tenth of a second or so."""
        now = time.monotonic()
        if not self._announced or now - self._announced > self.settings.lease_s / 3:
            self._announced = now
            self.store.announce("worker")
        if self.interrupts > 1:
            for helper in self.helpers.values():
                helper.stop()
        self._collect()
        self._teller.turn()
        if now - self._expired > _EXPIRE_S:
            self._expired = now
            for item in expire_due(self.store):
                progress.say(f"run {item.run_id}: {item.step} expired: nobody answered in time")
        running = self.store.runs(state="running")
        if not self.interrupts:
            self._take(running)
        self._help({run.run_id: run for run in running if run.run_id not in self.coordinated})

    def close(self) -> None:
        """Leave: what still runs here is stopped, and handed back."""
        while not self.is_idle:
            self.interrupts = max(self.interrupts, 1)
            self.interrupt()
            self.turn()
            time.sleep(0.05)
        for helper in self.helpers.values():
            helper.close()
        self.store.withdraw("worker")
        self._teller.close()

    def _collect(self) -> None:
        for run_id, item in list(self.coordinated.items()):
            if item.is_alive():
                continue
            item.join()
            del self.coordinated[run_id]
            state = self.store.run(run_id).state
            if state not in ("queued", "running"):
                self.ended.append((run_id, state))
            if item.error is not None:
                progress.say(f"run {run_id}: {item.error}")
                self._left[run_id] = time.monotonic() + _PAUSE_S
        for run_id, moment in list(self._left.items()):
            if time.monotonic() > moment or self.interrupts:
                del self._left[run_id]
                with contextlib.suppress(LeaseLost):  # it was finished, or put back, then and there
                    self.store.release_run(run_id)

    def _take(self, running: list[RunRow]) -> None:
        """Take what waits longest; runs whose process died come first."""
        dead = [run for run in running if not self.store.is_alive(self.store.lease(run.run_id))]
        for run in [*reversed(dead), *reversed(self.store.runs(state="queued"))]:
            room = self.settings.num_workers
            num_busy = sum(not item.coordinator.is_held for item in self.coordinated.values())
            if num_busy >= room or self.store.num_held() >= room:
                return
            plan = self._plan(run)
            if plan is None:
                continue
            try:
                self.store.take_run(run.run_id, only=("queued", "running"))
            except StoreBusy:
                continue  # another was quicker
            if self._takes(run.run_id) > _MOST_TAKES:
                progress.say(f"run {run.run_id} was taken {_MOST_TAKES} times and got nowhere: it is given up")
                notice = notice_of(self.store, run.run_id, "failed", self.settings)
                self.store.finish_run(run.run_id, "failed", notice=notice)
                self.ended.append((run.run_id, "failed"))
                continue
            item = _Coordinated(plan, run.run_id, self.store, self.settings)
            self.coordinated[run.run_id] = item
            item.start()

    def _help(self, others: dict[str, RunRow]) -> None:
        for run_id, run in others.items():
            if run_id in self.helpers or self.interrupts:
                continue
            if not self.store.is_alive(self.store.lease(run_id)):
                continue
            plan = self._plan(run)
            if plan is not None:
                self.helpers[run_id] = Helper(plan, run_id, self.store, self.settings)
        for run_id, helper in list(self.helpers.items()):
            helper.turn(may_begin=run_id in others and not self.interrupts)
            if helper.refused:
                self._refuse(run_id, helper.refused)
            if helper.refused or (run_id not in others and not helper.is_busy):
                helper.close()
                del self.helpers[run_id]

    def _plan(self, run: RunRow) -> Plan | None:
        """The run's plan as it was recorded; None, said once, when it cannot be carried out here."""
        if run.run_id in self.unable:
            return None
        try:
            taken = self.store.newest_event("run-taken", run_id=run.run_id)
            if taken is not None and taken.body.get("replanned"):
                raise InvalidInput(
                    f"run {run.run_id} goes on by another plan than the recorded one",
                    fix=f"headrace resume {run.run_id}",
                )
            return recorded_plan(run, self.project)
        except InvalidInput as error:
            self._refuse(run.run_id, str(error))
            return None

    def _refuse(self, run_id: str, why: str) -> None:
        self.unable[run_id] = why
        progress.say(f"run {run_id} is left alone here: {why}")

    def _takes(self, run_id: str) -> int:
        """How often the run was taken since a step of it ended, a person answered, or it came to an end."""
        kinds = [event.kind for event in self.store.events(run_id)]
        since = itertools.takewhile(lambda kind: kind not in _GETS_ON, reversed(kinds))
        return sum(kind == "run-taken" for kind in since)
