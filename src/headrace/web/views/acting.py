"""What can be done about a run: cancel it, resume it, let findings pass and run again."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from typing import IO

from headrace.errors import InvalidInput
from headrace.orchestration.planning import file_of
from headrace.orchestration.waivers import check_waivers
from headrace.web.asking import Ask, Done
from headrace.web.views._queueing import queue
from headrace.web.views._rows import run_href, state_of

__all__ = ["cancel", "resume", "waive"]

_TAKEN_S = 20.0  # how long a resumed run may take to begin before the page says that it is still on its way


def cancel(ask: Ask) -> Done:
    """`POST /runs/RUN/cancel`, with `now=yes` to stop what runs: what `headrace cancel` does."""
    run = ask.run()
    is_urgent = ask.form.get("now") == "yes"
    state = ask.store.request_cancel(run.run_id, is_urgent=is_urgent)
    ask.audit("cancel", run=run.run_id, urgent=is_urgent)
    said = {
        "running": "The run was asked to stop" + ("." if is_urgent else " when its steps have ended."),
        "cancelled": "The run is cancelled; it can be resumed.",
    }.get(state, f"The run had ended already: it is {state}.")
    return Done(run_href(run.run_id), said, {"run": run.run_id, "state": state})


def resume(ask: Ask) -> Done:
    """`POST /runs/RUN/resume`: `headrace resume`, in a process of its own, which goes on when this one ends."""
    run = ask.run()
    state = state_of(ask.store, run)
    if state not in ("failed", "cancelled", "rejected", "cut off"):
        raise InvalidInput(f"run {run.run_id} is {state}", expected="a run that stopped before its end")
    file_of(run, ask.site.project)
    before = ask.store.newest_event_id()
    ask.audit("resume", run=run.run_id)
    with tempfile.TemporaryFile() as told:
        process = subprocess.Popen(
            [sys.executable, "-m", "headrace.cli", "resume", run.run_id],
            cwd=ask.site.project,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=told,
            start_new_session=True,
        )
        # So that it leaves no zombie, whenever it ends.
        threading.Thread(target=process.wait, name=f"wait-{process.pid}", daemon=True).start()
        deadline = time.monotonic() + _TAKEN_S
        while time.monotonic() < deadline:
            status = process.poll()
            taken = any(event.kind == "run-taken" for event in ask.store.events(run.run_id, after=before))
            if taken or status == 0:
                return Done(run_href(run.run_id), "The run goes on.", {"run": run.run_id, "state": "running"})
            if status is not None:
                raise InvalidInput(f"run {run.run_id} cannot be resumed: {_last_line(told)}")
            time.sleep(0.05)
    return Done(run_href(run.run_id), "The run is about to go on.", {"run": run.run_id, "state": run.state})


def _last_line(told: IO[bytes]) -> str:
    told.seek(0)
    lines = [line for line in told.read().decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1].removeprefix("headrace: ") if lines else "its process ended without a word"


def waive(ask: Ask) -> Done:
    """`POST /runs/RUN/waive`: the findings chosen are let pass, in the name of who asks; the pipeline runs again."""
    run = ask.run()
    names = ask.choices.get("finding", [])
    if not names:
        raise InvalidInput("no finding was chosen", expected="those that are to be let pass")
    waivers = check_waivers(names, ask.person.name, ask.form.get("because", ""))
    parameters = {name: _text(value) for name, value in run.plan.get("parameters", {}).items()}
    file = file_of(run, ask.site.project)
    new = queue(ask, file, run.pipeline, parameters, why=f"after run {run.run_id}", waivers=waivers)
    ask.audit("waive", run=run.run_id, new_run=new, findings=names, because=waivers[0]["because"])
    said = f"{len(names)} finding{'s' if len(names) > 1 else ''} let pass, by {ask.person.name}; this run repeats it."
    return Done(run_href(new), said, {"run": new, "state": "queued"})


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
