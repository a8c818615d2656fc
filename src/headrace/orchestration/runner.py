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
from headrace.orchestration.repository import commit_events
from headrace.orchestration.results import RunResult

if TYPE_CHECKING:
    from headrace.orchestration.backfilling import Backfilled
    from headrace.orchestration.pipelines import Pipeline
    from headrace.settings import Settings
    from headrace.store import RunRow, Store

__all__ = ["backfill_pipeline", "queue_plan", "resume_run", "run_pipeline", "run_plan", "submit_pipeline"]


def run_pipeline(
    pipeline: Pipeline,
    parameters: Mapping[str, Any],
    *,
    in_process: bool = False,
    waivers: Sequence[Mapping[str, Any]] = (),
    as_of: str | None = None,
) -> RunResult:
    """Plan and run a pipeline in the store of its project, or of `with hr.open_store(dir):`.

    `waivers` says which findings a person lets pass: {"name", "by", "because"} each. `as_of` is the newest span there
    is to be (`headrace.orchestration.past`).
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
        plan = make_plan(pipeline, parameters, store, waivers=waivers, as_of=as_of)
        run_id = store.create_run(
            plan.graph.pipeline,
            plan.to_plain(),
            resolved=plan.resolved,
            plan_id=plan.identity,
            events=commit_events(plan.file),
        )
        return run_plan(plan, run_id, store, settings, in_process=in_process)


def submit_pipeline(
    pipeline: Pipeline,
    parameters: Mapping[str, Any],
    *,
    waivers: Sequence[Mapping[str, Any]] = (),
    as_of: str | None = None,
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
        plan = make_plan(pipeline, parameters, store, waivers=waivers, as_of=as_of)
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
        events=commit_events(plan.file),
        once=once,
    )


def resume_run(pipeline: Pipeline, run: RunRow, store: Store, settings: Settings) -> RunResult:
    """Take over a run that was cut off, or ended without success, and finish it."""
    from headrace.orchestration.planning import plan_again

    spare_runner()
    plan = plan_again(pipeline, run)
    store.take_run(run.run_id, is_replanned=plan.to_plain() != run.plan)
    return run_plan(plan, run.run_id, store, settings)


def backfill_pipeline(
    pipeline: Pipeline,
    parameters: Mapping[str, Any],
    *,
    first: str,
    last: str,
    is_dry_run: bool = False,
    is_queued: bool = False,
) -> Iterator[Backfilled]:
    """Run a pipeline as of each span from `first` to `last` whose run is missing, as `backfill` does.

    With `is_dry_run` nothing is done; with `is_queued` they are left to workers.
    """
    from headrace.orchestration.backfilling import backfill
    from headrace.orchestration.pipelines import refuse_on_import
    from headrace.orchestration.stores import project_store
    from headrace.settings import load_settings

    refuse_on_import(pipeline.name)
    if not (is_dry_run or is_queued):
        spare_runner()
    settings = load_settings(pipeline.folder)
    with project_store(settings, read_only=is_dry_run) as store:

        def trigger(plan: Plan) -> dict[str, Any]:
            return {"by": "backfill", "why": [f"as of {plan.as_of}"]}

        def run(plan: Plan) -> tuple[str, str]:
            assert store is not None  # there is none only where it is read, and nothing run
            run_id = store.create_run(
                pipeline.name, plan.to_plain(), resolved=plan.resolved, plan_id=plan.identity, trigger=trigger(plan)
            )
            result = run_plan(plan, run_id, store, settings)
            return run_id, result.state

        def queue(plan: Plan) -> str:
            assert store is not None
            return queue_plan(plan, store, trigger=trigger(plan))

        yield from backfill(
            pipeline,
            parameters,
            store,
            first=first,
            last=last,
            run=None if is_dry_run or is_queued else run,
            queue=queue if is_queued and not is_dry_run else None,
        )


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
