"""Runs: planned, recorded, and coordinated to their end; resumed when they were cut off."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from headrace.errors import Misuse, StoreError
from headrace.orchestration.children import Children, Inline, spare_runner
from headrace.orchestration.coordinator import Coordinator
from headrace.orchestration.hands import forked
from headrace.orchestration.notifying import tell_of_runs
from headrace.orchestration.plan import Plan
from headrace.orchestration.results import RunResult

if TYPE_CHECKING:
    from headrace.orchestration.pipelines import Pipeline
    from headrace.settings import Settings
    from headrace.store import RunRow, Store

__all__ = ["queue_plan", "resume_run", "run_pipeline", "run_plan", "submit_pipeline"]


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


def submit_pipeline(
    pipeline: Pipeline, parameters: Mapping[str, Any], *, waivers: Sequence[Mapping[str, Any]] = ()
) -> tuple[str, int]:
    """Plan a pipeline and put the run into the queue, for a worker to take.

    Returns the run's id, and how many workers are there. Raises Misuse for a pipeline that is in no file: no other
    process could import its steps.
    """
    from headrace.orchestration.pipelines import refuse_on_import
    from headrace.orchestration.planning import make_plan
    from headrace.orchestration.stores import project_store
    from headrace.settings import load_settings

    refuse_on_import(pipeline.name)
    if pipeline.file is None:
        raise Misuse(
            f"pipeline {pipeline.name!r} is in no file",
            expected="a pipeline that a worker can import",
            fix=f"{pipeline.name}.run(...)",
        )
    with project_store(load_settings(pipeline.folder)) as store:
        assert store is not None
        plan = make_plan(pipeline, parameters, store, waivers=waivers)
        return queue_plan(plan, store), len(store.announced("worker"))


def queue_plan(plan: Plan, store: Store, *, trigger: Mapping[str, Any] | None = None, once: str | None = None) -> str:
    """Record a planned run for a worker to take, and return its id; `trigger` and `once` as for `Store.create_run`."""
    return store.create_run(
        plan.graph.pipeline,
        plan.to_plain(),
        resolved=plan.resolved,
        plan_id=plan.identity,
        is_queued=True,
        trigger=trigger,
        once=once,
    )


def resume_run(pipeline: Pipeline, run: RunRow, store: Store, settings: Settings) -> RunResult:
    """Take over a run that was cut off, or ended without success, and finish it."""
    from headrace.orchestration.planning import plan_again

    spare_runner()
    plan = plan_again(pipeline, run)
    store.take_run(run.run_id, is_replanned=plan.to_plain() != run.plan)
    return run_plan(plan, run.run_id, store, settings)


def run_plan(plan: Plan, run_id: str, store: Store, settings: Settings, *, in_process: bool = False) -> RunResult:
    """Run a planned and recorded run, whose lease is ours, to its end."""
    try:
        children: Children = Inline(store) if in_process else forked(plan, run_id, store)
        try:
            runner = Coordinator(plan, run_id, store, settings, children)
            if in_process:  # Ctrl-C is for the step, then
                return runner.run()
            with _interrupts(runner):
                return runner.run()
        finally:
            children.close()
            tell_of_runs(store, settings)
    except StoreError:
        store.disown()  # a notebook lives on when its run could not be recorded
        raise


@contextmanager
def _interrupts(runner: Coordinator) -> Iterator[None]:
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
