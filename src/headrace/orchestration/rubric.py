"""The rubric of `headrace score`: 28 items, each with what a run, or a move of an endpoint, must have recorded for it.

An item's evidence is (whether it is the whole of it, what was done), or None. A run says nothing of an item by what its
file contains: only by steps that ended well in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headrace.store import Move

__all__ = ["ITEMS", "SECTIONS", "Happened", "Item"]

SECTIONS = ("data", "model", "infrastructure", "monitoring")

Said = tuple[bool, str] | None


@dataclass(frozen=True)
class Happened:
    """A run, as its records have it.

    Parameters
    ----------
    state : str
        How it ended.
    resolved : mapping
        What its plan looked up.
    steps : sequence of mapping
        Of the plan: name, call, arguments.
    attempts : mapping of str to AttemptRow
        Step -> its last attempt.
    """

    state: str
    resolved: Mapping[str, Any]
    steps: Sequence[Mapping[str, Any]]
    attempts: Mapping[str, Any]

    def did(self, call: str) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
        """(arguments, result) of the steps of a verb that ended well and did not say no."""
        for step in self.steps:
            row = self.attempts.get(step["name"])
            if step["call"] == call and row is not None and row.state in ("succeeded", "cached"):
                result = row.result or {}
                if result.get("ok", True):
                    yield step["arguments"], result

    @property
    def endpoints(self) -> set[str]:
        """What it pushed to."""
        return {str(step["arguments"]["endpoint"]) for step in self.steps if step["call"] == "push"}

    @property
    def rules(self) -> list[str]:
        """The rules that a gate held a model to, and it kept."""
        return [str(rule) for arguments, _ in self.did("gate") for rule in arguments.get("rules") or ()]

    @property
    def slices(self) -> list[list[str]]:
        """The columns that evaluations were cut by."""
        found = [item for arguments, _ in self.did("evaluate") for item in arguments.get("slices") or ()]
        return [[item] if isinstance(item, str) else list(item) for item in found]

    @property
    def sensitive(self) -> list[str]:
        """The columns that were said to identify or protect people."""
        return [name for step in self.steps for name in step["arguments"].get("sensitive") or () if _is_text(name)]

    def kept(self, *limits: str) -> bool:
        """Whether a gate judged these limits, and the model kept them."""
        for _, result in self.did("gate"):
            found = {one["metric"]: one for one in result.get("limits", ())}
            if all(name in found and found[name]["ok"] and found[name]["is_judged"] for name in limits):
                return True
        return False


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _nothing(_: Any) -> Said:
    return None


@dataclass(frozen=True)
class Item:
    """One thing to do.

    Parameters
    ----------
    number, section, what : str
        "D1", "data", and what there is to do.
    how : str
        How to do it, or do it whole.
    of_run, of_move : callable
        What a run, or a move of an endpoint that it pushed to, says of it.
    """

    number: str
    section: str
    what: str
    how: str
    of_run: Callable[[Happened], Said] = _nothing
    of_move: Callable[[Move], Said] = _nothing


def _schema(run: Happened) -> Said:
    if not any(True for _ in run.did("validate")):
        return None
    read = [run.resolved.get(step["name"]) or {} for step in run.steps if step["call"] == "load_schema"]
    is_reviewed = any(found.get("sha256") for found in read)
    return is_reviewed, "data were held to the schema file" if is_reviewed else "data were held to a schema as inferred"


def _privacy(run: Happened) -> Said:
    return (False, f"{', '.join(run.sensitive)} kept out of pages and the request log") if run.sensitive else None


def _parity(run: Happened) -> Said:
    done = any(True for _ in run.did("push"))
    return (False, "the features in the model gave its golden rows again, to the byte, at the push") if done else None


def _tuned(run: Happened) -> Said:
    return (True, "parameters were searched for") if any(True for _ in run.did("tune")) else None


def _earns(run: Happened) -> Said:
    for _, result in run.did("inspect"):
        idle = (result.get("inspected") or {}).get("idle")
        if idle is not None and not idle:
            return True, "every column was dealt out anew, and the model got surely worse without each"
        if idle is not None:
            return False, f"dealt out anew, columns the model is not surely better with: {', '.join(idle[:5])}"
    return None


def _simpler(run: Happened) -> Said:
    for _, result in run.did("inspect"):
        _, lower, _ = (result.get("inspected") or {}).get("worse", {}).get("linear", (None, None, None))
        if lower is not None and lower > 0:
            return True, "a linear model of the same columns was surely worse on the same rows"
    if any("baseline" in rule for rule in run.rules):
        return True, "a rule held the model to the baseline"
    return (False, "the baseline was measured beside it") if any(True for _ in run.did("evaluate")) else None


def _slices(run: Happened) -> Said:
    if any(" on " in rule and " on overall" not in rule for rule in run.rules):
        return True, "a rule held it on every slice, on the worst or on a named one"
    return (False, f"measured on {len(run.slices)} sets of slices") if run.slices else None


def _inclusion(run: Happened) -> Said:
    by = [item for item in run.slices if set(item) & set(run.sensitive)]
    if not by:
        return None
    names = sorted({name for item in by for name in item if name in run.sensitive})
    is_held = any(f" {name}" in rule.partition(" on ")[2] for rule in run.rules for name in names)
    return is_held, f"measured by {', '.join(names)}" + (", and held to a rule there" if is_held else "")


def _whole(run: Happened) -> Said:
    return (True, "the whole pipeline ran") if run.state == "succeeded" else None


def _gated(run: Happened) -> Said:
    pushed = any(True for _ in run.did("push")) and bool(run.rules)
    return (True, "a gate said yes before the push") if pushed else None


def _canary(move: Move) -> Said:
    return (True, "a version came in beside the champion") if move.action == "enter" else None


def _rollback(move: Move) -> Said:
    return (True, "an earlier version was put back") if move.action == "rollback" else None


def _compared(run: Happened) -> Said:
    done = any(arguments.get("previous") is not None for arguments, _ in run.did("validate"))
    return (False, "new data were compared with what was accepted before") if done else None


def _invariants(run: Happened) -> Said:
    return (False, "checks ran on training data") if any(True for _ in run.did("validate")) else None


def _stable(run: Happened) -> Said:
    done = run.kept("predictions")
    return (True, "predictions were finite on all rows and slices that were asked") if done else None


def _cost(run: Happened) -> Said:
    if run.kept("memory_mb", "latency_ratio", "throughput_ratio", "growth_mb"):
        return True, "memory, growth and speed beside the champion were within limits"
    return (False, "limits on serving were kept") if run.kept("load_s") or run.kept("growth_mb") else None


def _items(section: str, letter: str, rows: Sequence[tuple[Any, ...]]) -> list[Item]:
    return [Item(f"{letter}{place}", section, *row) for place, row in enumerate(rows, 1)]


ITEMS: tuple[Item, ...] = (
    *_items(
        "data",
        "D",
        [
            ("what features must be is written down", "review the schema: headrace schemas accept", _schema),
            ("each feature earns its place", "hr.inspect(model, examples)", _earns),
            ("no feature costs too much", "measure what each takes at serving: nothing records that yet"),
            ("what data may be used is kept to", "tell it in the schema and check it: nothing records that yet"),
            ("privacy is looked after", 'name what identifies people: hr.ingest(..., sensitive=["email"])', _privacy),
            ("a new feature is quick to bring in", "time one from column to served: nothing records that yet"),
            ("code that makes features is tested", "have a test of each feature of your own beside it", _parity),
        ],
    ),
    *_items(
        "model",
        "M",
        [
            ("its definition is reviewed and in a repository", "commit the file: runs do not record a commit yet"),
            ("offline metrics go with what counts online", "compare rewards with metrics: nothing records that yet"),
            ("parameters were searched for", "hr.tune(trainer, graph, examples)", _tuned),
            ("what an old model costs is known", "evaluate earlier versions on new data: nothing records that yet"),
            (
                "a simpler model is not better",
                'hr.inspect(model, examples), or a rule: "log_loss <= baseline"',
                _simpler,
            ),
            ("it is good enough on all slices", 'a rule: "roc_auc >= 0.8 on every carrier with 1000 rows"', _slices),
            ("it is fair to groups", "slices=[...] by a sensitive column, and a rule on it", _inclusion),
        ],
    ),
    *_items(
        "infrastructure",
        "I",
        [
            ("training gives the same again", "train twice and compare digests: nothing records that yet"),
            ("what defines the model has unit tests", "test it in your repository: nothing records that yet"),
            ("the whole pipeline is tested together", "headrace run, and headrace up to repeat it", _whole),
            ("quality is judged before serving", "hr.gate(...) between hr.evaluate and hr.push", _gated),
            ("one request can be followed through", "headrace requests explain: nothing records that it was done"),
            ("a new version begins beside the old one", "headrace endpoints policy canary", _nothing, _canary),
            ("going back was tried", "headrace endpoints rollback", _nothing, _rollback),
        ],
    ),
    *_items(
        "monitoring",
        "O",
        [
            ("changes of what it depends on are noticed", "previous=hr.previous(raw), and somebody told", _compared),
            (
                "what holds of training data holds in serving",
                "headrace monitor; nothing records it here yet",
                _invariants,
            ),
            ("features are the same in training and serving", "compare logged rows by value: nothing records that yet"),
            ("models are not too old", "headrace up with a schedule: nothing records an age limit yet"),
            ("numbers stay finite", "hr.gate(..., limits=hr.Limits())", _stable),
            ("speed and memory do not get worse", "hr.gate(..., limits=hr.Limits(memory_mb=512))", _cost),
            ("quality on served data does not get worse", "send rewards: nothing records a metric of them yet"),
        ],
    ),
)
