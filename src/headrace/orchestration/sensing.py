"""Sensors in their first form: which files hold pipelines, whether files have changed, and what that means.

What a sensor has seen is nowhere but in the store: a run records the plan's identity and the files it looked at, so
whoever starts watching after a kill compares with that.
"""

from __future__ import annotations

import ast
import glob
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from headrace.orchestration.mapping import SPAN_DATASET

__all__ = ["find_pipeline_files", "signature", "what_changed"]

_NOT_LOOKED_INTO = frozenset({"__pycache__", "node_modules", "site-packages", "build", "dist"})
_DECORATOR = re.compile(rb"^@(\w+\.)?pipeline\b", re.MULTILINE)


def find_pipeline_files(project: Path) -> list[Path]:
    """Every Python file below a folder in which a function stands under `@hr.pipeline`, in order of path.

    Hidden folders, virtual environments and builds are left out. A file that Python cannot read is among them where a
    line of it is that decorator: whoever imports it says what is wrong. No file is imported.
    """
    found = []
    for folder, folders, files in os.walk(project):
        folders[:] = sorted(name for name in folders if _is_looked_into(Path(folder) / name))
        found += [Path(folder) / name for name in sorted(files) if name.endswith(".py")]
    return [file for file in found if _holds_pipeline(file)]


def _is_looked_into(folder: Path) -> bool:
    is_environment = (folder / "pyvenv.cfg").is_file()
    return folder.name not in _NOT_LOOKED_INTO and not folder.name.startswith(".") and not is_environment


def _holds_pipeline(file: Path) -> bool:
    try:
        source = file.read_bytes()
        if b"pipeline" not in source or b"headrace" not in source:
            return False
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return _DECORATOR.search(source) is not None
    except OSError:
        return False  # not one yet; it is looked at again
    for node in tree.body:
        for decorator in node.decorator_list if isinstance(node, ast.FunctionDef) else ():
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            if getattr(called, "attr", getattr(called, "id", "")) == "pipeline":
                return True
    return False


def signature(watch: Iterable[str]) -> tuple[tuple[str, int, int, int], ...]:
    """Path, size, time of change and inode of every file that patterns of glob name: what is compared to sense.

    Cost: one stat a file; no file is opened.
    """
    found = set()
    for pattern in watch:
        for path in glob.glob(pattern, recursive=True):  # noqa: PTH207  # absolute patterns
            try:
                stat = os.stat(path)  # noqa: PTH116  # many, and often
            except OSError:
                continue
            found.add((path, stat.st_size, stat.st_mtime_ns, stat.st_ino))
    return tuple(sorted(found))


def what_changed(
    before: Mapping[str, Any], resolved_before: Mapping[str, Any], now: Mapping[str, Any], resolved: Mapping[str, Any]
) -> list[str]:
    """In what a plan differs from that of an earlier run, in a few words each; both as they are recorded.

    >>> day = {"identity": "", "spans": [{"name": "2013-06", "files": []}]}
    >>> what_changed({"steps": []}, {}, {"steps": []}, {"ingest": day})
    ['span 2013-06 arrived']
    """
    said = [
        *_spans(resolved_before, resolved),
        *_latest(resolved_before, now, resolved),
        *_schemas(before, resolved_before, now, resolved),
        *_code(before.get("code", {}), now.get("code", {})),
        *_steps(before, now),
    ]
    return list(dict.fromkeys(said)) or ["a package has another version"]


def _spans(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterable[str]:
    def digests(resolved: Mapping[str, Any]) -> dict[tuple[str, str], list[str]]:
        return {
            (name, span["name"]): [file[-1] for file in span["files"]]
            for name, entry in resolved.items()
            for span in entry.get("spans", ())
        }

    old, new = digests(before), digests(now)
    for key in [*new, *(key for key in old if key not in new)]:
        if old.get(key) != new.get(key):
            happened = "arrived" if key not in old else "is gone" if key not in new else "changed"
            # A window that moves on loses its oldest span to a new one: that says nothing.
            if happened != "is gone" or not any(other not in old and other[0] == key[0] for other in new):
                yield f"span {key[1]} {happened}"


def _latest(before: Mapping[str, Any], now: Mapping[str, Any], resolved: Mapping[str, Any]) -> Iterable[str]:
    for step in now["steps"]:
        old, new = (entries.get(step["name"], {}).get("digest") for entries in (before, resolved))
        if step["call"] == "latest" and old is not None and old != new:
            yield f"{step['arguments']['pipeline']} gave a new {step['arguments']['output']}"


def _schemas(
    before: Mapping[str, Any], resolved_before: Mapping[str, Any], now: Mapping[str, Any], resolved: Mapping[str, Any]
) -> Iterable[str]:
    for step in now["steps"]:
        if step["call"] == "load_schema" and step["name"] in resolved_before:
            old, new = (entries[step["name"]].get("sha256") for entries in (resolved_before, resolved))
            if old != new:
                happened = "arrived" if old is None else "is gone" if new is None else "changed"
                yield f"{step['arguments']['path']} {happened}"


def _code(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterable[str]:
    for call, code in now.items():
        old = before.get(call)
        if old is None or old == code:
            continue
        if code.get("headrace") != old.get("headrace"):
            yield "headrace has another version"
        for kind in ("definitions", "files"):
            mine, others = code.get(kind, {}), old.get(kind, {})
            for name in sorted(mine.keys() | others.keys()):
                if mine.get(name) != others.get(name):
                    yield f"code of {name} changed" if kind == "definitions" else f"{name} changed"


def _steps(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterable[str]:
    def described(plan: Mapping[str, Any]) -> dict[str, Any]:
        return {
            step["name"]: [step["call"], _without_spans(step), step["outputs"]]
            for step in plan["steps"]
            if step["call"] not in ("ingest_span", SPAN_DATASET) and not _is_of_span(step)
        }

    old, new = described(before), described(now)
    for name in [*new, *(name for name in old if name not in new)]:
        if old.get(name) != new.get(name):
            yield f"step {name} {'is new' if name not in old else 'is gone' if name not in new else 'changed'}"


def _without_spans(step: Mapping[str, Any]) -> dict[str, Any]:
    left_out = "spans" if step["call"] == "ingest" else None
    return {name: _gathered(value) for name, value in step["arguments"].items() if name != left_out}


def _is_of_span(step: Mapping[str, Any]) -> bool:
    """Whether it is an instance of a mapped step that goes with its span: the span says all that changed."""
    return step["name"].endswith("]") and any("[" in name for name in _needs(step["arguments"]))


def _needs(value: Any) -> Iterable[str]:
    if isinstance(value, dict):
        yield from [value["@"][0]] if set(value) == {"@"} else _needs(list(value.values()))
    elif isinstance(value, list):
        for item in value:
            yield from _needs(item)


def _gathered(value: Any) -> Any:
    """The same, with what instances give in the place of which instances there are."""
    if isinstance(value, dict) and set(value) != {"@"}:
        return {name: _gathered(item) for name, item in value.items()}
    if not isinstance(value, list):
        return value
    parts = [name.partition("[")[0] for item in value if isinstance(item, dict) for name in _needs(item) if "[" in name]
    return ["instances of", *dict.fromkeys(parts)] if parts else [_gathered(item) for item in value]
