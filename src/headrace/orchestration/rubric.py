"""The rubric of `headrace score`: 28 items, each with what a run, or a move of an endpoint, must have recorded for it.

An item's evidence is (whether it is the whole of it, what was done), or None. A run says nothing of an item by what its
file contains: only by steps that ended well in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headrace.store import Event, Move

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
    commit : mapping or None
        Which commit the pipeline's file was of, and whether it was changed since.
    trigger : str
        What made it start: "up" for a schedule or new data; "" for a person.
    older : frozenset of str or None
        Features of earlier runs; None where there is none.
    minutes : float
        How long it took.
    """

    state: str
    resolved: Mapping[str, Any]
    steps: Sequence[Mapping[str, Any]]
    attempts: Mapping[str, Any]
    commit: Mapping[str, Any] | None = None
    trigger: str = ""
    older: frozenset[str] | None = None
    minutes: float = 0.0

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
    def features(self) -> frozenset[str]:
        """The names of the features that models of it were fitted on."""
        graphs = [arguments.get("features") or {} for arguments, _ in self.did("transform")]
        return frozenset(str(name) for graph in graphs for name, _ in graph.get("features", ()))

    @property
    def read(self) -> frozenset[str]:
        """The columns that its features read."""
        graphs = [arguments.get("features") or {} for arguments, _ in self.did("transform")]
        nodes = [node for graph in graphs for node in graph.get("nodes", ()) if node.get("op") == "column"]
        return frozenset(str(node["parameters"]["name"]) for node in nodes)

    @property
    def is_pushed(self) -> bool:
        """Whether a version came out of it."""
        return any(True for _ in self.did("push"))

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
    of_run, of_move, of_event : callable
        What a run, a move of an endpoint that it pushed to, or what else happened to such an endpoint, says of it.
    """

    number: str
    section: str
    what: str
    how: str
    of_run: Callable[[Happened], Said] = _nothing
    of_move: Callable[[Move], Said] = _nothing
    of_event: Callable[[Event], Said] = _nothing


def _schema(run: Happened) -> Said:
    if not any(True for _ in run.did("validate")):
        return None
    read = [run.resolved.get(step["name"]) or {} for step in run.steps if step["call"] == "load_schema"]
    is_reviewed = any(found.get("sha256") for found in read)
    return is_reviewed, "data were held to the schema file" if is_reviewed else "data were held to a schema as inferred"


def _privacy(run: Happened) -> Said:
    return (False, f"{', '.join(run.sensitive)} kept out of pages and the request log") if run.sensitive else None


def _policy(run: Happened) -> Said:
    if not run.sensitive or not run.read:
        return None
    told = set(run.sensitive) & run.read
    if told:
        return False, f"told to be sensitive, and read by features: {', '.join(sorted(told)[:5])}"
    return True, f"no feature reads {', '.join(run.sensitive[:5])}, which are told to be sensitive"


def _quick(run: Happened) -> Said:
    new = run.features - run.older if run.older is not None and run.is_pushed else ()
    if not new:
        return None
    return True, f"{', '.join(sorted(new)[:3])} came in and was served by the same run, in {run.minutes:.1f} minutes"


def _reviewed(run: Happened) -> Said:
    if run.commit is None:
        return None
    is_clean = bool(run.commit.get("is_clean"))
    told = f"its file was of commit {str(run.commit.get('commit'))[:10]}"
    return is_clean, told if is_clean else f"{told}, with changes that are in no commit"


def _decay(run: Happened) -> Said:
    for _, result in run.did("evaluate"):
        before, now = result.get("champion") or {}, result.get("metrics") or {}
        name = next((one for one in before if isinstance(before[one], float) and isinstance(now.get(one), float)), None)
        if name is not None:
            return (
                True,
                f"the version served was judged on new rows: {name} {before[name]:.4g}, the new {now[name]:.4g}",
            )
    return None


def _fresh(run: Happened) -> Said:
    if not run.is_pushed:
        return None
    is_alone = run.trigger == "up"
    return is_alone, "a version was trained and pushed " + ("by itself" if is_alone else "because a person ran it")


def _served(run: Happened) -> Said:
    done = any(arguments.get("serving") is not None for arguments, _ in run.did("validate"))
    return (True, "rows served were held against those trained on, by value where keys join them") if done else None


def _explained(event: Event) -> Said:
    if event.kind != "request-explained":
        return None
    is_same = bool(event.body.get("same"))
    told = f"request {str(event.body.get('request'))[:12]} was followed through"
    return is_same, told if is_same else f"{told}, and came out otherwise"


def _watched(event: Event) -> Said:
    if event.kind != "monitored":
        return None
    if event.body.get("follows"):
        return True, "an endpoint was followed by rules"
    compared = event.body.get("compared") or 0
    return (True, f"{compared} columns of rows served were compared with what was fitted on") if compared else None


def _rewarded(event: Event) -> Said:
    rules = [rule for rule in event.body.get("rules") or () if str(rule).startswith("reward")]
    return (True, f"an endpoint was followed by the rule {rules[0]}") if event.kind == "monitored" and rules else None


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
    if _served(run) is not None:
        return True, "one schema was held to training data and to rows served"
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
            (
                "what data may be used is kept to",
                'name what must not be used: hr.ingest(..., sensitive=["email"]), and have no feature read it',
                _policy,
            ),
            ("privacy is looked after", 'name what identifies people: hr.ingest(..., sensitive=["email"])', _privacy),
            ("a new feature is quick to bring in", "add one and run: from its first run to the push counts", _quick),
            ("code that makes features is tested", "have a test of each feature of your own beside it", _parity),
        ],
    ),
    *_items(
        "model",
        "M",
        [
            (
                "its definition is reviewed and in a repository",
                "commit the file: runs record the commit, and whether it was changed since",
                _reviewed,
            ),
            ("offline metrics go with what counts online", "compare rewards with metrics: nothing records that yet"),
            ("parameters were searched for", "hr.tune(trainer, graph, examples)", _tuned),
            (
                "what an old model costs is known",
                "have the version served judged on new rows: hr.evaluate(..., champion=hr.champion(...))",
                _decay,
            ),
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
            ("one request can be followed through", "headrace requests explain ID", _nothing, _nothing, _explained),
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
                "headrace monitor, or hr.validate(..., serving=rows)",
                _invariants,
                _nothing,
                _watched,
            ),
            ("features are the same in training and serving", "hr.validate(..., serving=rows served)", _served),
            ("models are not too old", "headrace up, so that new data make a new version by themselves", _fresh),
            ("numbers stay finite", "hr.gate(..., limits=hr.Limits())", _stable),
            ("speed and memory do not get worse", "hr.gate(..., limits=hr.Limits(memory_mb=512))", _cost),
            (
                "quality on served data does not get worse",
                "send rewards, and follow them: headrace monitor --rule 'reward_mean >= 0.2 with 200 rows'",
                _nothing,
                _nothing,
                _rewarded,
            ),
        ],
    ),
)
