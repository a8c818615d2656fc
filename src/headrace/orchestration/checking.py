"""What verbs are given: the right nouns in the right places, told before anything is computed."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from headrace.calls import an, user_line
from headrace.errors import HeadraceError, InvalidInput, Misuse, UnknownName
from headrace.orchestration.handles import ANY, Handle
from headrace.orchestration.patience import Patience

if TYPE_CHECKING:
    from headrace.orchestration.tracing import Node

__all__ = ["WORDS", "check_nouns", "check_passed", "check_texts"]

# kind -> what a person calls it, and how to come by one.
WORDS: dict[str, tuple[str, str]] = {
    "dataset": ("a data set", "hr.Dataset.from_arrow(table, label=...) makes one"),
    "statistics": ("statistics", "hr.analyze(dataset) makes them"),
    "schema": ("a schema", "hr.infer_schema(statistics) makes one, hr.Schema.load(path) reads one"),
    "validation": ("a validation", "hr.validate(dataset, schema) makes one"),
    "transform_graph": ("a transform graph", "hr.transform(features, dataset) makes one"),
    "model": ("a model", "hr.train(trainer, graph, dataset) makes one, hr.Model.load(folder) reads one"),
    "evaluation": ("an evaluation", "hr.evaluate(model, dataset, metrics=[...]) makes one"),
    "inspection": ("an inspection", "hr.inspect(model, dataset) makes one"),
    "verdict": ("a verdict", "hr.gate(model, evaluation, rules=[...]) makes one"),
    "trainer": ("a trainer", "hr.XGBoost(max_depth=8) is one"),
    "tuning": ("a tuning", "hr.tune(trainer, graph, dataset) makes one"),
    "table": ("a pyarrow.Table", "pyarrow.table({...}) makes one"),
}


def words_of(kind: str) -> str:
    """A kind as a person calls it, with its article."""
    return WORDS[kind][0] if kind in WORDS else an(kind)


def check_nouns(verb: str, takes: Mapping[str, str], values: Mapping[str, Any], *, is_traced: bool) -> None:
    """Raise Misuse, at the user's line, where a verb was given another kind of thing than it takes.

    Parameters
    ----------
    verb : str
        Its name.
    takes : mapping of parameter to kind
        What it must be given; None is let pass, where the verb has a use for it.
    values : mapping of parameter to value
        What it was given.
    is_traced : bool
        Whether this is inside a pipeline, where nouns are handles.
    """
    for name, value in values.items() if is_traced else ():
        _refuse_lists(verb, name, value)
    for name, kind in takes.items():
        value = values.get(name)
        if value is None:
            continue
        if is_traced:
            _check_handle(verb, name, kind, value)
        elif _kind_of(value) != kind:
            raise Misuse(
                f"{name} of hr.{verb} is {_said(value)}",
                where=user_line(),
                expected=words_of(kind),
                fix=_fix(kind, value),
            )
    for name in ("trainer", "metrics"):
        given = values.get(name)
        several = isinstance(given, (list, tuple))
        items = list(given) if isinstance(given, (list, tuple)) else [given]
        for item in items:
            if isinstance(item, type):
                raise Misuse(
                    f"{name} of hr.{verb} {'holds' if several else 'is'} the class {item.__name__}",
                    where=user_line(),
                    fix=f"call it: hr.{item.__name__}()",
                )
    _check_trainer(verb, values.get("trainer"))


def _refuse_lists(verb: str, name: str, value: Any) -> None:
    """What a mapped step gives is a list, which no verb takes."""
    if isinstance(value, Handle) and value._kind.startswith("list of "):
        raise Misuse(
            f"{name} of hr.{verb} is {words_of(value._kind)} ({value._reference}): hr.each gives a list",
            where=user_line(),
            fix="take the list in a function with @hr.step",
        )
    for item in value if isinstance(value, (list, tuple)) else ():
        _refuse_lists(verb, name, item)


def check_passed(verb: str, names: Sequence[str], values: Mapping[str, Any]) -> str:
    """The kind of what a verb passes on; the first of `names` must be there, and all of one kind.

    Raises Misuse, at the user's line, for what is no handle.
    """
    kind = ANY
    for name in names:
        value = values[name]
        if value is None and name != names[0]:
            continue
        if not isinstance(value, Handle):
            raise Misuse(
                f"{name} of hr.{verb} is {_said(value)}",
                where=user_line(),
                expected="what a verb or a step gave: it is passed on as it is",
            )
        if ANY not in (kind, value._kind) and value._kind != kind:
            raise Misuse(
                f"{name} of hr.{verb} is {words_of(value._kind)} ({value._reference})",
                where=user_line(),
                expected=f"{words_of(kind)}, as {names[0]} is: whoever takes it must not care which it is",
            )
        kind = value._kind if kind == ANY else kind
    return kind


def _check_trainer(verb: str, trainer: Any) -> None:
    if isinstance(trainer, Handle):
        if trainer._kind not in (ANY, "trainer"):
            raise Misuse(
                f"trainer of hr.{verb} is {words_of(trainer._kind)} ({trainer._reference})",
                where=user_line(),
                expected="a trainer",
                fix=".best is the trainer that did best" if trainer._kind == "tuning" else "",
            )
        return
    if trainer is None:
        return
    if isinstance(trainer, str):
        from headrace.lookup import class_names

        known = [f"hr.{name}()" for name in class_names("trainer") if name.lower() == trainer.lower().replace("_", "")]
        fix = f"did you mean {known[0]}?" if known else ""
        raise Misuse(f"trainer of hr.{verb} is the text {trainer!r}", where=user_line(), expected="a trainer", fix=fix)
    from headrace.training import Trainer

    if not isinstance(trainer, Trainer):
        from headrace.lookup import class_names

        is_estimator = type(trainer).__module__.partition(".")[0] == "sklearn"
        raise Misuse(
            f"trainer of hr.{verb} is {_said(trainer)}",
            where=user_line(),
            expected=" or ".join(f"hr.{name}(...)" for name in class_names("trainer")),
            fix=".best is the trainer that did best"
            if _kind_of(trainer) == "tuning"
            else f"hr.Sklearn({type(trainer).__name__}(...)) makes it one"
            if is_estimator
            else "another trainer is one file: docs/extending/trainer.md",
        )


def _check_handle(verb: str, name: str, kind: str, value: Any) -> None:
    if not isinstance(value, Handle):
        raise Misuse(
            f"{name} of hr.{verb} is {_said(value)}, not a handle",
            where=user_line(),
            expected=f"{words_of(kind)} that another verb or step of this pipeline returned",
            fix="data come in by hr.ingest, or by a function with @hr.step" if kind == "dataset" else "",
        )
    if ANY not in (kind, value._kind) and value._kind != kind:
        raise Misuse(
            f"{name} of hr.{verb} is {words_of(value._kind)} ({value._reference})",
            where=user_line(),
            expected=words_of(kind),
            fix=".accepted is the data set that passed" if (kind, value._kind) == ("dataset", "validation") else "",
        )


def _kind_of(value: Any) -> str:
    kind = getattr(value, "kind", None)
    if isinstance(kind, str) and not isinstance(value, type):
        return kind
    # A DataFrame of whatever package: `headrace.dataset.tables` takes it.
    is_table = hasattr(value, "__arrow_c_stream__") or hasattr(value, "__arrow_c_array__")
    return "table" if is_table and not isinstance(value, type) else ""


def _said(value: Any) -> str:
    """What was given, as a person says it."""
    kind = _kind_of(value)
    if kind in WORDS and kind != "table":
        return words_of(kind)
    if isinstance(value, (str, os.PathLike)):
        return f"the text {str(value)!r}"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if callable(value) and hasattr(value, "__name__"):
        return f"the function {value.__name__}"
    module = type(value).__module__.partition(".")[0]
    return an(type(value).__name__ if module in ("builtins", "headrace") else f"{module}.{type(value).__name__}")


def _fix(kind: str, value: Any) -> str:
    if kind == "dataset" and _kind_of(value) == "validation":
        return ".accepted is the data set that passed"
    if kind == "dataset" and isinstance(value, (str, os.PathLike)):
        from headrace.dataset.csv_file import is_csv
        from headrace.ingestion.sources.jsonl import is_jsonl

        path = os.fspath(value)
        reader = "Dataset.from_csv" if is_csv(path) else "ingest" if is_jsonl(path) else "Dataset.from_parquet"
        return f"hr.{reader}({path!r}, label=...) reads one"
    return WORDS[kind][1] if kind in WORDS else ""


def check_texts(verb: str, values: Mapping[str, Any], nodes: Sequence[Node] = ()) -> None:
    """Find misspelt metrics, rules and endpoints before any data are read; `nodes` are the pipeline's so far.

    Raises UnknownName or InvalidInput at the user's line.
    """
    try:
        if verb == "evaluate" or verb == "evaluate_predictions":
            _check_metrics(values["metrics"])
            if verb == "evaluate":
                _check_eval(values["dataset"], nodes)
        elif verb == "tune":
            _check_search(values)
        elif verb == "ingest":
            _check_split(values.get("split"))
        elif verb == "gate":
            _check_rules(values, nodes)
            _check_limits(values.get("limits"), values.get("model"))
        elif verb == "when":
            _check_condition(values, nodes)
        elif verb == "approval":
            if not isinstance(values.get("question", ""), str):
                raise InvalidInput(f"question of hr.approval is {_said(values['question'])}", expected="a text")
            Patience(timeout_s=values.get("timeout_s"))
        elif verb in ("push", "champion") and isinstance(values["endpoint"], str):
            from headrace.store import check_endpoint_name

            check_endpoint_name(values["endpoint"])
    except HeadraceError as error:
        error.locate(user_line(), adds=True)
        raise


def _check_metrics(metrics: Any) -> None:
    from headrace import lookup

    for item in [metrics] if isinstance(metrics, str) else metrics:
        if isinstance(item, str) and item not in lookup.names("metric"):
            raise UnknownName("metric", item, lookup.names("metric"))


def _check_search(values: Mapping[str, Any]) -> None:
    """Names alone: the rest is told by the room, which takes longer to import than this may."""
    from headrace import lookup

    if isinstance(values.get("metric"), str):
        _check_metrics(values["metric"])
    for parameter, kind, known in (
        ("searcher", "searcher", lookup.names("searcher")),
        ("stopping", "stopping rule", ["asha", "median"]),
    ):
        given = values.get(parameter)
        if isinstance(given, str) and given not in known:
            raise UnknownName(kind, given, known)
    space, trainer = values.get("space"), values["trainer"]
    if isinstance(space, Mapping) and not isinstance(trainer, Handle):
        known = trainer.parameters()
        for name in space:
            if name not in known:
                raise UnknownName("parameter", str(name), known, where=type(trainer).__name__)


def _check_split(split: Any) -> None:
    if split is not None:
        from headrace.dataset.records import check_split

        check_split(split)


def _check_eval(dataset: Any, nodes: Sequence[Node]) -> None:
    """Refuse a data set that is split and has no rows to evaluate on: training would come first."""
    by_name = {node.name: node for node in nodes}
    step = dataset._reference.step if isinstance(dataset, Handle) else ""
    while step in by_name and by_name[step].call == "validate":
        step = by_name[step].arguments["dataset"].step
    if step not in by_name or by_name[step].call != "ingest":
        return
    split = by_name[step].arguments["split"]
    if split and "eval" not in split:
        raise InvalidInput(
            f"hr.evaluate measures on the split 'eval', and {step} makes {' and '.join(map(repr, split))} alone",
            expected="splits named train and eval, beside them validation where a trainer stops early",
            fix="split={'train': 8, 'eval': 2}",
        )


def _check_condition(values: Mapping[str, Any], nodes: Sequence[Node]) -> None:
    from headrace.orchestration.conditions import FIGURES
    from headrace.rules import parse_rule

    condition, figures = values["condition"], values["figures"]
    if not isinstance(condition, str):
        raise InvalidInput(f"condition of hr.when is {_said(condition)}", expected="a text: 'roc_auc >= 0.85'")
    rule = parse_rule(condition)
    if not isinstance(figures, Handle):
        return
    known = FIGURES.get(figures._kind)
    if known is not None and rule.metric not in known:
        raise UnknownName(f"figure of {words_of(figures._kind)}", rule.metric, known, where=f"condition {str(rule)!r}")
    if figures._kind in WORDS and figures._kind != "evaluation" and known is None:
        raise Misuse(
            f"figures of hr.when is {words_of(figures._kind)} ({figures._reference})",
            expected="an evaluation, a data set, statistics, a validation, a verdict, or numbers that a step returned",
        )
    if rule.reference != "number" and figures._kind not in (ANY, "evaluation"):
        raise InvalidInput(
            f"{rule} compares with a {rule.reference}", expected="a number: only an evaluation knows another model"
        )
    _check_rules({"rules": [condition], "evaluation": figures}, nodes)


def _check_rules(values: Mapping[str, Any], nodes: Sequence[Node]) -> None:
    from headrace.rules import parse_rule

    rules, evaluation = values["rules"], values["evaluation"]
    if isinstance(rules, Handle):
        return
    if not isinstance(rules, (list, tuple, str)):
        raise InvalidInput(f"rules of hr.gate is {_said(rules)}", expected="a list of texts: ['roc_auc >= 0.85']")
    parsed = [parse_rule(rule) for rule in ([rules] if isinstance(rules, str) else rules) if isinstance(rule, str)]
    made = [node for node in nodes if isinstance(evaluation, Handle) and node.name == evaluation._reference.step]
    if not made or made[0].call not in ("evaluate", "evaluate_predictions"):
        return
    metrics = made[0].arguments["metrics"]
    names = [_metric_name(item) for item in ([metrics] if isinstance(metrics, str) else metrics)]
    for rule in parsed:
        if rule.metric not in names and None not in names:
            raise UnknownName("metric", rule.metric, filter(None, names), where=f"rule {str(rule)!r}")


def _check_limits(limits: Any, model: Any) -> None:
    if limits is None:
        return
    from headrace.evaluation import Limits

    if not isinstance(limits, Limits):
        given = ", ".join(f"{name}={value!r}" for name, value in limits.items()) if isinstance(limits, dict) else ""
        called = "call it: hr.Limits(memory_mb=512)" if limits is Limits else f"hr.Limits({given or 'memory_mb=512'})"
        raise Misuse(f"limits of hr.gate is {_said(limits)}", expected="an hr.Limits", fix=called)
    if model is None:
        raise InvalidInput(
            "limits of hr.gate are on a model, and predictions alone are judged",
            fix="leave limits= out, or give it a model",
        )


def _metric_name(item: Any) -> str | None:
    """What a metric, as plain data, is called; None where only the evaluation will tell."""
    if isinstance(item, str):
        return item
    if isinstance(item, Mapping):
        name = item.get("parameters", {}).get("name")
        return name if isinstance(name, str) and name else None
    return None
