"""The code fingerprint: what a step's key knows of the code that the step runs.

It must differ whenever the code can behave differently, and stay when it cannot: so it is made of syntax trees
(without positions, comments and docstrings), not of text, and it follows names from the function into everything of
the project that they stand for.

| a name stands for | what counts |
|---|---|
| a function or class of the project | its tree, and everything its names stand for |
| a constant of the project that is plain data | its value |
| another object of the project (a compiled pattern, a configured client) | the statements that mention it |
| a module of the project, used whole; a name that cannot be found | the whole module |
| an installed package | its version |
| headrace | its version, or a digest of its source when it is installed editable |
| the standard library, a builtin | nothing |

Statements at the level of a module that do something (a call, an assignment to an attribute, a loop) count for every
step that uses that module. No path enters: a project can move.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
import sys
import sysconfig
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

from headrace.canonical import digest, to_canonical
from headrace.orchestration.packages import headrace_version, package_version
from headrace.orchestration.syntax import Scope, chains, imports_in, read_scope, tree_of

__all__ = ["Parts", "fingerprint", "headrace_version", "parts"]

# Calls through these reach names that no tree shows.
_DYNAMIC = frozenset({"globals", "eval", "exec", "__import__", "vars", "import_module"})
_STANDARD = sys.stdlib_module_names


def fingerprint(function: FunctionType) -> str:
    """The digest, as hex sha256, of a module-level function's code and of all it leads to.

    Cost: parsing each of the project's modules it reaches, once a process.
    """
    return digest(parts(function)[0])


class Parts(NamedTuple):
    """What a fingerprint is made of.

    Parameters
    ----------
    made : dict
        Plain data: "definitions" ('module:name' -> tree or value) and "packages" (name -> version). Two of these
        compared say why a step runs again.
    files : dict of str to str
        Path -> sha256 of the source files read: a process that imports others than these runs other code.
    places : dict of str to dict
        'module:name' -> {"file", "line", "text"}: where each definition stands, for people.
    """

    made: dict[str, Any]
    files: dict[str, str]
    places: dict[str, dict[str, Any]]


def parts(code: FunctionType | type) -> Parts:
    """What the fingerprint of a module-level function or class is made of."""
    reader = _Reader()
    module = sys.modules[code.__module__]
    reader.name(module, code.__name__)
    made = {
        "definitions": dict(sorted(reader.definitions.items())),
        "packages": dict(sorted(reader.packages.items())),
    }
    return Parts(made, reader.files, reader.places)


@functools.cache
def _installed_folders() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    return tuple({str(Path(paths[name]).resolve()) for name in ("purelib", "platlib")})


def _file_of(module: ModuleType) -> Path | None:
    file = getattr(module, "__file__", None)
    return Path(file).resolve() if file else None


def _is_project(module: ModuleType) -> bool:
    """Whether a module is the user's own source: neither headrace, nor installed, nor of the standard library."""
    file = _file_of(module)
    top = module.__name__.partition(".")[0]
    if file is None or top == "headrace":
        return False
    if "site-packages" in file.parts or "dist-packages" in file.parts:
        return False
    if top in _STANDARD and file.is_relative_to(Path(sysconfig.get_paths()["stdlib"]).resolve()):
        return False
    return not str(file).startswith(_installed_folders())


def _loaded(name: str) -> ModuleType | None:
    """The module of that name; one that only a function imports is imported now, as the function would."""
    if name in sys.modules:
        return sys.modules[name]
    try:
        return importlib.import_module(name)
    except Exception:  # the step itself will meet, and report, whatever its import raises
        return None


class _Reader:
    """Follows names and gathers what they stand for."""

    def __init__(self) -> None:
        self.definitions: dict[str, Any] = {}
        self.packages: dict[str, str] = {}
        self.files: dict[str, str] = {}
        self.places: dict[str, dict[str, Any]] = {}
        self._seen: set[tuple[str, str]] = set()

    def name(self, module: ModuleType, name: str) -> None:
        """Add what a name of a project's module stands for."""
        label = _label(module)
        if (label, name) in self._seen:
            return
        self._seen.add((label, name))
        scope = self._scope(module)
        if scope is None:
            self._whole_file(module)
            return
        self._effects(module, scope)
        if name in scope.bindings:
            self._bound(module, scope, name)
            return
        child = _loaded(f"{module.__name__}.{name}") if hasattr(module, "__path__") else None
        if child is not None:
            self.whole(child)
            return
        for star in scope.stars:
            target = _loaded(_absolute(star, module))
            if target is not None and hasattr(target, name):
                self.member(target, name)
                return
        if hasattr(module, name) or name in _DYNAMIC or not _is_builtin(name):
            self.whole(module)

    def _bound(self, module: ModuleType, scope: Scope, name: str) -> None:
        label = f"{_label(module)}:{name}"
        statements = scope.bindings[name]
        if all(isinstance(node, (ast.Import, ast.ImportFrom)) for node in statements):
            for node in statements:
                self._imported(module, node, name, ())
            return
        self._place(label, module, scope, statements)
        live = getattr(module, name, None)
        defined = any(isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) for node in statements)
        value = None if defined else _plain_value(module, live)
        if value is not None:
            self.definitions[label] = {"value": value}
            return
        self.definitions[label] = {"trees": [tree_of(node) for node in statements]}
        defaults = _defaults(module, live) if defined else None
        if defaults is not None:
            self.definitions[label]["defaults"] = defaults
        mentions = [] if defined else scope.mentions(name)
        if mentions:
            self.definitions[label]["mentions"] = [tree_of(node) for node in mentions]
        for node in [*statements, *mentions]:
            self._follow(module, scope, node)

    def _follow(self, module: ModuleType, scope: Scope, node: ast.AST) -> None:
        """Add what the names inside a tree stand for."""
        local = imports_in(node)
        for root, attributes in chains(node):
            if root in _DYNAMIC or (attributes and attributes[0] in _DYNAMIC):
                self.whole(module)
            if root in local:
                for statement in local[root]:
                    self._imported(module, statement, root, attributes)
                continue
            bound = scope.bindings.get(root, [])
            if bound and all(isinstance(item, (ast.Import, ast.ImportFrom)) for item in bound):
                self._effects(module, scope)
                for item in bound:
                    self._imported(module, item, root, attributes)
            elif bound or not _is_builtin(root):
                self.name(module, root)
        for name, statements in local.items():
            # An import that is never used still runs.
            for statement in statements:
                self._imported(module, statement, name, None)

    def _imported(self, module: ModuleType, node: ast.stmt, name: str, attributes: tuple[str, ...] | None) -> None:
        """Add what an imported name, with the attributes read from it, stands for; None = only that it is imported."""
        if isinstance(node, ast.ImportFrom):
            source = _absolute("." * node.level + (node.module or ""), module)
            for alias in node.names:
                if (alias.asname or alias.name) != name:
                    continue
                target = _loaded(source)
                if target is None:
                    self._unfound(module, name, node)
                elif not hasattr(target, alias.name) or isinstance(getattr(target, alias.name), ModuleType):
                    child = _loaded(f"{source}.{alias.name}") or getattr(target, alias.name, None)
                    self._reach(child if isinstance(child, ModuleType) else target, attributes)
                else:
                    self.member(target, alias.name)
            return
        assert isinstance(node, ast.Import)
        for alias in node.names:
            bound = alias.asname or alias.name.partition(".")[0]
            if bound != name:
                continue
            target = _loaded(alias.name if alias.asname else bound)
            if target is None:
                self._unfound(module, name, node)
            else:
                self._reach(target, attributes)

    def _unfound(self, module: ModuleType, name: str, node: ast.stmt) -> None:
        """An import that fails, here and now: what it says is all there is to count."""
        self.definitions[f"{_label(module)}:{name}"] = {"trees": [tree_of(node)]}

    def _reach(self, module: ModuleType, attributes: tuple[str, ...] | None) -> None:
        """Add what `module.a.b` stands for."""
        if not _is_project(module):
            self._package(module.__name__.partition(".")[0])
            return
        if attributes is None:
            scope = self._scope(module)
            if scope is not None:
                self._effects(module, scope)
            return
        if not attributes:
            self.whole(module)
            return
        value = getattr(module, attributes[0], None)
        if isinstance(value, ModuleType):
            self._reach(value, attributes[1:])
        else:
            self.name(module, attributes[0])

    def member(self, module: ModuleType, name: str) -> None:
        """Add a name of any module, the project's or not."""
        if _is_project(module):
            self.name(module, name)
        else:
            self._package(module.__name__.partition(".")[0])

    def whole(self, module: ModuleType) -> None:
        """Add all of a module."""
        if not _is_project(module):
            self._package(module.__name__.partition(".")[0])
            return
        label = _label(module)
        if (label, "*") in self._seen:
            return
        self._seen.add((label, "*"))
        scope = self._scope(module)
        if scope is None:
            self._whole_file(module)
            return
        self.definitions[f"{label}:*"] = {"trees": [tree_of(scope.tree)]}
        self._place(f"{label}:*", module, scope, [])
        self._follow(module, scope, scope.tree)

    def _scope(self, module: ModuleType) -> Scope | None:
        file = _file_of(module)
        if file is None or file.suffix != ".py":
            return None
        source = file.read_bytes()
        self.files[str(file)] = hashlib.sha256(source).hexdigest()
        return read_scope(source, file.name)

    def _effects(self, module: ModuleType, scope: Scope) -> None:
        label = f"{_label(module)}:"
        if (label, "") in self._seen or not scope.effects:
            return
        self._seen.add((label, ""))
        self.definitions[label] = {"trees": [tree_of(node) for node in scope.effects]}
        self._place(label, module, scope, scope.effects)
        for node in scope.effects:
            self._follow(module, scope, node)

    def _place(self, label: str, module: ModuleType, scope: Scope, statements: list[ast.stmt]) -> None:
        file = _file_of(module)
        line, text = scope.text(statements)
        self.places[label] = {"file": file.name if file is not None else "", "line": line, "text": text}

    def _whole_file(self, module: ModuleType) -> None:
        file = _file_of(module)
        if file is not None and file.is_file():
            self.definitions[f"{_label(module)}:*"] = {"file": hashlib.sha256(file.read_bytes()).hexdigest()}

    def _package(self, name: str) -> None:
        top = name.partition(".")[0]
        if top and top not in _STANDARD:
            self.packages[top] = package_version(top)


def _label(module: ModuleType) -> str:
    """A module's name as the zygote knows it: the main script goes by its stem."""
    if module.__name__ == "__main__":
        file = _file_of(module)
        return file.stem if file is not None else "__main__"
    return module.__name__


def _is_builtin(name: str) -> bool:
    import builtins

    return hasattr(builtins, name)


def _absolute(name: str, module: ModuleType) -> str:
    if not name.startswith("."):
        return name
    package = module.__package__ or ""
    try:
        return importlib.util.resolve_name(name, package)
    except (ImportError, ValueError):
        return name  # dots and all, which no module has


def _plain_value(module: ModuleType, value: Any) -> Any:
    """A constant as plain data, or None when it is not.

    A text that holds the project's path is not: the same project elsewhere would have another key.
    """
    try:
        data = to_canonical(_tagged(value))
    except (TypeError, RecursionError):
        return None
    file = _file_of(module)
    if file is not None and str(file.parent).encode() in data:
        return None
    return hashlib.sha256(data).hexdigest() if len(data) > 4096 else data.decode("utf-8", "surrogatepass")


def _tagged(value: Any) -> Any:
    """Plain data in which everything that behaves differently looks different: tuple and list, a dict's order."""
    kind = type(value)
    if value is None or kind in (bool, int, float, str):
        return value if kind is not float else {"float": repr(value)}
    if kind is bytes:
        return {"bytes": value.hex()}
    if kind in (list, tuple):
        return {kind.__name__: [_tagged(item) for item in value]}
    if kind in (set, frozenset):
        return {kind.__name__: sorted(to_canonical(_tagged(item)).hex() for item in value)}
    if kind is dict:
        return {"dict": [[_tagged(key), _tagged(item)] for key, item in value.items()]}
    raise TypeError(f"{kind.__name__} is not plain data")


def _defaults(module: ModuleType, live: Any) -> Any:
    function = getattr(live, "__wrapped__", live)
    if not isinstance(function, FunctionType):
        return None
    found: dict[str, Any] = {}
    for index, value in enumerate(function.__defaults__ or ()):
        plain = _plain_value(module, value)
        if plain is not None:
            found[str(index)] = plain
    for name, value in sorted((function.__kwdefaults__ or {}).items()):
        plain = _plain_value(module, value)
        if plain is not None:
            found[name] = plain
    return found or None
