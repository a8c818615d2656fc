"""Approvals: what waits for a person, over all runs; and the person's answer."""

from __future__ import annotations

from typing import Any

from headrace.access import mask
from headrace.errors import HeadraceError, InvalidInput
from headrace.orchestration.approvals import Waiting, answer, waiting_of, waiting_runs
from headrace.orchestration.headlines import headlines
from headrace.store import RunRow
from headrace.web.asking import Ask, Done, Page
from headrace.web.grants import datasets_of, sensitive_columns
from headrace.web.views._rows import run_href

__all__ = ["answer_run", "asked_of", "listing"]

_MOST = 200


def listing(ask: Ask) -> Page:
    """`/approvals`: the inbox: of the runs that this person may see."""
    mine = [item for item in waiting_runs(ask.store, limit=_MOST) if _may_see(ask, item)]
    data = {"waiting": [_plain(ask, item) for item in mine], "may_answer": ask.person.may("operator")}
    return Page("approvals", "Approvals", data, live_s=3.0)


def asked_of(ask: Ask, run: RunRow) -> list[dict[str, Any]]:
    """What a run asks, as plain data."""
    return [_plain(ask, item) for item in waiting_of(ask.store, run)]


def answer_run(ask: Ask) -> Done:
    """`POST /runs/RUN/answer`, with `step`, `subject`, `answer` ("approve" or "reject") and `because`.

    What `headrace approve` and `headrace reject` do. The subject is what the form showed: where the step asks about
    something else by now, nothing is approved.
    """
    run = ask.run()
    given, because = ask.form.get("answer", ""), ask.form.get("because", "").strip()
    step, subject = ask.form.get("step", ""), ask.form.get("subject", "")
    if given not in ("approve", "reject"):
        raise InvalidInput(f"{given[:20]!r} is no answer", expected="approve or reject")
    if not because:
        raise InvalidInput("an answer without a reason", expected="why: it is kept, and shown beside what came of it")
    if not step or not subject:
        raise InvalidInput(
            "nothing is said to be answered", expected="the step that asks, and the subject it asks about"
        )
    is_approved = given == "approve"
    made = answer(
        ask.store, run.run_id, step, is_approved=is_approved, by=ask.person.name, because=because, subject=subject
    )
    ask.audit("approve" if is_approved else "reject", run=run.run_id, step=step, subject=subject, because=because)
    state = ask.store.run(run.run_id).state
    word = "approved" if is_approved else "rejected"
    said = f"{made.step} of run {run.run_id} is {word} by {made.by}."
    if state == "queued":
        said += " The run goes on when a worker takes it." if not ask.store.announced("worker") else " The run goes on."
    return Done(
        run_href(run.run_id), said, {"run": run.run_id, "step": step, "is_approved": is_approved, "state": state}
    )


def _may_see(ask: Ask, item: Waiting) -> bool:
    try:
        run = ask.store.run(item.run_id)
    except HeadraceError:  # collected just now
        return False
    return ask.person.may_read(run.pipeline, datasets_of(run))


def _plain(ask: Ask, item: Waiting) -> dict[str, Any]:
    about = [
        {
            "name": name,
            "digest": digest,
            "made_by": item.made_by.get(name, ""),
            "has_page": _has_page(ask, digest),
            "says": _figures(ask, item, name),
        }
        for name, digest in item.about.items()
    ]
    return {**item.to_plain(), "about": about}


def _figures(ask: Ask, item: Waiting, name: str) -> list[str]:
    """What the step that made it measured or judged, in lines: what an answer mostly hangs on.

    Of rules how many values keep them, and the one that is nearest to its limit.
    """
    step, _, output = item.made_by.get(name, "").partition(".")
    tried = ask.store.attempts(item.run_id, step) if output else []
    result = (tried[-1].result if tried else None) or {}
    lines = [" ".join(line.split()) for line in headlines(step, result)]
    if rules := result.get("rules"):
        judged = [rule["ok"] for rule in rules if rule["is_judged"]]
        others = len(rules) - len(judged)
        kept = f"{sum(judged)} of {len(judged)} values keep the rules" + (f", {others} not judged" if others else "")
        lines = [kept, f"the nearest to its limit: {lines[0]}"]
    else:
        lines = [line.replace(" champion ", ", champion ", 1) for line in lines]
    columns = sensitive_columns(ask.store.run(item.run_id))
    return [mask(line, columns) for line in lines]


def _has_page(ask: Ask, digest: str) -> bool:
    from headrace import lookup

    found = ask.store.artifact(digest)
    return found is not None and found.kind in lookup.names("page")
