"""Showing: from what a person names to pages: a digest, a run, a step of a run, an endpoint."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace import disk, lookup
from headrace.canonical import digest as digest_of
from headrace.errors import HeadraceError, InvalidInput, UnknownName
from headrace.orchestration.packages import headrace_version
from headrace.orchestration.run_record import run_record
from headrace.orchestration.values import load_value
from headrace.report import Context, document, page_of
from headrace.report.theme import script, style

if TYPE_CHECKING:
    from headrace.store import RunRow, Store

__all__ = ["Shown", "find_shown", "page", "write_pages"]

_DIGEST = re.compile(r"[0-9a-f]{6,64}")  # fewer characters name nothing for sure
_PREFERRED = {"gate": "verdict", "validate": "validation", "push": "version"}


@dataclass(frozen=True)
class Shown:
    """What is to be shown: an artifact by kind and digest, or a run."""

    kind: str
    name: str
    run: RunRow | None = None


def find_shown(store: Store, words: list[str], find_run: Callable[[Store, str | None], RunRow]) -> Shown:
    """What a person means.

    Parameters
    ----------
    store : Store
        Where it is; only read.
    words : list of str
        [] is the newest run. One word: a run's id or its beginning, @last, @failed; a step of the newest run,
        `train` or `validate.accepted`; RUN:STEP; an artifact's digest or its first six characters. Two words:
        `endpoint NAME`, the model it serves; RUN STEP.
    find_run : function
        From a name to a run, as all commands find one.

    Raises UnknownName or InvalidInput, with what there is.
    """
    if not words:
        return _run(find_run(store, None))
    if words[0] in ("endpoint", "endpoints") and len(words) == 2:
        return _served(store, words[1])
    if len(words) > 2:
        raise InvalidInput(
            f"{' '.join(words)!r} is more than one thing", expected="one artifact, RUN STEP, or endpoint NAME"
        )
    if len(words) == 2 or ":" in words[0]:
        run, _, step = words[0].partition(":") if len(words) == 1 else (words[0], "", words[1])
        return _output(store, find_run(store, run or None), step)
    word = words[0]
    if word.startswith("@"):
        return _run(find_run(store, word))
    newest = store.runs(limit=1)
    if newest and word.partition(".")[0] in _names(newest[0]):
        return _output(store, newest[0], word)
    if store.runs(prefix=word, limit=1):
        return _run(find_run(store, word))
    if _DIGEST.fullmatch(word):
        return _artifact(store, word)
    steps = _names(newest[0]) if newest else []
    raise UnknownName(
        "artifact, run or step",
        word,
        steps,
        where=f"run {newest[0].run_id}" if newest else "no pipeline has been run yet",
    )


def _names(run: RunRow) -> list[str]:
    return [planned["name"] for planned in run.plan["steps"]]


def _run(run: RunRow) -> Shown:
    return Shown("run", run.run_id, run)


def _artifact(store: Store, prefix: str) -> Shown:
    folder = store.home.artifacts
    found = sorted(item.name for item in folder.glob(f"{prefix}*") if store.artifact(item.name) is not None)
    if not found:
        raise UnknownName("artifact", prefix, [], where=str(folder))
    if len(found) > 1:
        several = ", ".join(name[:16] for name in found[:5])
        raise InvalidInput(f"several artifacts begin with {prefix!r}: {several}", expected="more of the digest")
    return _known(store, found[0])


def _known(store: Store, digest: str) -> Shown:
    found = store.artifact(digest)
    if found is None:
        store.artifact_folder(digest)  # says what is missing
        raise UnknownName("artifact", digest, [])
    return Shown(found.kind, digest)


def _served(store: Store, endpoint: str) -> Shown:
    live = store.endpoint(endpoint)
    if live is None:
        raise InvalidInput(f"endpoint {endpoint!r} serves nothing", fix="headrace endpoints lists those that do")
    return _known(store, live.model_digest)


def _output(store: Store, run: RunRow, text: str) -> Shown:
    """STEP or STEP.OUTPUT of a run: by default what the step is about, its main output else."""
    names = _names(run)
    step, _, output = (text, "", "") if text in names else text.rpartition(".")
    if step not in names:
        raise UnknownName("step", text, names, where=f"run {run.run_id}")
    record = next(item for item in run_record(store, run).steps if item.name == step)
    if not record.outputs:
        said = f": {record.says[0]}" if record.says else ""
        raise InvalidInput(
            f"step {step} made nothing: it is {record.state}{said}",
            where=f"run {run.run_id}",
            fix=f"headrace show {run.run_id}",
        )
    if output and output not in record.outputs:
        raise UnknownName("output", output, record.outputs, where=f"step {step} of run {run.run_id}")
    chosen = output or next((key for key in (_PREFERRED.get(record.call),) if key in record.outputs), None)
    kind, digest = record.outputs[chosen or next(iter(record.outputs))]
    return Shown(kind, digest)


def page(store: Store, shown: Shown, link: Callable[[str], str | None] | None = None) -> str:
    """One page, whole.

    Parameters
    ----------
    store : Store
        Where the artifact, or the run's record, is.
    shown : Shown
        What `find_shown` found.
    link : function, optional
        From a digest to where that artifact's page will be; without it digests are named, not linked.

    Raises StoreError for bytes that are gone, UnknownName for a kind that has no page.
    """

    def load(digest: str) -> Any:
        """An artifact that the shown one names; None where it is gone, or cannot be read."""
        try:
            return load_value(store, digest)
        except HeadraceError:
            return None

    digest = "" if shown.run is not None else shown.name
    context = Context(load=load, digest=digest) if link is None else Context(link, load, digest=digest)
    noun: Any = run_record(store, shown.run) if shown.run is not None else load_value(store, shown.name)
    return document(page_of(shown.kind).report(noun, context))


def write_pages(store: Store, shown: Shown, folder: Path) -> Path:
    """Write the page and those of all artifacts that it names, and they name, beside one another, linked.

    Parameters
    ----------
    folder : Path
        Made when missing. An artifact's page that this version has drawn there before is not drawn again.

    Returns the path of the page asked for. An artifact that is named and cannot be read has no page, and no link.
    """
    place = disk.make_folder(folder / digest_of([headrace_version(), style(), script()])[:8])
    kinds = set(lookup.names("page"))

    def write(item: Shown) -> Path:
        file = place / f"{item.name}.html"
        if item.run is None and file.is_file():
            return file
        # What a page links to is there before it is: a process that is stopped leaves no link to nothing.
        disk.write_file(file, page(store, item, link).encode(), sync=False)
        return file

    def link(digest: str) -> str | None:
        found = store.artifact(digest)
        if found is None or found.kind not in kinds:
            return None
        try:
            return write(Shown(found.kind, digest)).name
        except HeadraceError:
            return None

    return write(shown)
