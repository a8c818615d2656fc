"""The runner: starts each step when its inputs are known, takes what is known from the store, and says how it went.

It holds the run's lease and those of the running attempts, and renews them; a step's process can only commit while
its lease stands. Whatever kills the runner, everything committed stays, and `headrace resume` goes on from there.
"""

from __future__ import annotations

import contextlib
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace import disk, progress
from headrace.errors import LeaseLost, StoreError
from headrace.orchestration.children import Children, Ended, Forked, Inline, spare_runner
from headrace.orchestration.fingerprint import headrace_version
from headrace.orchestration.handles import Reference
from headrace.orchestration.lookups import Known, looked_up
from headrace.orchestration.plan import Plan
from headrace.orchestration.reading import without_measurements
from headrace.orchestration.reporting import failure, tell_failure, tell_run, tell_step
from headrace.orchestration.results import RunResult, StepResult
from headrace.orchestration.tracing import Node, substitute
from headrace.orchestration.waivers import waived_of
from headrace.orchestration.worker import accepted_of

if TYPE_CHECKING:
    from headrace.orchestration.pipelines import Pipeline
    from headrace.settings import Settings
    from headrace.store import Attempt, RunRow, Store

__all__ = ["resume_run", "run_pipeline", "run_plan"]

_POLL_S = 0.25
_CANCEL_S = 0.5  # how often the store is asked whether somebody wants the run to stop


def run_pipeline(
    pipeline: Pipeline,
    parameters: Mapping[str, Any],
    *,
    in_process: bool = False,
    waivers: Sequence[Mapping[str, Any]] = (),
) -> RunResult:
    """Plan and run a pipeline in the store of its project, or of `with hr.open_store(dir):`.

    `waivers` says which findings a person lets pass: {"name", "by", "because"} each.
    """
    from headrace.orchestration.pipelines import refuse_on_import
    from headrace.orchestration.planning import make_plan
    from headrace.orchestration.stores import project_store
    from headrace.settings import load_settings

    spare_runner()
    refuse_on_import(pipeline.name)
    settings = load_settings(pipeline.folder)
    with project_store(settings) as store:
        assert store is not None
        plan = make_plan(pipeline, parameters, store, waivers=waivers)
        run_id = store.create_run(plan.graph.pipeline, plan.to_plain(), resolved=plan.resolved, plan_id=plan.identity)
        return run_plan(plan, run_id, store, settings, in_process=in_process)


def resume_run(pipeline: Pipeline, run: RunRow, store: Store, settings: Settings) -> RunResult:
    """Take over a run that was cut off, or ended without success, and finish it."""
    from headrace.orchestration.planning import plan_again

    spare_runner()
    plan = plan_again(pipeline, run)
    store.take_run(run.run_id)
    return run_plan(plan, run.run_id, store, settings)


def run_plan(plan: Plan, run_id: str, store: Store, settings: Settings, *, in_process: bool = False) -> RunResult:
    """Run a planned and recorded run to its end."""
    logs = disk.make_folder(store.home.logs / run_id)
    children: Children = Inline(store) if in_process else _forked(plan, logs)
    runner = _Runner(plan, run_id, store, settings, children, logs)
    try:
        if in_process:  # Ctrl-C is for the step, then
            return runner.run()
        with _interrupts(runner):
            return runner.run()
    finally:
        children.close()


def _forked(plan: Plan, logs: Path) -> Forked:
    """A zygote that imports what the verbs of this plan need; nothing that starts a thread (onnxruntime does)."""
    from headrace.orchestration.verbs import VERBS

    used = [VERBS[node.call].target.partition(":")[0] for node in plan.graph.nodes if node.call in VERBS]
    modules, later = ["headrace.orchestration.worker", "headrace.store"], []
    if used:
        modules += ["numpy", "pyarrow", "pyarrow.compute", "pyarrow.parquet", "headrace.orchestration.bodies", used[0]]
        later = list(dict.fromkeys([*used[1:], *(["onnx"] if "headrace.transformation" in used else [])]))
    return Forked(plan.file, logs / "_zygote.log", modules=modules, later=later, sources=plan.sources)


@dataclass
class _Running:
    node: Node
    key: str
    attempt: Attempt
    started: float
    log: Path
    is_late: bool = False


class _Runner:
    def __init__(
        self, plan: Plan, run_id: str, store: Store, settings: Settings, children: Children, logs: Path
    ) -> None:
        self.plan, self.run_id, self.store, self.settings = plan, run_id, store, settings
        self.children, self.logs = children, logs
        self.results: dict[str, StepResult] = {}
        self.running: dict[str, _Running] = {}
        self.waiting: list[Node] = list(plan.graph.nodes)
        self.tries: dict[str, int] = {}
        self.interrupts = 0
        self.stopped_by = 0
        self._told = False
        self._missing: dict[str, str] = {}  # steps that are ready, and whose key the store does not know
        self._renewed = self._asked = time.monotonic()
        # On resuming: the steps this run has finished already need no second record.
        self._finished = {row.step: row.key for row in store.attempts(run_id) if row.state in ("succeeded", "cached")}

    def run(self) -> RunResult:
        start = time.monotonic()
        progress.say(f"run {self.run_id} of {self.plan.graph.pipeline}: {len(self.waiting)} steps")
        try:
            while self.waiting or self.running:
                if not self.interrupts:
                    self._start_ready()
                elif not self.running:
                    break
                if self.running:
                    for ended in self.children.wait(_POLL_S):
                        self._ended(ended)
                self._look_after()
        except BaseException as error:
            self._abandon(error)
            raise
        state = self._state()
        self.store.finish_run(self.run_id, state)
        for node in self.waiting:
            self.results[node.name] = StepResult(node.name, "not run", reason="the run was stopped")
        ordered = {node.name: self.results[node.name] for node in self.plan.graph.nodes}
        names = [node.arguments["endpoint"] for node in self.plan.graph.nodes if node.call == "push"]
        result = RunResult(
            self.run_id,
            self.plan.graph.pipeline,
            state,
            ordered,
            self.store.home.path,
            time.monotonic() - start,
            self.stopped_by,
            {name: sorted({move.version for move in self.store.moves(name)}) for name in sorted(names)},
        )
        tell_run(result)
        return result

    def _state(self) -> str:
        if self.waiting:
            return "cancelled"
        if any(item.state == "failed" for item in self.results.values()):
            return "failed"
        if any(item.says_no or item.state == "blocked" for item in self.results.values()):
            return "rejected"
        return "succeeded"

    def _start_ready(self) -> None:
        progressed = True
        while progressed:
            progressed = False
            for node in list(self.waiting):
                if any(need.step not in self.results for need in node.needs):
                    continue
                if self._advance(node):
                    self.waiting.remove(node)
                    progressed = True

    def _advance(self, node: Node) -> bool:
        """Block, take from the store, or start a step whose inputs are known; False when there is no room."""
        digests: dict[Reference, str | None] = {}
        resolved = self.plan.resolved.get(node.name, {})
        known: Known | None = looked_up(node, resolved)
        for need in node.needs if known is None else known.needs:
            result = self.results[need.step]
            if need.output not in result.outputs:
                self._block(node, need, result)
                return True
            digests[need] = result.outputs[need.output]
        if known is not None:
            output = next(iter(node.outputs))
            digest = digests[known.needs[0]] if known.needs else known.digest
            self.results[node.name] = StepResult(node.name, "looked up", {output: digest})
            return True
        key = self._missing.get(node.name) or self.plan.key_of(node, digests)
        if node.name not in self._missing and self._take_known(node, key, digests):
            return True
        self._missing[node.name] = key
        if len(self.running) >= self.settings.num_workers:
            return False
        self._start(node, key, digests)
        return True

    def _take_known(self, node: Node, key: str, digests: Mapping[Reference, str | None]) -> bool:
        row = self.store.cached(key)
        if row is not None and self._finished.get(node.name) != key:
            resolved = self.plan.resolved.get(node.name, {})
            judged: dict[str, Any] = {
                "accepted": accepted_of(row.result, resolved),
                "waived": waived_of(row.result, resolved),
            }
            row = self.store.reuse(self.run_id, node.name, key, **judged, **self._record(node, digests))
        if row is None:
            return False
        outputs: dict[str, str | None] = {name: item.digest for name, item in row.outputs.items()}
        result = without_measurements(row.result)
        self.results[node.name] = StepResult(node.name, "cached", _ordered(node, outputs), result)
        tell_step(self.results[node.name])
        return True

    def _block(self, node: Node, need: Reference, result: StepResult) -> None:
        if result.state == "failed":
            reason = f"{need.step} failed"
        elif result.state == "blocked":
            reason = f"{need.step} is blocked"
        else:
            reason = f"{need.step} withheld {need.output!r}"
        self.store.block(self.run_id, node.name, "", reason)
        self.results[node.name] = StepResult(node.name, "blocked", reason=reason)
        tell_step(self.results[node.name])

    def _record(self, node: Node, digests: Mapping[Reference, str | None]) -> dict[str, Any]:
        """What is recorded with an attempt so that it can be explained: its inputs, and its key in parts."""
        return {
            "inputs": {str(reference): digest for reference, digest in digests.items()},
            "parts": self.plan.parts_of(node, digests),
            "notes": self.plan.notes_of(node),
        }

    def _start(self, node: Node, key: str, digests: Mapping[Reference, str | None]) -> None:
        attempt = self.store.begin_attempt(self.run_id, node.name, key, **self._record(node, digests))
        log = self.logs / f"{re.sub(r'[^A-Za-z0-9_.=-]', '_', node.name)}.log"
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
            "kept": {"limit_mb": self.settings.states_mb, "code": headrace_version()},
        }
        progress.say(f"{node.name}: running")
        self.children.start(node.name, call, log)

    def _ended(self, ended: Ended) -> None:
        running = self.running.pop(ended.step)
        seconds = time.monotonic() - running.started
        if ended.answer is not None and "error" not in ended.answer:
            outputs = _ordered(running.node, ended.answer["outputs"])
            done = StepResult(ended.step, "succeeded", outputs, ended.answer["result"], seconds=seconds)
            self.results[ended.step] = done
            tell_step(done)
            return
        row = self.store.cached(running.key)
        if row is not None and row.attempt_id == running.attempt.id:
            # It was killed between its commit and its answer: what is committed is done.
            outputs = _ordered(running.node, {name: item.digest for name, item in row.outputs.items()})
            self.results[ended.step] = StepResult(ended.step, "succeeded", outputs, row.result, seconds=seconds)
            tell_step(self.results[ended.step])
            return
        error = (ended.answer or {}).get("error", {})
        reason = failure(ended, running.node.timeout_s if running.is_late else None)
        if error.get("is_lost"):
            raise LeaseLost(reason, fix="another process has taken this run over")
        if error.get("is_store"):
            raise StoreError(reason, where=f"step {ended.step!r}", fix="headrace resume, once that is put right")
        self.store.fail(running.attempt, reason)
        self.tries[ended.step] = self.tries.get(ended.step, 0) + 1
        if self.tries[ended.step] <= running.node.retries and not self.interrupts:
            progress.say(f"{ended.step}: {reason}; trying again ({self.tries[ended.step]} of {running.node.retries})")
            self.waiting.insert(0, running.node)
            return
        self.results[ended.step] = StepResult(ended.step, "failed", reason=reason, seconds=seconds)
        tell_step(self.results[ended.step])
        tell_failure(running.log, error)

    def _look_after(self) -> None:
        """Renew leases, stop what is late or cancelled."""
        now = time.monotonic()
        if self.interrupts and self.running and not self._told:
            self._told = True
            progress.say(f"stopping when {', '.join(self.running)} has ended; once more stops at once")
        for name, running in self.running.items():
            timeout_s = running.node.timeout_s
            late = timeout_s is not None and now - running.started > timeout_s
            if (late and not running.is_late) or self.interrupts > 1:
                running.is_late = late
                self.children.stop(name)
        if now - self._asked > _CANCEL_S and not self.interrupts:
            self._asked = now
            if self.store.run(self.run_id).is_cancel_requested:
                self.interrupt()
        if now - self._renewed < self.settings.lease_s / 3:
            return
        self._renewed = now
        self.store.renew_run(self.run_id)
        for running in self.running.values():
            try:
                running.attempt.renew()
            except LeaseLost:
                # It has just committed, and its lease is gone with that; a lost one says so when it tries to commit.
                continue

    def interrupt(self) -> None:
        """Start nothing more; the second time, stop what runs. Called from a signal: only notes it."""
        self.interrupts += 1

    def _abandon(self, error: BaseException) -> None:
        """We cannot go on: leave the run as resumable as it can be."""
        self.children.close()
        if isinstance(error, StoreError):
            return  # nothing can be recorded; our leases end with us
        for running in self.running.values():
            with contextlib.suppress(LeaseLost):  # it has committed
                self.store.fail(running.attempt, f"the runner stopped: {str(error) or type(error).__name__}")
        self.store.finish_run(self.run_id, "failed" if isinstance(error, Exception) else "cancelled")


def _ordered(node: Node, outputs: Mapping[str, str | None]) -> dict[str, str | None]:
    first = [name for name in node.outputs if name in outputs]
    return {name: outputs[name] for name in [*first, *(name for name in outputs if name not in first)]}


@contextmanager
def _interrupts(runner: _Runner) -> Iterator[None]:
    """Ctrl-C and SIGTERM ask the runner to stop, where this thread may say so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, _: object) -> None:
        runner.stopped_by = runner.stopped_by or number
        runner.interrupt()

    before: dict[int, Callable[..., Any] | int | None] = {}
    for wanted in (signal.SIGINT, signal.SIGTERM):
        before[wanted] = signal.signal(wanted, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
