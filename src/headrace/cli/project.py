"""What commands work on: the project's settings and store, its pipelines, its runs by prefix."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace.errors import InvalidInput, UnknownName

if TYPE_CHECKING:
    from headrace.orchestration import Pipeline
    from headrace.settings import Settings
    from headrace.store import RunRow, Store

__all__ = ["RUN_HELP", "find_run", "is_cut_off", "load", "named_values", "opened", "parameters"]


def load(target: str) -> Pipeline:
    """The pipeline that FILE or FILE:PIPELINE names. What the file prints goes to standard error."""
    from headrace.orchestration import load_pipeline

    file, separator, name = target.rpartition(":")
    if not separator:
        file, name = target, ""
    with redirect_stdout(sys.stderr):
        return load_pipeline(Path(file), name or None)


def parameters(pipeline: Pipeline, settings: Sequence[str]) -> dict[str, Any]:
    """The values of `--set name=value`, by the types of the pipeline's parameters."""
    return {name: pipeline.parse(name, value) for name, value in named_values(settings)}


def named_values(settings: Sequence[str]) -> list[tuple[str, str]]:
    """The names and values of `--set name=value`, as text; InvalidInput for one without a value."""
    found = []
    for text in settings:
        name, separator, value = text.partition("=")
        if not separator:
            raise InvalidInput(f"--set {text!r} has no value", expected="--set name=value")
        found.append((name.strip(), value))
    return found


@contextmanager
def opened(*, read_only: bool = True) -> Iterator[tuple[Store, Settings]]:
    """The store of the project around the working folder; StoreError when there is none."""
    from headrace.settings import load_settings
    from headrace.store import Store

    settings = load_settings()
    with Store.of(settings, read_only=read_only, create=False) as store:
        yield store, settings


def find_run(store: Store, name: str | None) -> RunRow:
    """A run by id or by the unique beginning of one, `@last` or `@failed`; the newest when there is no name.

    `@failed` is the newest that did not succeed: failed, rejected, cancelled or cut off.

    Raises UnknownName when there is none, InvalidInput when several begin like that.
    """
    if name in (None, "@last"):
        runs = store.runs(limit=1)
        if not runs:
            raise UnknownName("run", name or "@last", [], where="no pipeline has been run yet")
        return runs[0]
    if name == "@failed":
        for run in store.runs(limit=1000):
            if run.state in ("failed", "rejected", "cancelled") or is_cut_off(store, run):
                return run
        raise UnknownName("run", name, [], where="no run has failed, been rejected, cancelled or cut off")
    assert name is not None
    if name.startswith("@"):
        raise UnknownName("run", name, ["@last", "@failed"])
    found = store.runs(prefix=name, limit=6)
    if len(found) > 1:
        several = ", ".join(run.run_id for run in found[:5]) + (", ..." if len(found) > 5 else "")
        raise InvalidInput(f"several runs begin with {name!r}: {several}", expected="more of the id")
    if not found:
        raise UnknownName("run", name, [run.run_id for run in store.runs(limit=10)])
    return found[0]


def is_cut_off(store: Store, run: RunRow) -> bool:
    """Whether a run that was never finished has nobody who works on it."""
    return run.state == "running" and not store.is_alive(store.lease(run.run_id))


RUN_HELP = "a run's id or its beginning, @last or @failed; the newest by default"
