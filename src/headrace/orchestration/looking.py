"""Looking: what the pipelines of a file mean now, asked in a process of its own.

`python -m headrace.orchestration.looking FILE HOME` imports the file as it is at this moment, plans its pipelines
without running anything, and writes one JSON document. Whoever watches asks a new process each time, because Python
imports a file once.

    {"pipelines": [{"name", "parameters", "identity", "plan", "resolved", "schedule"} or {"name", "error"}],
     "error": what keeps the file from being imported, or null, "watch": [patterns, as glob has them],
     "seen": the `signature` of all that, from before it was read, "after": the newest event that was there,
     "headrace": the version that looked}
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace.errors import HeadraceError, StoreError
from headrace.orchestration.packages import headrace_version
from headrace.orchestration.sensing import signature
from headrace.orchestration.spans import is_stream, source_of
from headrace.orchestration.steps import Step

if TYPE_CHECKING:
    from headrace.orchestration.pipelines import Pipeline
    from headrace.orchestration.tracing import Graph
    from headrace.store import Store

__all__ = ["look", "look_apart", "main"]

_TIMEOUT_S = 3600.0


def look_apart(file: Path, home: Path) -> dict[str, Any]:
    """`look`, in a process of its own; what the file prints goes to standard error.

    Raises StoreError when that process fails for a reason that is not the file's.
    """
    done = subprocess.run(
        [sys.executable, "-m", "headrace.orchestration.looking", str(file), str(home)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for who asked
        check=False,
        timeout=_TIMEOUT_S,
    )
    if done.returncode:
        raise StoreError(f"the process that looks at {file.name} ended with {done.returncode}", where=str(file))
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def look(file: Path, home: Path) -> dict[str, Any]:
    """What the pipelines of a file mean now; an error is part of the answer.

    Parameters
    ----------
    file : Path
        The pipeline's file; imported in this process.
    home : Path
        The store to resolve against; it is only read, and need not exist.

    Returns plain data, as the module says.
    """
    from headrace.orchestration.pipelines import Pipeline, load_file
    from headrace.store import Store

    watched = _Watched()
    watched.add({f"{escape(str(file.parent))}/*.py"})
    store = Store.open(home, read_only=True) if (home / "metadata.db").is_file() else None
    after = 0 if store is None else store.newest_event_id()
    pipelines: list[dict[str, Any]] = []
    error = None
    try:
        module = load_file(file)
        for name, pipeline in list(vars(module).items()):
            if isinstance(pipeline, Pipeline) and pipeline.file == file:
                pipelines.append(_look_at(name, pipeline, store, watched, home))
    except StoreError:
        raise
    except Exception as caught:  # the boundary around the user's code
        error = _said(caught)
    watched.add(_imported(file.parent))
    return {
        "pipelines": pipelines,
        "error": error,
        "watch": sorted(watched.patterns),
        "seen": sorted(watched.seen),
        "after": after,
        "headrace": headrace_version(),
    }


class _Watched:
    """Patterns, and what they named when each was added: before what is there is read."""

    def __init__(self) -> None:
        self.patterns: set[str] = set()
        self.seen: set[tuple[str, int, int, int]] = set()

    def add(self, patterns: set[str]) -> None:
        known = {entry[0] for entry in self.seen}
        self.seen |= {entry for entry in signature(patterns - self.patterns) if entry[0] not in known}
        self.patterns |= patterns


def _look_at(name: str, pipeline: Pipeline, store: Store | None, watched: _Watched, home: Path) -> dict[str, Any]:
    from headrace.orchestration.planning import make_plan

    schedule = pipeline.schedule
    found: dict[str, Any] = {
        "name": name,
        "schedule": None if schedule is None else [schedule.expression, schedule.time_zone],
    }
    try:
        watched.add(_files_of(pipeline.trace(), pipeline.folder, home))
        plan = make_plan(pipeline, {}, store)
    except StoreError:
        raise
    except Exception as error:
        return {**found, "error": _said(error)}
    return {
        **found,
        "parameters": plan.graph.parameters,
        "identity": plan.identity,
        "plan": plan.to_plain(),
        "resolved": plan.resolved,
    }


def _files_of(graph: Graph, folder: Path, home: Path) -> set[str]:
    """Patterns of the files that a plan looks at."""
    found = set()
    for node in graph.nodes:
        if node.call == "ingest":
            source = source_of(node.arguments, folder)
            if is_stream(source):  # written anew each time a span of it is closed
                found.add(escape(str(home / "streams" / f"{source.stream_id}.closed")))
                continue
            found.add(_pattern(Path(source.base), source.pattern.replace("{span}", "*")))
        elif node.call == "load_schema":
            found.add(escape(str(folder / node.arguments["path"])))
    for step in graph.steps.values():
        if not isinstance(step, Step):
            continue
        home = Path(step.function.__code__.co_filename).resolve().parent
        found |= {_pattern(home, pattern) for pattern in step.files}
    return found


def _pattern(folder: Path, pattern: str) -> str:
    return pattern if Path(pattern).is_absolute() else f"{escape(str(folder))}/{pattern}"


def _imported(folder: Path) -> set[str]:
    """The files of modules that were imported from the project around a folder."""
    from headrace.settings import find_project

    project = find_project(folder)
    files = {
        Path(file).resolve() for module in list(sys.modules.values()) if (file := getattr(module, "__file__", None))
    }
    own = {file for file in files if file.is_relative_to(project) and "site-packages" not in file.parts}
    return {escape(str(file)) for file in own if not file.is_relative_to(Path(__file__).resolve().parents[1])}


def _said(error: Exception) -> str:
    from headrace.orchestration.handles import last_line

    if isinstance(error, HeadraceError):
        return str(error)
    place = last_line(error)
    return f"{type(error).__name__}: {error}" + (f" ({place})" if place else "")


def main() -> None:
    """The process: one answer on standard output, and nothing else on it."""
    answer = os.dup(1)
    os.dup2(2, 1)  # what the file prints, from whatever language
    try:
        found = look(Path(sys.argv[1]).resolve(), Path(sys.argv[2]))
    except HeadraceError as error:
        sys.stderr.write(f"headrace: {error}\n")
        raise SystemExit(4) from None
    with os.fdopen(answer, "w", encoding="utf-8") as file:
        json.dump(found, file)


if __name__ == "__main__":
    main()
