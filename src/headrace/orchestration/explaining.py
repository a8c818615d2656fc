"""Why a step ran or was cached: its key against that of the nearest earlier attempt, and what is behind its inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from headrace.errors import UnknownName
from headrace.orchestration.changes import Change, compare
from headrace.orchestration.lookups import looked_up_of

if TYPE_CHECKING:
    from headrace.store import AttemptRow, KeyRow, RunRow, Store

__all__ = ["Explanation", "explain", "key_changes", "nearest"]

_MOST_KEYS = 50
_DONE = ("succeeded", "cached")


@dataclass(frozen=True)
class Explanation:
    """Why a step of a run came to its state.

    Parameters
    ----------
    run_id, step : str
        What is explained.
    state : str
        "succeeded" (it ran), "cached", "looked up", "failed", "blocked", "skipped", "waiting", "lost", "running" or
        "not run".
    why : str
        In one sentence.
    compared : str
        The run whose attempt it was compared with; "" where there is none.
    changes : tuple of Change
        In what its key differs from that one's.
    behind : tuple of (str, Change)
        What changed in the steps before it, by step: the causes of inputs that came out otherwise.
    key : str
        Its step key; "" where it has none.
    parts : dict
        What the key is made of.
    """

    run_id: str
    step: str
    state: str
    why: str
    compared: str = ""
    changes: tuple[Change, ...] = ()
    behind: tuple[tuple[str, Change], ...] = ()
    key: str = ""
    parts: dict[str, Any] | None = None

    def to_plain(self) -> dict[str, Any]:
        """As plain data: what `headrace explain -o json` prints."""
        return {
            "format": 1,
            "run": self.run_id,
            "step": self.step,
            "state": self.state,
            "why": self.why,
            "compared_with": self.compared or None,
            "changes": [change.to_plain() for change in self.changes],
            "behind": [{"step": step, **change.to_plain()} for step, change in self.behind],
            "key": self.key or None,
            "parts": self.parts,
        }


def explain(store: Store, run: RunRow, step: str) -> Explanation:
    """Why a step of a run ran, or did not.

    Raises UnknownName for a step that the run does not have. Cost: a look at its last hundred attempts.
    """
    names = [planned["name"] for planned in run.plan["steps"]]
    if step not in names:
        raise UnknownName("step", step, names, where=f"run {run.run_id}")
    tried = store.attempts(run.run_id, step)
    if not tried:
        if step in looked_up_of(run):
            return Explanation(run.run_id, step, "looked up", _looked_up(run, step))
        return Explanation(run.run_id, step, "not run", f"the run is {run.state}, and did not come to it")
    last = tried[-1]
    row = store.key_parts(last.key)
    parts = None if row is None else row.parts

    def answer(why: str, **more: Any) -> Explanation:
        return Explanation(run.run_id, step, last.state, why, key=last.key, parts=parts, **more)

    if last.state in ("blocked", "skipped"):
        return answer(f"{last.state}: {last.reason}")
    if last.state == "waiting":
        return answer("waiting for a person's approval" + (f": {last.reason}" if last.reason else ""))
    if last.state == "succeeded" and "approval" in (last.result or {}):
        has_answer = bool((last.result or {})["approval"]["by"])
        return answer("it ran: a person has answered" if has_answer else "it ran: nobody has answered in time")
    if last.state == "cached":
        made = store.cached(last.key)
        source = "an earlier run" if made is None else f"run {made.run_id}"
        name = "" if made is None or made.step == step else f", as step {made.step}"
        return answer(f"cached: code, parameters and inputs are those of {source}{name}")
    word = {"succeeded": "it ran", "running": "it runs"}.get(last.state, f"{last.state} ({last.reason})")
    if row is None:
        return answer(f"{word}; what its key is made of was not recorded")
    found = nearest(store, run.pipeline, step, row, before=last)
    if found is None:
        return answer(f"{word}: there was no attempt at it before")
    earlier, changes = found
    where = f"of run {earlier.run_id}"
    if not changes:
        ended = "was not kept" if earlier.state in _DONE else f"{earlier.state}: only a success is kept"
        return answer(f"{word}: its key is that {where}, which {ended}", compared=earlier.run_id)
    return answer(
        f"{word}: its key differs from the nearest before it, {where}",
        compared=earlier.run_id,
        changes=tuple(changes),
        behind=tuple(_behind(store, store.run(earlier.run_id), run, step, changes)),
    )


def nearest(
    store: Store,
    pipeline: str,
    step: str,
    now: KeyRow,
    *,
    before: AttemptRow | None = None,
    only_done: bool = False,
) -> tuple[AttemptRow, list[Change]] | None:
    """The earlier attempt at a step whose key differs in the fewest fields, the newest of several; and these fields.

    `before` is the attempt to look back from; the newest of all counts without it. `only_done` leaves those out that
    did not succeed.
    """
    best: tuple[AttemptRow, list[Change]] | None = None
    seen: set[str] = set()
    for row in store.attempts_of(pipeline, step, limit=2 * _MOST_KEYS):
        if before is not None and (row.started_us, row.attempt_id) >= (before.started_us, before.attempt_id):
            continue
        if row.key in seen or row.state in ("blocked", "skipped", "waiting") or (only_done and row.state not in _DONE):
            continue
        seen.add(row.key)
        then = store.key_parts(row.key)
        if then is None:
            continue
        changes = compare(then, now)
        if best is None or len(changes) < len(best[1]):
            best = (row, changes)
        if not changes or len(seen) >= _MOST_KEYS:
            break
    return best


def key_changes(store: Store, before: RunRow, now: RunRow) -> dict[str, list[Change]]:
    """In what the keys of two runs' steps differ, by step; steps without a difference are left out."""
    found: dict[str, list[Change]] = {}
    keys = [_keys(store, run) for run in (before, now)]
    plans = [{step["name"]: step for step in run.plan["steps"]} for run in (before, now)]
    for name in dict.fromkeys([*plans[1], *plans[0]]):
        if name not in plans[0] or name not in plans[1]:
            found[name] = [_only_one(name, *(plan.get(name) for plan in plans))]
            continue
        rows = [store.key_parts(key[name]) if name in key else None for key in keys]
        if rows[0] is not None and rows[1] is not None:
            changes = compare(rows[0], rows[1]) if rows[0].key != rows[1].key else []
        else:
            changes = list(_resolved(plans[1][name], before.resolved.get(name), now.resolved.get(name)))
        if changes:
            found[name] = changes
    return found


def _keys(store: Store, run: RunRow) -> dict[str, str]:
    return {row.step: row.key for row in store.attempts(run.run_id) if row.key}


def _only_one(name: str, before: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> Change:
    step = before or now or {}
    what = "span" if step["call"] == "ingest_span" else "step"
    named = name.partition("[")[2].removesuffix("]") if what == "span" else name
    return Change(what, named, before and before["call"], now and now["call"], where=step.get("line", ""))


def _resolved(step: Mapping[str, Any], before: Any, now: Any) -> Iterator[Change]:
    """A step that is looked up, not run: what was found then and now."""
    if before is None or now is None or step["call"] not in ("champion", "latest", "previous", "load_schema"):
        return
    name, (was, is_now) = step["call"], (before, now)
    if step["call"] == "champion":
        name = f"champion of {step['arguments']['endpoint']!r}"
        was, is_now = (item["version"] and f"version {item['version']}" for item in (before, now))
    elif step["call"] in ("latest", "previous"):
        was, is_now = before["digest"], now["digest"]
    else:
        words = {"file": step["arguments"]["path"], "accepted": "the schema accepted last", "otherwise": "otherwise="}
        was, is_now = (words[item["from"]] for item in (before, now))
    if was != is_now:
        yield Change("look-up", name, was, is_now)


def _behind(
    store: Store, before: RunRow, now: RunRow, step: str, changes: list[Change]
) -> Iterator[tuple[str, Change]]:
    """The causes: changes of steps before this one that are no inputs."""
    if not any(change.what == "input" for change in changes):
        return
    needs = {
        planned["name"]: {reference[0] for reference in _references(planned["arguments"])}
        for planned in now.plan["steps"]
    }
    above: set[str] = set()
    waiting = [change.source.partition(".")[0] for change in changes if change.what == "input"]
    while waiting:
        name = waiting.pop()
        if name not in above:
            above.add(name)
            waiting += needs.get(name, ())
    for name, several in key_changes(store, before, now).items():
        is_old_span = name not in needs and name.partition("[")[0] in above
        if name in above or is_old_span:
            yield from ((name, change) for change in several if change.what != "input")


def _references(value: Any) -> Iterator[list[str]]:
    if isinstance(value, dict) and set(value) == {"@"}:
        yield value["@"]
    elif isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _references(item)


def _looked_up(run: RunRow, step: str) -> str:
    planned = next(item for item in run.plan["steps"] if item["name"] == step)
    found, call = run.resolved[step], planned["call"]
    if call == "champion":
        endpoint = planned["arguments"]["endpoint"]
        if found["digest"] is None:
            return f"looked up when the run was planned: endpoint {endpoint!r} served nothing to beat"
        return f"looked up when the run was planned: endpoint {endpoint!r}, version {found['version']}"
    if call == "latest":
        taken = f"{planned['arguments']['output']!r} of pipeline {planned['arguments']['pipeline']!r}"
        return f"looked up when the run was planned: {taken}, given by {found['step']} of run {found['run']}"
    if call == "previous":
        if found["digest"] is None:
            return "looked up when the run was planned: no data set was accepted before this one"
        delivery = ", an earlier delivery of the same spans" if found.get("is_earlier_delivery") else ""
        return (
            f"looked up when the run was planned: data set {found['digest'][:12]}, accepted before this one{delivery}"
        )
    if call == "load_schema":
        path = planned["arguments"]["path"]
        if found["from"] == "accepted":
            return f"looked up: there is no {path}; the schema that data were accepted under last"
        return f"looked up: there is no {path}, and nothing was accepted before; the schema given as otherwise="
    return "looked up when the run was planned"
