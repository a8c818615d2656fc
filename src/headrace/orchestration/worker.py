"""What happens in the process of one step: inputs from the store, the room's plain function, outputs committed.

A call is plain data:

    {"home", "lease_s", "attempt", "step", "key", "call", "arguments", "outputs", "folder", "resolved", "notes",
     "kept", "records"}

`arguments` holds `{"@": digest}` (or `{"@": null}` for a resolved input that does not exist) where the graph had a
handle. The answer is plain data too: `{"outputs": {name: digest}, "result": {...}}`, or `{"error": {...}}`.
"""

from __future__ import annotations

import importlib
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace import disk
from headrace.errors import HeadraceError, InvalidInput, LeaseLost, StoreError
from headrace.orchestration.reading import Reading
from headrace.orchestration.steps import Step
from headrace.orchestration.values import load_value, stage
from headrace.orchestration.waivers import waived_of

if TYPE_CHECKING:
    from headrace.store import Accepted, Attempt, Staged, Store

__all__ = ["Context", "Done", "accepted_of", "describe_error", "perform", "trimmed_traceback"]

# What these only pass on need not be read.
_PASSED_ON = {"approval": ("thing", "evidence"), "when": ("then", "otherwise")}
_PACKAGE = str(Path(__file__).resolve().parent.parent)


@dataclass(frozen=True)
class Context:
    """Where a step's body works.

    Parameters
    ----------
    store : Store
        Opened by this process.
    attempt : Attempt
        Outputs that the body writes itself go below `attempt.folder`.
    folder : Path
        Where relative paths of the pipeline start.
    resolved : dict
        What the plan looked up for this step.
    notes : dict
        What the trace kept beside the arguments.
    inputs : dict of str to str
        Parameter name -> digest, for parameters that are one artifact.
    reading : Reading
        The engine to read rows with, and the count of rows.
    records : dict
        `path`, the file that measurements go to, and `tensorboard`, the setting; {} = nothing is recorded.
    """

    store: Store
    attempt: Attempt
    folder: Path
    resolved: dict[str, Any]
    notes: dict[str, Any]
    inputs: dict[str, str]
    reading: Reading
    records: dict[str, Any]


@dataclass
class Done:
    """What a body gives back: outputs by name (one that is withheld is left out), and the step's plain result.

    `passed` has the outputs that are artifacts of the store as they stand, by digest. What is not kept is no step's
    result but this one's: an equal step is done again.
    """

    outputs: dict[str, Any]
    result: dict[str, Any] = field(default_factory=dict)
    passed: dict[str, str] = field(default_factory=dict)
    is_kept: bool = True


def perform(call: Mapping[str, Any], store: Store) -> dict[str, Any]:
    """Run one call to its commit.

    Raises whatever the step's code raises; LeaseLost when another attempt has taken over.
    """
    attempt = store.attach(call["attempt"])
    inputs = {
        name: value["@"]
        for name, value in call["arguments"].items()
        if isinstance(value, dict) and isinstance(value.get("@"), str)
    }
    reading = Reading(store, call.get("kept"))
    records = call.get("records", {})
    context = Context(store, attempt, Path(call["folder"]), call["resolved"], call["notes"], inputs, reading, records)
    loaded: dict[str, Any] = {}
    unread = _PASSED_ON.get(call["call"], ())
    arguments = {
        name: value if name in unread else _load(store, value, loaded) for name, value in call["arguments"].items()
    }
    done = _run(call, arguments, context)
    staged = stage(store, done.outputs, attempt.folder, f"step {call['step']!r}")
    staged |= {name: _again(store, digest) for name, digest in done.passed.items()}
    done.result |= reading.measured()
    accepted = accepted_of(done.result, call["resolved"])
    waived = waived_of(done.result, call["resolved"])
    key = call["key"] if done.is_kept else None
    committed = store.commit(attempt, staged, done.result, key, accepted=accepted, waived=waived)
    reading.close()
    if call["key"] is not None:
        disk.remove_folder(store.home.checkpoint(call["key"]))  # what it would have gone on from
    return {"outputs": {name: item.digest for name, item in committed.items()}, "result": done.result}


def _again(store: Store, digest: str) -> Staged:
    """An artifact of the store as an output: not a byte of it is read."""
    from headrace.store import Staged

    found = store.artifact(digest)
    if found is None:
        raise StoreError(f"no artifact {digest[:12]} in the store", fix=store.way_back(digest))
    return Staged(found.kind, digest)


def accepted_of(result: Mapping[str, Any], resolved: Mapping[str, Any]) -> list[Accepted]:
    """What a validation's result records as accepted: its data set, in the stream that the plan found for it."""
    from headrace.store import Accepted

    found = result.get("accepted")
    if not isinstance(found, dict) or resolved.get("stream") is None:
        return []
    spans = tuple(found["spans"])
    return [Accepted(resolved["stream"], found["dataset_digest"], found["schema_digest"], spans)]


def _load(store: Store, value: Any, loaded: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        if set(value) == {"@"}:
            digest = value["@"]
            if digest is None:
                return None
            if digest not in loaded:
                loaded[digest] = load_value(store, digest)
            return loaded[digest]
        return {key: _load(store, item, loaded) for key, item in value.items()}
    if isinstance(value, list):
        return [_load(store, item, loaded) for item in value]
    return value


def _run(call: Mapping[str, Any], arguments: dict[str, Any], context: Context) -> Done:
    module_name, _, name = call["call"].partition(":")
    if not name:
        from headrace.orchestration.bodies import run_verb

        return run_verb(call["call"], arguments, context)
    step = getattr(importlib.import_module(module_name), name, None)
    if not isinstance(step, Step):
        raise InvalidInput(f"{call['call']} is no longer a step", expected="a function with @hr.step")
    returned = step.call(arguments)
    names = list(call["outputs"])
    if names == ["output"]:
        return Done({"output": returned})
    if not isinstance(returned, tuple) or len(returned) != len(names):
        raise InvalidInput(
            f"a {type(returned).__name__} was returned",
            where=f"step {call['step']!r}",
            expected=f"a NamedTuple with {', '.join(names)}, as annotated",
        )
    return Done(dict(zip(names, returned, strict=True)))


def describe_error(error: BaseException) -> dict[str, str]:
    """An error as plain data: its class, its message, and the traceback that helps."""
    is_ours = isinstance(error, HeadraceError)
    return {
        "class": type(error).__name__,
        "message": str(error) or type(error).__name__,
        "traceback": trimmed_traceback(error),
        "is_ours": "yes" if is_ours else "",
        "is_lost": "yes" if isinstance(error, LeaseLost) else "",
        "is_store": "yes" if isinstance(error, StoreError) else "",
    }


def trimmed_traceback(error: BaseException) -> str:
    """A traceback without headrace's own frames at its start: it begins at the user's code.

    Frames of headrace that lie deeper (a verb called by a step) stay out as well; the error's message says what they
    would.
    """
    summary = traceback.TracebackException.from_exception(error)
    pending: list[traceback.TracebackException | None] = [summary]
    while pending:
        item = pending.pop()
        if item is None:
            continue
        kept = [
            frame
            for frame in item.stack
            if not frame.filename.startswith(_PACKAGE) and not frame.filename.startswith("<frozen")
        ]
        item.stack = traceback.StackSummary.from_list(kept)
        pending += [item.__cause__, item.__context__]
    return "".join(summary.format()).rstrip()
