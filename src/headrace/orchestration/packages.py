"""Versions that count in step keys: of headrace, of what a project's code imports, of what a verb's objects bring."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.metadata
import importlib.util
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

__all__ = ["headrace_version", "package_version", "packages_behind"]

_ROOM = Path(__file__).resolve().parent.parent


@functools.cache
def headrace_version() -> str:
    """The version of headrace that counts: its number, or, installed editable, a digest of its source files.

    Cost: some milliseconds, once a process.
    """
    installed = Path(sysconfig.get_paths()["purelib"])
    if installed == _ROOM.parent:
        import headrace

        return headrace.__version__
    total = hashlib.sha256()
    for file in sorted(_ROOM.rglob("*.py"), key=lambda path: path.relative_to(_ROOM).as_posix()):
        total.update(file.relative_to(_ROOM).as_posix().encode() + b"\0")
        total.update(hashlib.sha256(file.read_bytes()).digest())
    return f"source {total.hexdigest()}"


@functools.cache
def package_version(top: str) -> str:
    """The version of an installed package, by the name it is imported under; "unknown" where nobody says.

    >>> package_version("pyarrow").count(".") >= 1
    True
    """
    if top == "headrace":
        return headrace_version()
    try:
        return importlib.metadata.version(top)
    except importlib.metadata.PackageNotFoundError:
        names = _providers(top) or importlib.metadata.packages_distributions().get(top, [])
        return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in sorted(set(names))) or "unknown"


def _providers(top: str) -> list[str]:
    """The distributions that bring a package and are named like it with something after (xgboost: xgboost-cpu).

    For these few the list of files is read; for all of them, as `packages_distributions` does, takes 0.1 s.
    """
    spec = importlib.util.find_spec(top)
    if spec is None or spec.origin is None:
        return []
    site = Path(spec.origin).parent.parent if spec.submodule_search_locations else Path(spec.origin).parent
    found = []
    for folder in site.glob(f"{top}[_.-]*.dist-info"):
        files = (folder / "RECORD").read_text("utf-8") if (folder / "RECORD").is_file() else ""
        if any(line.startswith((f"{top}/", f"{top}.py")) for line in files.splitlines()):
            found.append(importlib.metadata.PathDistribution(folder).name)
    return found


def packages_behind(arguments: Any) -> dict[str, str]:
    """The third parties that the objects among a verb's arguments import (XGBoost's trainer: xgboost), by version.

    An object is `{"class": "module:name", ...}`; one that joined from outside counts by its own package.
    """
    found: set[str] = set()
    for module in _modules(arguments):
        top = module.partition(".")[0]
        found |= _imports(module) if top == "headrace" else {top}
    return {top: package_version(top) for top in sorted(found)}


def _modules(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if isinstance(value.get("class"), str):
            yield value["class"].partition(":")[0]
        for item in value.values():
            yield from _modules(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _modules(item)


@functools.cache
def _imports(module: str) -> frozenset[str]:
    """What an adapter's module imports that is neither headrace's, nor of its core, nor of the standard library.

    Its folder is the extra's name; the text is read, because an adapter imports its third party only when it works.
    """
    parts = module.split(".")
    if parts[:2] != ["headrace", "adapters"] or len(parts) < 4:
        return frozenset()
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        return frozenset()
    found: set[str] = set()
    for file in sorted(Path(spec.origin).parent.glob("*.py")):
        for node in ast.walk(ast.parse(file.read_bytes(), file.name)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module") and node.args:
                first = node.args[0]
                names = [str(first.value)] if isinstance(first, ast.Constant) else []
            found |= {name.partition(".")[0] for name in names}
    return frozenset(found - {"headrace", ""} - _CORE - sys.stdlib_module_names)


# What headrace itself needs, and vouches for with its own version.
_CORE = frozenset({"granian", "numpy", "onnx", "onnxruntime", "orjson", "pyarrow", "ruamel", "uvloop"})
