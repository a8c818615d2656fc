"""Syntax trees as plain data, and the names in them: what the code fingerprint reads."""

from __future__ import annotations

import ast
import functools
import symtable
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Scope", "chains", "imports_in", "read_scope", "tree_of"]

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
# `kind` is the u of u"text", `type_comment` a comment, `ctx` follows from the place: none of them acts.
_IDLE_FIELDS = frozenset({"kind", "type_comment", "ctx", "type_ignores"})
# These decorators make a step of a function; their options are kept with the step, not with its code.
_OWN_DECORATORS = frozenset({"step", "pipeline"})
_COMPREHENSIONS = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def tree_of(node: ast.AST) -> dict[str, Any]:
    """A tree as plain data, without positions, comments, docstrings and other texts that stand alone.

    Empty fields are left out, so that a Python which adds an optional field gives the same data.

    >>> tree_of(ast.parse("x + 1", mode="eval").body)["op"]
    {'node': 'Add'}
    """
    plain: dict[str, Any] = {"node": type(node).__name__}
    for name, value in ast.iter_fields(node):
        if name in _IDLE_FIELDS:
            continue
        if name == "value" and isinstance(node, (ast.Constant, ast.MatchSingleton)):
            plain[name] = _constant(value)
        elif isinstance(value, ast.AST):
            plain[name] = tree_of(value)
        elif isinstance(value, list):
            items = [tree_of(item) if isinstance(item, ast.AST) else item for item in value if not _is_idle(item)]
            if items:
                plain[name] = items
        elif value is not None:
            plain[name] = value
    return plain


def _is_idle(item: object) -> bool:
    """Whether a statement is a text that stands alone: a docstring, or one written as a comment."""
    return isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant) and isinstance(item.value.value, str)


def _without_own_decorators(tree: ast.Module) -> ast.Module:
    """Take `@hr.step` and `@hr.pipeline` off: only where the name was imported from headrace."""
    modules, names = set(), set()
    for node in tree.body:
        if isinstance(node, ast.Import):
            modules |= {alias.asname or alias.name for alias in node.names if alias.name == "headrace"}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "headrace":
            names |= {alias.asname or alias.name for alias in node.names if alias.name in _OWN_DECORATORS}

    def is_own(node: ast.expr) -> bool:
        called = node.func if isinstance(node, ast.Call) else node
        if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
            return called.attr in _OWN_DECORATORS and called.value.id in modules
        return isinstance(called, ast.Name) and called.id in names

    for node in tree.body:
        if isinstance(node, _DEFINITIONS):
            node.decorator_list = [item for item in node.decorator_list if not is_own(item)]
    return tree


def _constant(value: Any) -> Any:
    if value is None or isinstance(value, (bool, str)):
        return value
    return [type(value).__name__, repr(value)]


@dataclass
class Scope:
    """What a module's own level says.

    Parameters
    ----------
    tree : ast.Module
        The whole module.
    lines : list of str
        Its text.
    bindings : dict of str to list of statement
        Name -> the statements at the module's level that bind it.
    effects : list of statement
        The statements that bind nothing and still act, without `if __name__ == "__main__":`.
    stars : list of str
        The modules of `from x import *`, dots kept.
    """

    tree: ast.Module
    lines: list[str] = field(default_factory=list)
    bindings: dict[str, list[ast.stmt]] = field(default_factory=dict)
    effects: list[ast.stmt] = field(default_factory=list)
    stars: list[str] = field(default_factory=list)

    def text(self, statements: Sequence[ast.stmt]) -> tuple[int, str]:
        """The line at which statements begin, and their text; decorators that make a step are left out."""
        if not statements:
            return 1, "\n".join(self.lines)
        pieces = [self.lines[node.lineno - 1 : node.end_lineno] for node in statements]
        return statements[0].lineno, "\n".join(line for piece in pieces for line in piece)

    def mentions(self, name: str) -> list[ast.stmt]:
        """The statements at the module's level, definitions left out, that read the name."""
        found = []
        for node in self.tree.body:
            if isinstance(node, _DEFINITIONS) or node in self.bindings.get(name, ()) or is_main_guard(node):
                continue
            if any(isinstance(item, ast.Name) and item.id == name for item in ast.walk(node)):
                found.append(node)
        return found


@functools.lru_cache(maxsize=256)
def read_scope(source: bytes, name: str) -> Scope:
    """Read a module's source; `name` is for messages. Cost: one parse for each source, once a process."""
    tree = _without_own_decorators(ast.parse(source, name))
    scope = Scope(tree, source.decode("utf-8", "replace").splitlines())
    for node in tree.body:
        if _is_idle(node) or is_main_guard(node):
            continue
        names = list(_bound_names(node, scope))
        for name in names:
            scope.bindings.setdefault(name, []).append(node)
        if _acts(node):
            scope.effects.append(node)
    return scope


def is_main_guard(node: ast.stmt) -> bool:
    """Whether a statement is `if __name__ == "__main__":`, which does not run on import."""
    return isinstance(node, ast.If) and any(
        isinstance(item, ast.Name) and item.id == "__name__" for item in ast.walk(node.test)
    )


def _bound_names(node: ast.AST, scope: Scope) -> Iterator[str]:
    if isinstance(node, _DEFINITIONS):
        yield node.name
        return
    if isinstance(node, ast.ImportFrom):
        for alias in node.names:
            if alias.name == "*":
                scope.stars.append("." * node.level + (node.module or ""))
            else:
                yield alias.asname or alias.name
        return
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.asname or alias.name.partition(".")[0]
        return
    if isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del)):
        yield node.id
    elif (isinstance(node, ast.ExceptHandler) and node.name) or (
        isinstance(node, (ast.MatchAs, ast.MatchStar)) and node.name
    ):
        yield node.name
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, _COMPREHENSIONS):
            yield from _bound_names(child, scope)


def _acts(node: ast.stmt) -> bool:
    """Whether a statement does more than bind names."""
    if isinstance(node, (*_DEFINITIONS, ast.Import, ast.ImportFrom, ast.Pass)):
        return False
    if isinstance(node, ast.Assign):
        return not all(_is_plain_target(target) for target in node.targets)
    if isinstance(node, (ast.AnnAssign, ast.AugAssign)):
        return not _is_plain_target(node.target)
    if isinstance(node, (ast.If, ast.Try)):
        inner = [child for child in ast.walk(node) if isinstance(child, ast.stmt) and child is not node]
        return any(_acts(child) for child in inner if not _is_idle(child))
    return True


def _is_plain_target(target: ast.expr) -> bool:
    if isinstance(target, (ast.Tuple, ast.List)):
        return all(_is_plain_target(item) for item in target.elts)
    if isinstance(target, ast.Starred):
        return _is_plain_target(target.value)
    return isinstance(target, ast.Name)


def imports_in(node: ast.AST) -> dict[str, list[ast.stmt]]:
    """Name -> the import statements inside a tree that bind it."""
    found: dict[str, list[ast.stmt]] = {}
    for item in ast.walk(node):
        if isinstance(item, (ast.Import, ast.ImportFrom)):
            for alias in item.names:
                whole = alias.name.partition(".")[0] if isinstance(item, ast.Import) else alias.name
                found.setdefault(alias.asname or whole, []).append(item)
    return found


def chains(node: ast.AST) -> list[tuple[str, tuple[str, ...]]]:
    """The names that a tree reads from its module, each with the attributes read from it: `a.b.c` is ('a', ('b', 'c')).

    Names that are local to a function or comprehension inside the tree are left out, by the compiler's own tables,
    unless an import there binds them.

    >>> chains(ast.parse("def f(x): return numpy.linalg.norm(x) + limit"))
    [('limit', ()), ('numpy', ('linalg', 'norm'))]
    """
    wanted = _global_names(node) | set(imports_in(node))
    found: set[tuple[str, tuple[str, ...]]] = set()
    inner: set[int] = set()
    for item in ast.walk(node):
        if not isinstance(item, ast.Attribute) or id(item) in inner:
            continue
        attributes: list[str] = []
        base: ast.expr = item
        while isinstance(base, ast.Attribute):
            inner.add(id(base))
            attributes.append(base.attr)
            base = base.value
        if isinstance(base, ast.Name) and base.id in wanted:
            inner.add(id(base))
            found.add((base.id, tuple(reversed(attributes))))
    for item in ast.walk(node):
        if isinstance(item, ast.Name) and id(item) not in inner and item.id in wanted:
            found.add((item.id, ()))
    return sorted(found)


def _global_names(node: ast.AST) -> set[str]:
    statements = node.body if isinstance(node, ast.Module) else [node]
    # Text and back: the tables want source, and a tree that was never changed gives it exactly.
    source = ast.unparse(ast.Module(body=statements, type_ignores=[]))  # type: ignore[arg-type]
    names: set[str] = set()

    def visit(table: symtable.SymbolTable) -> None:
        for symbol in table.get_symbols():
            at_top = table.get_type() == "module"
            if symbol.is_referenced() and (at_top or symbol.is_global()):
                names.add(symbol.get_name())
        for child in table.get_children():
            visit(child)

    visit(symtable.symtable(source, "<step>", "exec"))
    return names
