"""The coordinator of a run: starts each step when its inputs are known, takes what is known from the store.

It holds the run's lease and those of its running attempts, and renews them; a step's process can only commit while
its lease stands. Workers may help: what they begin is awaited like our own. Whatever kills the coordinator,
everything committed stays, and `headrace resume`, or a worker, goes on from there.

Longer than most files: it is one loop over one set of steps, whose parts would have to share all of it.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from headrace import progress
from headrace.errors import StoreError
from headrace.orchestration.approvals import subject_of
from headrace.orchestration.children import Children, ZygoteDied
from headrace.orchestration.conditions import is_left_out
from headrace.orchestration.handles import Reference
from headrace.orchestration.hands import Hands, Outcome, ordered
from headrace.orchestration.lookups import Inputs, inputs_of, is_looked_up, is_refusal
from headrace.orchestration.notifying import notice_of
from headrace.orchestration.patience import Tries
from headrace.orchestration.plan import Plan
from headrace.orchestration.reading import without_measurements
from headrace.orchestration.reporting import tell_failure, tell_run, tell_step
from headrace.orchestration.results import RunResult, StepResult, state_of
from headrace.orchestration.tracing import Node
from headrace.orchestration.waivers import waived_of
from headrace.orchestration.worker import accepted_of

if TYPE_CHECKING:
    from headrace.settings import Settings
    from headrace.store import AttemptRow, Store

__all__ = ["Coordinator"]

_POLL_S = 0.25
_SHARED_POLL_S = 0.05  # while others work on the run too: they tell us through the store alone
_ASK_S = 0.5  # how often the store is asked whether somebody wants the run to stop, or could help


@dataclass
class _Foreign:
    """A step that another process works on."""

    node: Node
    attempt_id: str


class Coordinator:
    """Coordinates one run, whose lease this process holds.

    Parameters
    ----------
    plan : Plan
        As it was planned, or recorded.
    run_id : str
        The run.
    store, settings : Store, Settings
        Where, and how many steps at once.
    children : Children
        What runs the steps.
    hands_back : bool
        Whether, when it is interrupted, the run goes back into the queue instead of being cancelled.
    only : collection of str, optional
        The steps that this process begins; the others are another's to begin, and the run is put back when these have
        ended. None = all, and the run is finished.
    """

    def __init__(
        self,
        plan: Plan,
        run_id: str,
        store: Store,
        settings: Settings,
        children: Children,
        *,
        hands_back: bool = False,
        only: Collection[str] | None = None,
    ) -> None:
        self.plan, self.run_id, self.store, self.settings = plan, run_id, store, settings
        self.only = only
        self.hands = Hands(plan, run_id, store, settings, children)
        self.results: dict[str, StepResult] = {}
        self.waiting: list[Node] = list(plan.graph.nodes)
        self.foreign: dict[str, _Foreign] = {}
        self.hands_back = hands_back
        self.interrupts = 0
        self.stopped_by = 0
        self._is_cancelled = False
        self._is_helped = False
        self._told = False
        self._waits_for_room = False
        self._is_resting = False  # whether the run ends here, to go on when a person has answered
        self._asking: dict[str, str] = {}  # steps that wait for a person, and what they ask
        self._until_us: dict[str, int] = {}  # when some of these become a no
        self._calls = {node.name: node.call for node in plan.graph.nodes}
        self._left_out: set[str] = set()  # steps after which one is skipped, not blocked
        self._missing: dict[str, str] = {}  # steps that are ready, and whose key the store does not know
        self._renewed = self._asked = time.monotonic()
        rows = store.attempts(run_id)
        # On resuming: the steps this run has finished already need no second record.
        self._finished = {row.step: row.key for row in rows if row.state in ("succeeded", "cached")}
        self._skipped = {step for step, row in {row.step: row for row in rows}.items() if row.state == "skipped"}
        self._seen = Counter(row.step for row in rows)  # how many attempts at each step we know of
        self.tries = Tries(run_id, store, rows)
        for row in rows:
            if row.state == "running" and self._is_worked_on(row):  # by who helped the runner before us
                self._leave(plan.graph[row.step], row)

    def run(self) -> RunResult:
        """Run it to its end, or until it is interrupted."""
        start = time.monotonic()
        nodes, resolved = self.plan.graph.nodes, self.plan.resolved
        number = sum(not is_looked_up(node.call, resolved.get(node.name, {})) for node in nodes)
        steps = f"{number} step{'s' if number != 1 else ''}" if self.only is None else ", ".join(self.only)
        progress.say(f"run {self.run_id} of {self.plan.graph.pipeline}: {steps}")
        try:
            while self.waiting or self.hands.running or self.foreign:
                if not self.interrupts:
                    self._start_ready()
                    if self._is_through or (self._asking and self._rest()):
                        break
                elif not self.hands.running and (self.hands_back or not self.foreign):
                    break
                if self.hands.running:
                    for outcome in self.hands.wait(_SHARED_POLL_S if self.foreign or self._is_helped else _POLL_S):
                        self._ended(outcome)
                elif self.waiting or self.foreign:
                    time.sleep(_SHARED_POLL_S)
                self._look_after()
                self.hands.draw()
        except BaseException as error:
            self._abandon(error)
            raise
        finally:
            if self.hands.is_drawn:
                progress.show([])
        state = self._finish()
        unfinished = [*self.waiting, *(item.node for item in self.foreign.values())]
        reason = "the run was stopped" if self.only is None else "not begun here"
        if self._is_resting:
            reason = f"after {', '.join(self._asking)}"
        for node in unfinished:
            state_of_it, why = (
                ("waiting", self._asking[node.name]) if node.name in self._asking else ("not run", reason)
            )
            self.results[node.name] = StepResult(node.name, state_of_it, reason=why)
        names = [node.arguments["endpoint"] for node in self.plan.graph.nodes if node.call == "push"]
        result = RunResult(
            self.run_id,
            self.plan.graph.pipeline,
            state,
            {node.name: self.results[node.name] for node in self.plan.graph.nodes},
            self.store.home.path,
            time.monotonic() - start,
            self.stopped_by,
            {name: sorted({move.version for move in self.store.moves(name)}) for name in sorted(names)},
        )
        if self.only is None:
            tell_run(result)
        return result

    def interrupt(self) -> None:
        """Start nothing more; the second time, stop what runs. Called from a signal: only notes it."""
        self.interrupts += 1

    @property
    def is_held(self) -> bool:
        """Whether nothing runs, and a step waits to be tried again: its process has room for another run's steps."""
        return not self.hands.running and self.tries.is_waiting

    @property
    def _is_through(self) -> bool:
        """Whether nothing is left that this process may begin, or waits for."""
        return self.only is not None and not self.hands.running and not self.foreign and not self._waits_for_room

    def _rest(self) -> bool:
        """End the run, to go on when a person has answered, if nothing else is left to do; returns whether it ended."""
        if self.only is not None or self.hands.running or self.foreign or self._waits_for_room:
            return False
        if any(result.state == "failed" for result in self.results.values()):
            self._is_resting = True  # and ends as failed: what failed has to be seen to first
        else:
            notice = notice_of(self.store, self.run_id, "waiting", self.settings)
            self._is_resting = self.store.rest_run(self.run_id, notice=notice)
        return self._is_resting

    def _finish(self) -> str:
        if self.only is not None:
            self.store.release_run(self.run_id)
            return "queued"
        is_failed = any(result.state == "failed" for result in self.results.values())
        if self._is_resting and not is_failed:
            return "waiting"
        is_open = bool(self.waiting or self.foreign) and not self._is_resting
        state = "cancelled" if is_open else state_of(self.results.values())
        if state == "cancelled" and self.hands_back and not self._is_cancelled:
            self.store.release_run(self.run_id)
            return "queued"
        self._end(state)
        return state

    def _end(self, state: str) -> None:
        self.store.finish_run(self.run_id, state, notice=notice_of(self.store, self.run_id, state, self.settings))

    def _start_ready(self) -> None:
        self._waits_for_room = False
        progressed = True
        while progressed:
            progressed = False
            ended = {name: result.outputs for name, result in self.results.items()}
            for node in list(self.waiting):
                inputs = inputs_of(node, self.plan.resolved.get(node.name, {}), ended, self._left_out)
                if inputs is not None and self._advance(node, inputs):
                    self.waiting.remove(node)
                    progressed = True

    def _advance(self, node: Node, inputs: Inputs) -> bool:
        """Block, take from the store, or start a step whose inputs are known; False when it has to wait."""
        if inputs.output is not None and inputs.withheld is None:
            self.results[node.name] = StepResult(node.name, "looked up", inputs.output)
            return True
        if self.only is not None and node.name not in self.only and node.name not in self._finished:
            if inputs.withheld is not None and node.name in self._skipped:  # what comes after it has to know
                self.results[node.name] = StepResult(node.name, "skipped")
                self._left_out.add(node.name)
                return True
            return False
        if inputs.withheld is not None:
            self._leave_out(node, inputs.withheld)
            return True
        key = self._missing.get(node.name) or self.plan.key_of(node, inputs.digests)
        if node.name not in self._missing and self._take_known(node, key, inputs.digests):
            return True
        self._missing[node.name] = key
        if node.call == "approval" and self._is_unanswered(node, key, inputs.digests):
            return False
        if self.tries.has_to_wait(node, key) or not self.hands.has_room:
            self._waits_for_room = True
            return False
        self._seen[node.name] += 1
        if self.hands.begin(node, key, inputs.digests, number=self._seen[node.name]):
            return True
        # Somebody else has it, or has had it: what we know of it is old.
        self._seen[node.name] -= 1
        del self._missing[node.name]
        self._is_helped = self._waits_for_room = True
        return False

    def _take_known(self, node: Node, key: str, digests: Mapping[Reference, str | None]) -> bool:
        row = self.store.cached(key)
        is_helped = row is not None and (row.run_id, row.step) == (self.run_id, node.name)
        if row is not None and (row.aside or (self._finished.get(node.name) != key and not is_helped)):
            resolved = self.plan.resolved.get(node.name, {})
            judged: dict[str, Any] = {
                "accepted": accepted_of(row.result, resolved),
                "waived": waived_of(row.result, resolved),
            }
            row = self.store.reuse(self.run_id, node.name, key, **judged, **self.hands.record(node, digests))
            self._seen[node.name] += 1
        if row is None:
            return False
        outputs: dict[str, str | None] = {name: item.digest for name, item in row.outputs.items()}
        if is_helped and node.name not in self._finished:
            self._set(StepResult(node.name, "succeeded", ordered(node, outputs), row.result))
        else:
            result = without_measurements(row.result)
            self._set(StepResult(node.name, "cached", ordered(node, outputs), result))
        return True

    def _is_unanswered(self, node: Node, key: str, digests: Mapping[Reference, str | None]) -> bool:
        """Whether a person has yet to answer; asks, where that is new."""
        record = self.hands.record(node, digests)
        arguments = record["parts"]["arguments"]
        subject, about = subject_of(arguments)
        if self.store.answered(self.plan.graph.pipeline, node.name, subject, run_id=self.run_id) is not None:
            self._asking.pop(node.name, None)
            return False
        timeout_s = arguments.get("timeout_s")  # a plan that an earlier headrace recorded has none
        if node.name not in self._asking:
            question = self._asking[node.name] = str(arguments["question"])
            is_new = self.store.ask(
                self.run_id,
                node.name,
                key,
                subject=subject,
                question=question,
                about=about,
                timeout_s=timeout_s,
                **record,
            )
            self._seen[node.name] += is_new
            progress.say(f"{node.name}: waiting for approval" + (f": {question}" if question else ""))
            if timeout_s is not None:
                asked_us = self.store.attempts(self.run_id, node.name)[-1].started_us
                self._until_us[node.name] = asked_us + round(timeout_s * 1e6)
        if time.time_ns() // 1000 < self._until_us.get(node.name, math.inf):
            return True
        return not self.store.expire(self.run_id, node.name) or self._is_unanswered(node, key, digests)

    def _leave_out(self, node: Node, need: Reference) -> None:
        """Record that a step is blocked, or skipped, and by what."""
        before = self.results[need.step]
        state, is_skipped = before.state, need.step in self._left_out
        if state in ("blocked", "skipped"):
            reason = f"{need.step} is {state}"
        elif is_skipped:
            reason = str(before.result.get("summary") or f"{need.step} does not hold")
        elif state == "failed":
            reason = f"{need.step} failed"
        else:
            reason = f"{need.step} said no" if is_refusal(need) else f"{need.step} gave no {need.output!r}"
        self.store.block(self.run_id, node.name, "", reason, is_skipped=is_skipped)
        self._seen[node.name] += 1
        self._set(StepResult(node.name, "skipped" if is_skipped else "blocked", reason=reason))

    def _set(self, result: StepResult) -> None:
        self.results[result.name] = result
        if is_left_out(self._calls[result.name], result.state, result.outputs):
            self._left_out.add(result.name)
        tell_step(result)

    def _ended(self, outcome: Outcome) -> None:
        name = outcome.node.name
        if outcome.state == "succeeded":
            self._set(StepResult(name, "succeeded", outcome.outputs, outcome.result, seconds=outcome.seconds))
        elif outcome.state == "failed":
            self._failed(outcome)
        else:
            self.store.renew_run(self.run_id)  # LeaseLost when the whole run was taken over
            self._put_back(outcome.node)

    def _failed(self, outcome: Outcome) -> None:
        node = outcome.node
        # Steps that another orchestrator starts it tries again itself.
        if self.only is None and not self.interrupts and self.tries.tries_again(node, outcome.reason):
            self._put_back(node)
            return
        self._set(StepResult(node.name, "failed", reason=outcome.reason, seconds=outcome.seconds))
        tell_failure(outcome.log, outcome.error)

    def _put_back(self, node: Node) -> None:
        self._missing.pop(node.name, None)
        self.waiting.insert(0, node)

    def _look_around(self) -> None:
        """Learn from the run's attempts what others have begun, and how it ended."""
        rows = self.store.attempts(self.run_id)
        newest, counts = {row.step: row for row in rows}, Counter(row.step for row in rows)
        for name, item in list(self.foreign.items()):
            if newest[name].state == "running" and self._is_worked_on(newest[name]):
                item.attempt_id = newest[name].attempt_id
            else:
                del self.foreign[name]
                self._foreign_ended(item.node, newest[name])
        for node in [node for node in self.waiting if counts[node.name] != self._seen[node.name]]:
            self._seen[node.name] = counts[node.name]
            row = newest[node.name]
            if row.state == "running" and self._is_worked_on(row):
                self._leave(node, row)
                progress.say(f"{node.name}: running, in another process")
            elif row.state in ("succeeded", "failed"):
                self.waiting.remove(node)
                self._foreign_ended(node, row)

    def _leave(self, node: Node, row: AttemptRow) -> None:
        """Leave a step to who works on it."""
        self.foreign[node.name] = _Foreign(node, row.attempt_id)
        self.waiting.remove(node)

    def _is_worked_on(self, row: AttemptRow) -> bool:
        """Whether an attempt that was running has a living process, or has ended meanwhile."""
        if self.store.is_alive(self.store.lease(row.attempt_id)):
            return True
        return self.store.attempts(self.run_id, row.step)[-1].state != "running"

    def _foreign_ended(self, node: Node, row: AttemptRow) -> None:
        seconds = ((row.ended_us or row.started_us) - row.started_us) / 1e6
        if row.state == "succeeded":
            outputs = ordered(node, {name: item.digest for name, item in row.outputs.items()})
            self._set(StepResult(node.name, "succeeded", outputs, row.result or {}, seconds=seconds))
        elif row.state == "failed":
            log = self.hands.log_of(node)
            self._failed(Outcome(node, "failed", reason=row.reason or "", seconds=seconds, log=log))
        else:
            progress.say(f"{node.name}: its process died")
            self._put_back(node)

    def _look_after(self) -> None:
        """Renew leases, stop what is late or cancelled, see what others do."""
        now = time.monotonic()
        if self.interrupts and self.hands.running and not self._told:
            self._told = True
            names = list(self.hands.running)
            have = "has" if len(names) == 1 else "have"
            progress.say(f"stopping when {', '.join(names)} {have} ended; once more stops at once")
        if self.interrupts > 1:
            self.hands.stop()
            for item in self.foreign.values() if self._is_cancelled or not self.hands_back else ():
                self.store.forget_attempt(item.attempt_id, "the run was cancelled")
        self.hands.look_after()
        if now - self._asked > _ASK_S:
            self._asked = now
            self._ask()
        if self.foreign or self._is_helped:
            self._look_around()
        if now - self._renewed > self.settings.lease_s / 3:
            self._renewed = now
            self.store.renew_run(self.run_id)

    def _ask(self) -> None:
        """Whether somebody wants the run to stop, and whether there is who may help."""
        if self.store.run(self.run_id).is_cancel_requested:
            self._is_cancelled = True
            urgent = self.store.is_cancel_urgent(self.run_id)
            self.interrupts = max(self.interrupts, 2 if urgent else 1)
        self._is_helped = bool(self.store.announced("worker"))

    def _abandon(self, error: BaseException) -> None:
        """We cannot go on: leave the run as resumable as it can be."""
        self.hands.children.close()
        if isinstance(error, StoreError):
            return  # nothing can be recorded; our leases end with us
        if self.hands_back and isinstance(error, ZygoteDied):
            self.store.release_run(self.run_id)
            return
        self.hands.fail(f"the runner stopped: {str(error) or type(error).__name__}")
        self._end("failed" if isinstance(error, Exception) else "cancelled")
