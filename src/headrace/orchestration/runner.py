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
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace import disk, progress
from headrace.errors import HeadraceError, LeaseLost, StoreError
from headrace.orchestration.children import Children, Ended, Forked, Inline
from headrace.orchestration.handles import Reference
from headrace.orchestration.lookups import Known, looked_up
from headrace.orchestration.plan import Plan
from headrace.orchestration.tracing import Node, substitute
from headrace.orchestration.worker import accepted_of

if TYPE_CHECKING:
    from headrace.orchestration.pipelines import Pipeline
    from headrace.settings import Settings
    from headrace.store import Attempt, RunRow, Store

__all__ = ["RunResult", "StepResult", "resume_run", "run_pipeline", "run_plan"]

_POLL_S = 0.25
_LOG_LINES = 20


@dataclass
class StepResult:
    """How a step of a run ended.

    Parameters
    ----------
    name : str
        The step's name.
    state : str
        "succeeded", "cached", "failed", "blocked", "looked up" or "not run".
    outputs : dict of str to str or None
        Output name -> digest; None = a looked-up input that does not exist; one that was withheld is not there.
    result : dict
        The step's plain result; `ok` is False in it when a validation or a gate said no.
    reason : str
        Why it failed or was blocked.
    seconds : float
        From start to commit.
    """

    name: str
    state: str
    outputs: dict[str, str | None] = field(default_factory=dict)
    result: dict[str, Any] = field(default_factory=dict)
    reason: str = ""
    seconds: float = 0.0

    @property
    def says_no(self) -> bool:
        """Whether it ended and withholds something."""
        return self.result.get("ok") is False


@dataclass
class RunResult:
    """How a run ended.

    Parameters
    ----------
    run_id : str
        Its id in the store.
    pipeline : str
        The pipeline's name.
    state : str
        "succeeded", "rejected" (a validation or gate said no), "failed" or "cancelled".
    steps : dict of str to StepResult
        By name, in the order of the pipeline.
    home : Path
        The store.
    seconds : float
        Wall time.
    stopped_by : int
        The signal that stopped it (2 = Ctrl-C, 15 = SIGTERM), or 0.
    """

    run_id: str
    pipeline: str
    state: str
    steps: dict[str, StepResult]
    home: Path
    seconds: float = 0.0
    stopped_by: int = 0

    @property
    def ok(self) -> bool:
        """Whether every step did what it should and nothing was withheld."""
        return self.state == "succeeded"

    def value(self, step: str, output: str | None = None) -> Any:
        """A step's output, loaded from the store; its main one when `output` is not named.

        Raises KeyError when there is none.
        """
        from headrace.orchestration.values import load_value
        from headrace.store import Store

        outputs = self.steps[step].outputs
        digest = outputs[output if output is not None else next(iter(outputs))]
        if digest is None:
            return None
        with Store.open(self.home, read_only=True) as store:
            return load_value(store, digest)

    def to_plain(self) -> dict[str, Any]:
        """As plain data: what `headrace run -o json` prints."""
        return {
            "format": 1,
            "run": self.run_id,
            "pipeline": self.pipeline,
            "state": self.state,
            "num_steps": len(self.steps),
            "num_cached": sum(item.state in ("cached", "looked up") for item in self.steps.values()),
            "seconds": round(self.seconds, 3),
            "steps": [
                {
                    "step": item.name,
                    "state": item.state,
                    "outputs": item.outputs,
                    "result": item.result,
                    "reason": item.reason,
                    "seconds": round(item.seconds, 3),
                }
                for item in self.steps.values()
            ],
        }


def run_pipeline(pipeline: Pipeline, parameters: Mapping[str, Any], *, in_process: bool = False) -> RunResult:
    """Plan and run a pipeline in the store of its project, or of `with hr.open_store(dir):`."""
    from headrace.orchestration.planning import make_plan
    from headrace.orchestration.stores import project_store
    from headrace.settings import load_settings

    settings = load_settings(pipeline.folder)
    with project_store(settings) as store:
        assert store is not None
        plan = make_plan(pipeline, parameters, store)
        run_id = store.create_run(
            plan.graph.pipeline, plan.to_plain(), resolved=plan.resolved, plan_id=plan.identity
        )
        return run_plan(plan, run_id, store, settings, in_process=in_process)


def resume_run(pipeline: Pipeline, run: RunRow, store: Store, settings: Settings) -> RunResult:
    """Take over a run that was cut off, or ended without success, and finish it."""
    from headrace.orchestration.planning import plan_again

    plan = plan_again(pipeline, run)
    store.take_run(run.run_id)
    return run_plan(plan, run.run_id, store, settings)


def run_plan(plan: Plan, run_id: str, store: Store, settings: Settings, *, in_process: bool = False) -> RunResult:
    """Run a planned and recorded run to its end."""
    logs = disk.make_folder(store.home.logs / run_id)
    children: Children = Inline() if in_process else Forked(plan.file, _modules(plan), logs / "zygote.log")
    runner = _Runner(plan, run_id, store, settings, children, logs)
    try:
        with _interrupts(runner):
            return runner.run()
    finally:
        children.close()


def _modules(plan: Plan) -> list[str]:
    """What the zygote imports before it forks: what the verbs of this plan all need, and starts no thread."""
    verbs = [node.call for node in plan.graph.nodes if ":" not in node.call]
    modules = ["headrace.orchestration.worker", "headrace.store"]
    if verbs:
        modules += ["numpy", "pyarrow", "pyarrow.compute", "pyarrow.parquet", "headrace.orchestration.bodies"]
    return modules


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
        self._renewed = time.monotonic()
        # On resuming: the steps this run has finished already need no second record.
        self._finished = {
            row.step: row.key for row in store.attempts(run_id) if row.state in ("succeeded", "cached")
        }

    def run(self) -> RunResult:
        start = time.monotonic()
        self._say(f"run {self.run_id} of {self.plan.graph.pipeline}: {len(self.waiting)} steps")
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
        except HeadraceError as error:
            self._abandon(error)
            raise
        state = self._state()
        self.store.finish_run(self.run_id, state)
        for node in self.waiting:
            self.results[node.name] = StepResult(node.name, "not run", reason="the run was stopped")
        ordered = {node.name: self.results[node.name] for node in self.plan.graph.nodes}
        result = RunResult(
            self.run_id, self.plan.graph.pipeline, state, ordered, self.store.home.path, time.monotonic() - start, self.stopped_by
        )
        cached = sum(item.state in ("cached", "looked up") for item in ordered.values())
        self._say(f"run {self.run_id} {state}: {len(ordered)} steps, {cached} cached, {result.seconds:.1f} s")
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
        key = self.plan.key_of(node, digests)
        if self._take_known(node, key):
            return True
        if len(self.running) >= self.settings.num_workers:
            return False
        self._start(node, key, digests)
        return True

    def _take_known(self, node: Node, key: str) -> bool:
        row = self.store.cached(key)
        if row is not None and self._finished.get(node.name) != key:
            accepted = accepted_of(row.result, self.plan.resolved.get(node.name, {}))
            row = self.store.reuse(self.run_id, node.name, key, accepted=accepted)
        if row is None:
            return False
        outputs: dict[str, str | None] = {name: item.digest for name, item in row.outputs.items()}
        self.results[node.name] = StepResult(node.name, "cached", _ordered(node, outputs), row.result)
        self._say_step(self.results[node.name])
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
        self._say_step(self.results[node.name])

    def _start(self, node: Node, key: str, digests: Mapping[Reference, str | None]) -> None:
        inputs = {str(reference): digest for reference, digest in digests.items()}
        attempt = self.store.begin_attempt(self.run_id, node.name, key, inputs=inputs)
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
        }
        self._say(f"{node.name}: running")
        self.children.start(node.name, call, log)

    def _ended(self, ended: Ended) -> None:
        running = self.running.pop(ended.step)
        seconds = time.monotonic() - running.started
        if ended.answer is not None and "error" not in ended.answer:
            outputs = _ordered(running.node, ended.answer["outputs"])
            done = StepResult(ended.step, "succeeded", outputs, ended.answer["result"], seconds=seconds)
            self.results[ended.step] = done
            self._say_step(done)
            return
        row = self.store.cached(running.key) if ended.answer is None else None
        if row is not None and row.attempt_id == running.attempt.id:
            # It was killed between its commit and its answer: what is committed is done.
            outputs = _ordered(running.node, {name: item.digest for name, item in row.outputs.items()})
            self.results[ended.step] = StepResult(ended.step, "succeeded", outputs, row.result, seconds=seconds)
            self._say_step(self.results[ended.step])
            return
        error = (ended.answer or {}).get("error", {})
        reason = _reason(running, ended, error)
        if error.get("is_lost"):
            raise LeaseLost(reason, fix="another process has taken this run over")
        self.store.fail(running.attempt, reason)
        self.tries[ended.step] = self.tries.get(ended.step, 0) + 1
        if self.tries[ended.step] <= running.node.retries and not self.interrupts:
            self._say(f"{ended.step}: {reason}; trying again ({self.tries[ended.step]} of {running.node.retries})")
            self.waiting.insert(0, running.node)
            return
        self.results[ended.step] = StepResult(ended.step, "failed", reason=reason, seconds=seconds)
        self._say_step(self.results[ended.step])
        self._show(running.log, error)

    def _look_after(self) -> None:
        """Renew leases, stop what is late or cancelled."""
        now = time.monotonic()
        for name, running in self.running.items():
            timeout_s = running.node.timeout_s
            late = timeout_s is not None and now - running.started > timeout_s
            if (late and not running.is_late) or self.interrupts > 1:
                running.is_late = late
                self.children.stop(name)
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
        if self.store.run(self.run_id).is_cancel_requested:
            self.interrupt()

    def interrupt(self) -> None:
        """Start nothing more; the second time, stop what runs."""
        self.interrupts += 1
        if self.interrupts == 1 and self.running:
            names = ", ".join(self.running)
            self._say(f"stopping when {names} has ended; once more stops at once")

    def _abandon(self, error: HeadraceError) -> None:
        """We cannot go on: leave the run as resumable as it can be."""
        self.children.close()
        if isinstance(error, StoreError):
            return  # nothing can be recorded; our leases end with us
        for running in self.running.values():
            with contextlib.suppress(LeaseLost):  # it has committed
                self.store.fail(running.attempt, f"the runner stopped: {error.what}")
        self.store.finish_run(self.run_id, "failed")

    def _say_step(self, result: StepResult) -> None:
        line = f"{result.name}: {result.state}"
        if result.says_no:
            line = f"{result.name}: no" + (" (cached)" if result.state == "cached" else "")
        if result.reason:
            line += f": {result.reason}"
        if result.state == "succeeded":
            line += f" in {result.seconds:.2f} s"
        self._say(line)
        if result.says_no:
            for item in result.result.get("items", ())[:10]:
                self._say(f"    {item}")

    def _show(self, log: Path, error: Mapping[str, str]) -> None:
        if error and not error.get("is_ours"):
            text = error["traceback"]
        else:
            text = "\n".join(log.read_text(errors="replace").splitlines()[-_LOG_LINES:]) if log.is_file() else ""
            if error:
                text = ""
        for line in text.splitlines():
            self._say(f"    {line}")
        self._say(f"    log: {log}")

    def _say(self, line: str) -> None:
        progress.say(line)


def _ordered(node: Node, outputs: Mapping[str, str | None]) -> dict[str, str | None]:
    first = [name for name in node.outputs if name in outputs]
    return {name: outputs[name] for name in [*first, *(name for name in outputs if name not in first)]}


def _reason(running: _Running, ended: Ended, error: Mapping[str, str]) -> str:
    if running.is_late:
        return f"stopped after {running.node.timeout_s:g} s (timeout_s)"
    if error:
        return error["message"] if error.get("is_ours") else f"{error['class']}: {error['message']}"
    if ended.signal:
        name = signal.Signals(ended.signal).name
        advice = "; the machine may be out of memory" if ended.signal == signal.SIGKILL else ""
        return f"its process was killed by {name}{advice}"
    return f"its process ended with status {ended.status} before it was done"


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
    for number in (signal.SIGINT, signal.SIGTERM):
        before[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
