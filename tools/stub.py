"""Writes the two stubs: `src/headrace/__init__.pyi` and `src/headrace/transformation/ops/__init__.pyi`.

The package loads names when they are first used, which type checkers and editors cannot see; the stubs show them: the
lazy name table, the members that look-up finds, and the function of every op. `--check` changes nothing and fails when
a file is not what would be written.
"""

from __future__ import annotations

import ast
import inspect
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
WIDTH = 120  # ruff format's, which must have nothing to change
KNOWN = ("Any", "Sequence", "None", "bool", "float", "int", "str")  # what an annotation may say in the stub of ops


def member_lines() -> list[str]:
    """One import line a member of the kinds that users name as classes."""
    from headrace.lookup import class_names

    kinds = ("metric", "policy", "searcher", "source", "stream", "trainer")
    found = {name: module for kind in kinds for name, module in class_names(kind).items()}
    return sorted(import_text(name, module) for name, module in found.items())


def import_text(name: str, module: str) -> str:
    """A name as a module shows it to others, broken as ruff format breaks it."""
    line = f"from {module} import {name} as {name}"
    return line if len(line) <= WIDTH else f"from {module} import (\n    {name} as {name},\n)"


def names_stub() -> str:
    """What is seen of `headrace.<name>`."""
    import headrace

    lines = ["# Written by `make stub` from the name table and the members; `make check` holds it to them.", ""]
    lines.append("from headrace.transformation import ops as ops")
    lines += sorted(import_text(name, module) for name, module in headrace._NAMES.items())
    lines += ["", "# Members: one file each, found by name.", *member_lines(), "", "__version__: str", ""]
    return "\n".join(lines)


def annotation_text(annotation: Any) -> str:
    """A field's annotation as callers may fill it: any sequence for a tuple, Any for a type the stub cannot name."""
    text = str(annotation).replace("tuple[", "Sequence[").replace(", ...]", "]")
    names = [node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)]
    return text if set(names) <= set(KNOWN) else "Any"


def default_text(value: Any) -> str:
    """A default as it is written in Python; `...` for what has no literal."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    is_literal = value is None or isinstance(value, (bool, int)) or (isinstance(value, float) and math.isfinite(value))
    return repr(value) if is_literal else "..."


def op_text(name: str, signature: inspect.Signature) -> str:
    """`def name(...) -> Expression: ...`, broken as ruff format breaks it."""
    parts: list[str] = []
    last = None
    for item in signature.parameters.values():
        if last is item.POSITIONAL_ONLY != item.kind:
            parts.append("/")
        if item.kind is item.KEYWORD_ONLY and last not in (item.KEYWORD_ONLY, item.VAR_POSITIONAL):
            parts.append("*")
        last = item.kind
        text = f"{'*' if item.kind is item.VAR_POSITIONAL else ''}{item.name}: {annotation_text(item.annotation)}"
        if item.annotation == "Expression":
            text = f"{item.name}: Expression"
        if item.default is not item.empty:
            text += f" = {default_text(item.default)}"
        parts.append(text)
    if last is inspect.Parameter.POSITIONAL_ONLY:
        parts.append("/")
    line = f"def {name}({', '.join(parts)}) -> Expression: ..."
    if len(line) <= WIDTH:
        return line
    inner = f"    {', '.join(parts)}"
    if len(inner) > WIDTH:
        inner = "\n".join(f"    {part}," for part in parts)
    return f"def {name}(\n{inner}\n) -> Expression: ..."


def ops_stub() -> str:
    """What is seen of `ops.<name>`: headrace's own; those of other packages join by entry point."""
    from headrace import lookup
    from headrace.transformation.ops._names import signature

    classes = {name: lookup.find("op", name) for name in lookup.names("op")}
    own = {name: cls for name, cls in classes.items() if cls.__module__.startswith("headrace.")}
    lines = ["# Written by `make stub` from the files of this folder; `make check` holds it to them."]
    lines += ["from collections.abc import Sequence", "from typing import Any", ""]
    lines += ["from headrace.transformation._recording import Expression", ""]
    lines += [op_text(name, signature(cls)) for name, cls in own.items()]
    lines += ["def __getattr__(name: str) -> Any: ...  # ops of other packages join by entry point"]
    lines += ["def __dir__() -> list[str]: ...", ""]
    return "\n".join(lines)


STUBS: dict[str, Callable[[], str]] = {
    "src/headrace/__init__.pyi": names_stub,
    "src/headrace/transformation/ops/__init__.pyi": ops_stub,
}


def main() -> None:
    """Write the stubs, or with --check compare them."""
    for name, stub in STUBS.items():
        file, text = ROOT / name, stub()
        if "--check" not in sys.argv:
            file.write_text(text, encoding="utf-8")
        elif not file.exists() or file.read_text(encoding="utf-8") != text:
            raise SystemExit(f"{name} is not up to date: make stub")


if __name__ == "__main__":
    main()
