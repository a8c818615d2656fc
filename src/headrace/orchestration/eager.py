"""Verbs that concern the store and the project, as plain functions: what they do outside a pipeline."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from headrace.errors import InvalidInput, Misuse
from headrace.orchestration.stores import required_store

__all__ = ["approval", "champion", "latest", "load_schema", "previous", "push", "tune", "when"]


def load_schema(path: str | os.PathLike[str], *, otherwise: Any = None) -> Any:
    """The schema in a file, else `otherwise`; InvalidInput when there is neither."""
    from headrace.schema import Schema

    if Path(path).is_file():
        return Schema.load(Path(path))
    if otherwise is None:
        raise InvalidInput("there is no schema file", where=os.fspath(path), fix="write it, or give otherwise=")
    return otherwise


def previous(dataset: Any) -> Any:
    """The newest data set that any pipeline of the open store accepted and that ends before this one, or None."""
    from headrace.dataset import Dataset

    store = required_store("previous")
    spans = [span.name for span in dataset.spans]
    newest = None
    for pipeline, stream in store.streams():
        found = store.snapshot(pipeline, streams={stream: spans}).previous[stream]
        if found is not None and (newest is None or max(found.spans) > max(newest.spans)):
            newest = found
    return None if newest is None else store.load_artifact(newest.dataset_digest, Dataset)


def champion(endpoint: str) -> Any:
    """The model that an endpoint of the open store serves, or None."""
    from headrace.model import Model

    store = required_store("champion")
    live = store.endpoint(endpoint)
    return None if live is None else store.load_artifact(live.model_digest, Model)


def latest(pipeline: str, output: str) -> Any:
    """What a pipeline of the open store made last; InvalidInput when no run of it has given such an output."""
    from headrace.orchestration.latest import find_latest
    from headrace.orchestration.values import load_value

    store = required_store("latest")
    found = find_latest(store, pipeline, output)
    if found is None:
        raise InvalidInput(f"no run of pipeline {pipeline!r} has given {output!r}", fix="`headrace runs ls`")
    return load_value(store, found.digest)


def push(model: Any, verdict: Any, *, endpoint: str) -> int:
    """Put a model behind an endpoint of the open store; returns the version it is served as."""
    from headrace.routing import push as push_in

    return push_in(required_store("push"), model, verdict, endpoint)


def tune(trainer: Any, graph: Any, dataset: Any, **options: Any) -> Any:
    """Search for a trainer's best values; the study lies in the open store."""
    from headrace.engine import describe
    from headrace.orchestration.packages import headrace_version, packages_behind
    from headrace.tuning import tune as tune_in

    store = required_store("tune")
    brought = packages_behind([describe(trainer)])
    version = ", ".join([f"headrace {headrace_version()}", *(f"{name} {number}" for name, number in brought.items())])
    return tune_in(trainer, graph, dataset, store=store, version=version, **options)


def approval(thing: Any, *, question: str = "", evidence: Any = (), timeout_s: float | None = None) -> Any:
    """Raise Misuse: a person is asked by a run, which can wait."""
    raise Misuse(
        "hr.approval outside a pipeline asks nobody",
        expected="a call inside a function with @hr.pipeline",
        fix="whoever types this may look, and go on",
    )


def when(figures: Any, condition: str, *, then: Any, otherwise: Any = None) -> Any:
    """`then` where the condition holds, else `otherwise`."""
    from headrace.orchestration.conditions import judge_condition

    return then if judge_condition(figures, condition).holds else otherwise
