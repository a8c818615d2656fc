"""What each verb does in its step's process: arguments to objects, the room's function, its outputs by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace.canonical import digest
from headrace.errors import HeadraceError, InvalidInput
from headrace.orchestration import spans
from headrace.orchestration.arguments import real_objects
from headrace.orchestration.files import Files
from headrace.orchestration.headlines import evaluation_result, limits_result, rules_result
from headrace.orchestration.mapping import SPAN_DATASET
from headrace.orchestration.verbs import VERBS
from headrace.orchestration.waivers import binding
from headrace.orchestration.worker import Context, Done

if TYPE_CHECKING:
    from headrace.rules import Finding

__all__ = ["run_verb"]

_MOST_ITEMS = 100
_READERS = ("analyze", "evaluate", "inspect", "train", "transform", "tune", "validate")


def run_verb(name: str, arguments: dict[str, Any], context: Context) -> Done:
    """Run a verb's plain function and name what it gave."""
    for parameter in ("trainer", "metrics", "find_slices", "limits", "metric", "searcher", "stopping"):
        if parameter in arguments:
            arguments[parameter] = real_objects(arguments[parameter])
    if name in _READERS and arguments.get("engine") is None:
        arguments["engine"] = context.reading.engine
    if name == "train" and "workers" in context.notes:
        arguments["workers"] = context.notes["workers"]
    body = _BODIES.get(name)
    if body is not None:
        return body(arguments, context)
    verb = VERBS[name]
    return Done({next(iter(verb.outputs)): verb.load()(**arguments)})


def _load_schema(arguments: dict[str, Any], context: Context) -> Done:
    from headrace.schema import Schema

    path = context.folder / arguments["path"]
    found = digest(path.read_bytes()) if path.is_file() else ""
    if found != context.resolved["sha256"]:
        raise InvalidInput(
            "the schema file has changed since this run was planned", where=str(path), fix="start a new run"
        )
    return Done({"schema": Schema.load(path)})


def _analyze(arguments: dict[str, Any], context: Context) -> Done:
    from headrace.dataset.types import difference_text

    dataset = arguments["dataset"]
    done = Done({"statistics": VERBS["analyze"].load()(**arguments)})
    shared = dataset.shared_schema.names
    left_out = [difference_text(*item) for item in dataset.uneven_columns.items() if item[0] not in shared]
    if left_out:
        done.result["warnings"] = [f"left out: {text}" for text in left_out[:_MOST_ITEMS]]
    return done


def _validate(arguments: dict[str, Any], context: Context) -> Done:
    from headrace.validation import Waiver

    dataset = context.inputs["dataset"]
    given = binding(context.resolved, dataset)
    if given:
        arguments["waivers"] = [Waiver.parse(item["name"], by=item["by"], because=item["because"]) for item in given]
    validation = VERBS["validate"].load()(**arguments)
    done = Done({"validation": validation}, {"ok": validation.ok, "summary": validation.summary})
    used = {item.name for item in validation.items if item.severity == "waived"}
    if used:
        done.result["waived"] = [{**item, "dataset_digest": dataset} for item in given if item["name"] in used]
    unused = [item.message for item in validation.items if item.code == "waiver_unused"]
    if unused:
        done.result["notes"] = unused
    if validation.quarantined is not None:
        done.outputs["quarantined"] = validation.quarantined
    warnings = [item for item in validation.items if item.severity == "warning"]
    if warnings:
        done.result["warnings"] = [f"{item.name}: {item.message}" for item in warnings[:_MOST_ITEMS]]
    if not validation.ok:
        files = Files(context.store.run(context.attempt.run_id).resolved, context.resolved["stream"])
        done.result["items"] = [item.message + files.place(item) for item in validation.errors[:_MOST_ITEMS]]
        done.result["names"] = [item.name for item in validation.errors[:_MOST_ITEMS]]
        done.result["num_items"] = len(validation.errors)
        return done
    accepted = validation.accepted
    done.outputs["accepted"] = accepted
    done.result["accepted"] = {
        "dataset_digest": accepted.digest,
        "schema_digest": context.inputs["schema"],
        "spans": [span.name for span in accepted.spans],
    }
    return done


def _transform(arguments: dict[str, Any], context: Context) -> Done:
    apart = {"places": context.notes.get("places", []), "weights": context.notes.get("weights", {})}
    arguments["features"] = {**arguments["features"], **apart}
    return Done({"graph": VERBS["transform"].load()(**arguments)})


def _train(arguments: dict[str, Any], context: Context) -> Done:
    from headrace.training.checkpoints import Checkpoints
    from headrace.training.recording import Recorder

    attempt, recorder = context.attempt, None
    if context.records:
        path = Path(context.records["path"])
        recorder = Recorder(
            path,
            events=path.with_suffix("") if context.records["tensorboard"] else None,
            attempt_id=attempt.id,
            step=attempt.step,
            inputs=context.inputs,
        )
    checkpoints = Checkpoints(context.store.home.checkpoint(attempt.key))
    model = VERBS["train"].load()(**arguments, journal=checkpoints, recorder=recorder)
    return Done({"model": model}, {} if recorder is None else {"fitting": recorder.measured()})


def _gate(arguments: dict[str, Any], context: Context) -> Done:
    if arguments.get("limits") is not None:
        arguments["champion"] = _measurable(arguments["evaluation"].champion_digest, context)
    verdict = VERBS["gate"].load()(**arguments)
    done = Done({"verdict": verdict}, {"ok": verdict.ok, "rules": rules_result(verdict)})
    if arguments.get("limits") is not None:
        done.result["limits"] = limits_result(verdict)
        done.is_kept = _is_settled(verdict.findings)
    reason = arguments["evaluation"].champion_reason
    if reason:
        done.result["warnings"] = [f"not compared with the champion: {reason}"]
    if verdict.ok:
        done.outputs["leave"] = verdict
    else:
        said = [str(getattr(finding, "message", finding)) for finding in verdict.findings if not finding.ok]
        done.result["items"] = said[:_MOST_ITEMS]
        done.result["num_items"] = len(said)
    return done


def _is_settled(findings: Sequence[Finding]) -> bool:
    """Whether the probe of limits came to its end: what was killed or late is a no that the next run tries again."""
    limits = [finding for finding in findings if finding.is_limit]
    loads = next(finding for finding in limits if finding.metric == "loads")
    unsure = any(not finding.ok and not finding.is_judged for finding in limits)
    return loads.is_judged and not (loads.ok and unsure)


def _measurable(digest: str | None, context: Context) -> Any:
    """The champion that an evaluation names, where the store can still give it; the gate says so where it cannot."""
    from headrace.model import Model

    if digest is None or not context.store.has_artifact(digest):
        return None
    try:
        return context.store.load_artifact(digest, Model)
    except HeadraceError:
        return None


def _push(arguments: dict[str, Any], context: Context) -> Done:
    from headrace.routing import push

    version = push(
        context.store,
        arguments["model"],
        arguments["verdict"],
        arguments["endpoint"],
        expected_version=context.resolved["expected_version"],
        run_id=context.attempt.run_id,
    )
    return Done({"version": version}, {"version": version})


def _ingest_span(arguments: dict[str, Any], context: Context) -> Done:
    written = spans.write(arguments, context)
    context.reading.count(read=written.num_rows)
    return Done({"span": written})


def _ingest(arguments: dict[str, Any], context: Context) -> Done:
    dataset = spans.combine(arguments, context)
    known = {name.partition("/")[0] for name in dataset.known_summary.digests}
    for span in dataset.spans:  # those that are not known are read for their digests, which name the data set
        num_rows = sum(fragment.num_rows or 0 for fragment in span.fragments)
        context.reading.count(**{"reused" if span.name in known else "read": num_rows})
    result = {
        "num_rows": dataset.num_rows,
        "num_unlabelled": spans.unlabelled(dataset),
        "spans": [span.name for span in dataset.spans],
    }
    return Done({"dataset": dataset}, result)


def _evaluate(arguments: dict[str, Any], context: Context) -> Done:
    evaluation = VERBS["evaluate"].load()(**arguments)
    return Done({"evaluation": evaluation}, evaluation_result(evaluation))


def _inspect(arguments: dict[str, Any], context: Context) -> Done:
    inspection = VERBS["inspect"].load()(**arguments)
    first = ", ".join(f"{one.column} {one.drop:.3g}" for one in inspection.importance[:3])
    said = f"{inspection.metric} {inspection.value:.4g}; without a column it loses most by {first}"
    return Done({"inspection": inspection}, {"inspected": inspection.summary, "summary": said})


def _tune(arguments: dict[str, Any], context: Context) -> Done:
    from headrace.tuning import tune

    if arguments.get("space") is not None:
        arguments["space"] = dict(arguments["space"])
    # The step's key covers code and versions: a run that was killed goes on with the study of the same key.
    tuning = tune(**arguments, store=context.store, version=context.attempt.key)
    return Done({"tuning": tuning, "best": tuning.best}, {"tuned": tuning.summary})


def _approval(arguments: dict[str, Any], context: Context) -> Done:
    from headrace.orchestration.approvals import subject_of

    subject, about = subject_of(arguments)
    pipeline = context.store.run(context.attempt.run_id).pipeline
    answer = context.store.answered(pipeline, context.attempt.step, subject, run_id=context.attempt.run_id)
    if answer is None:
        raise InvalidInput("nobody has answered yet", fix=f"headrace approve {context.attempt.run_id}")
    said = answer.said
    result: dict[str, Any] = {
        "ok": answer.is_approved,
        "summary": said,
        "approval": {
            "subject": subject,
            "question": arguments["question"],
            "about": about,
            "by": answer.by,
            "because": answer.because,
            "time_us": answer.time_us,
        },
    }
    if answer.is_approved:
        return Done({}, result, passed={"approved": about["thing"]})
    # A person may think better of it, which an equal run should hear.
    return Done({}, {**result, "items": [said], "num_items": 1}, is_kept=False)


def _when(arguments: dict[str, Any], context: Context) -> Done:
    from headrace.orchestration.conditions import judge_condition

    judged = judge_condition(arguments["figures"], arguments["condition"])
    name = "then" if judged.holds else "otherwise"
    word = "holds" if judged.holds else "does not hold"
    result = {"holds": judged.holds, "summary": f"{judged.said}: {word}"}
    return Done({}, result, passed={"chosen": context.inputs[name]} if name in context.inputs else {})


_BODIES: dict[str, Callable[[dict[str, Any], Context], Done]] = {
    "analyze": _analyze,
    "approval": _approval,
    "evaluate": _evaluate,
    "gate": _gate,
    "ingest": _ingest,
    "ingest_span": _ingest_span,
    "inspect": _inspect,
    "load_schema": _load_schema,
    "push": _push,
    SPAN_DATASET: _ingest,
    "train": _train,
    "transform": _transform,
    "tune": _tune,
    "validate": _validate,
    "when": _when,
}
