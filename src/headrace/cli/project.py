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

__all__ = ["find_run", "load", "opened", "parameters"]


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
    values: dict[str, Any] = {}
    for text in settings:
        name, separator, value = text.partition("=")
        if not separator:
            raise InvalidInput(f"--set {text!r} has no value", expected="--set name=value")
        values[name.strip()] = pipeline.parse(name.strip(), value)
    return values


@contextmanager
def opened(*, read_only: bool = True) -> Iterator[tuple[Store, Settings]]:
    """The store of the project around the working folder; StoreError when there is none."""
    from headrace.settings import load_settings
    from headrace.store import Store

    settings = load_settings()
    with Store.open(settings.home, read_only=read_only, create=False, lease_s=settings.lease_s) as store:
        yield store, settings


def find_run(store: Store, name: str | None) -> RunRow:
    """A run by id or by the unique beginning of one; the newest when there is no name.

    Raises UnknownName when there is none, InvalidInput when several begin like that.
    """
    runs = store.runs(limit=10_000)
    if name is None:
        if not runs:
            raise UnknownName("run", "", [], where="no pipeline has been run yet")
        return runs[0]
    found = [run for run in runs if run.run_id.startswith(name)]
    if len(found) > 1:
        raise InvalidInput(f"{len(found)} runs begin with {name!r}", expected="more of the id")
    if not found:
        raise UnknownName("run", name, [run.run_id for run in runs[:10]])
    return found[0]
