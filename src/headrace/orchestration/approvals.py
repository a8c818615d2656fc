"""Approvals: what waits for a person, and the person's answer; for the command line, the pages, and whoever else asks.

    for item in waiting_of(store, store.run(run_id)):
        answer(store, run_id, item.step, is_approved=True, by="Ann", because="it is fair", subject=item.subject)

An answer is bound to a subject: the digest of what was asked about, of the evidence beside it and of the question. A
run that asks about the same again has its answer; about anything else nobody has answered.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from headrace.canonical import digest
from headrace.errors import InvalidInput, UnknownName
from headrace.orchestration.handles import Reference
from headrace.orchestration.tracing import located
from headrace.store import Asked

if TYPE_CHECKING:
    from headrace.store import ApprovalRow, RunRow, Store

__all__ = ["Waiting", "answer", "expire_due", "subject_of", "waiting_of", "waiting_runs"]

_OPEN = ("waiting", "running", "queued", "failed")
"""States of a run whose steps may wait: one that failed in another step takes the answer when it is resumed."""


@dataclass(frozen=True)
class Waiting:
    """A step that waits for a person.

    Parameters
    ----------
    run_id, pipeline, step : str
        Which.
    question : str
        What is asked, in words; "" = whether it may go on.
    subject : str
        What the answer will be bound to.
    about : dict of str to str
        What is asked about: `thing` first, then the evidence beside it, name -> digest. `load_value` reads them.
    made_by : dict of str to str
        Of each of these, the step and output that it is: name -> "gate.leave".
    asked_us : int
        Since when it waits, UTC epoch microseconds.
    until_us : int or None
        When it becomes a no without an answer, UTC epoch microseconds; None = never.
    """

    run_id: str
    pipeline: str
    step: str
    question: str
    subject: str
    about: dict[str, str]
    made_by: dict[str, str]
    asked_us: int
    until_us: int | None = None

    def to_plain(self) -> dict[str, Any]:
        """As plain data: what `headrace status -o json` prints."""
        return dict(vars(self))


def subject_of(arguments: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """What an answer is bound to, and what that is by name; `arguments` hold {"@": digest} in the place of artifacts.

    >>> subject, about = subject_of({"thing": {"@": "ab"}, "question": "fair?", "evidence": [{"@": "cd"}]})
    >>> about
    {'thing': 'ab', 'evidence[0]': 'cd'}
    """
    # As references, so that they are found, and named, wherever they stand.
    referring = {name: _as_references(arguments[name]) for name in ("thing", "evidence")}
    about = {path: reference.output for path, reference in located(referring) if reference.output}
    return digest({"question": arguments["question"], "about": about}), about


def _as_references(value: Any) -> Any:
    if isinstance(value, dict) and set(value) == {"@"}:
        return Reference("", value["@"] or "")
    if isinstance(value, dict):
        return {key: _as_references(item) for key, item in value.items()}
    return [_as_references(item) for item in value] if isinstance(value, (list, tuple)) else value


def waiting_of(store: Store, run: RunRow) -> list[Waiting]:
    """The steps of a run that wait for a person now, in the order of its plan; [] for one that was cancelled.

    Cost: the run's attempts, and a look into an index for each that waits.
    """
    if run.state not in _OPEN:
        return []
    newest = {row.step: row for row in store.attempts(run.run_id)}
    found = []
    for planned in run.plan.get("steps", ()):
        row = newest.get(planned["name"])
        if row is None or row.state != "waiting":
            continue
        asked = Asked.of(row.result)
        if asked is not None and store.answered(run.pipeline, row.step, asked.subject, run_id=run.run_id) is None:
            about = dict(sorted(asked.about.items(), key=lambda item: (item[0] != "thing", item[0])))
            made = {digest: reference for reference, digest in row.inputs.items()}
            found.append(
                Waiting(
                    run.run_id,
                    run.pipeline,
                    row.step,
                    asked.question,
                    asked.subject,
                    about,
                    {name: made.get(digest, "") for name, digest in about.items()},
                    row.started_us,
                    asked.until_us(row.started_us),
                )
            )
    return found


def waiting_runs(store: Store, *, limit: int = 100) -> list[Waiting]:
    """All that waits for a person in the store, newest run first; of runs that wait, and of those that still go on."""
    runs = [run for state in ("waiting", "running") for run in store.runs(state=state, limit=limit)]
    runs.sort(key=lambda run: run.created_us, reverse=True)
    return [item for run in runs for item in waiting_of(store, run)]


def expire_due(store: Store, *, limit: int = 1000) -> list[Waiting]:
    """End what waited past its time-out: nobody's no, and its run goes back into the queue, for a worker to end.

    Workers and `headrace up` call it every second or so; a run that goes on ends its own. Cost: the attempts of each
    run that waits, `limit` at most.
    """
    now_us = time.time_ns() // 1000
    found = [item for run in store.runs(state="waiting", limit=limit) for item in waiting_of(store, run)]
    over = [item for item in found if item.until_us is not None and item.until_us <= now_us]
    return [item for item in over if store.expire(item.run_id, item.step)]


def answer(
    store: Store,
    run_id: str,
    step: str | None = None,
    *,
    is_approved: bool,
    by: str,
    because: str = "",
    subject: str | None = None,
    is_overruling: bool = False,
) -> ApprovalRow:
    """Record a person's answer; a run that waited goes back into the queue, for a worker or `headrace resume`.

    Parameters
    ----------
    store : Store
        Open to write.
    run_id : str
        The run that waits.
    step : str, optional
        The step that asks; it may be left out where one alone waits.
    is_approved : bool
        The answer.
    by, because : str
        Who answers, and why; both are kept, and shown beside what came of it. A no needs a reason.
    subject : str, optional
        `Waiting.subject` as the person saw it: a form that was open while the run went on says so instead of
        approving something else.
    is_overruling : bool
        Whether an earlier no to the very same is overruled by this yes.

    Returns the row as it was recorded. Raises UnknownName for a step that the run does not have, InvalidInput where
    nothing waits, several steps do and none is named, it was answered already, or who answers is not said.
    """
    run = store.run(run_id)
    names = [planned["name"] for planned in run.plan.get("steps", ()) if planned["call"] == "approval"]
    if not by.strip():
        raise InvalidInput("nobody is said to have answered", where=f"run {run_id}", fix="--by PERSON")
    if not is_approved and not because.strip():
        raise InvalidInput("a no without a reason helps nobody", where=f"run {run_id}", fix="--because REASON")
    if step is None:
        step = _only(store, run, names, is_overruling=is_overruling)
    elif step not in names:
        raise UnknownName("approval", step, names, where=f"run {run_id} of {run.pipeline}")
    return store.answer(
        run_id,
        step,
        is_approved=is_approved,
        by=by.strip(),
        because=because.strip(),
        subject=subject,
        is_overruling=is_overruling,
    )


def _only(store: Store, run: RunRow, names: list[str], *, is_overruling: bool) -> str:
    """The one step that can be meant."""
    waiting = [item.step for item in waiting_of(store, run)]
    if len(waiting) == 1:
        return waiting[0]
    if len(waiting) > 1:
        raise InvalidInput(
            f"several steps of run {run.run_id} wait: {', '.join(waiting)}", expected="the name of one of them"
        )
    if len(names) == 1:  # the store says what became of it
        return names[0]
    raise InvalidInput(
        f"nothing of run {run.run_id} waits for approval: it is {run.state}",
        expected="the name of a step" if is_overruling and names else "a run that waits: headrace status lists them",
    )
