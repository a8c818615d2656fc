"""Writes `src/headrace/__init__.pyi` from the lazy name table and the members that look-up finds.

The package loads names when they are first used, which type checkers and editors cannot see; the stub shows them.
`--check` changes nothing and fails when the file is not what would be written.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
STUB = ROOT / "src" / "headrace" / "__init__.pyi"


def member_lines() -> list[str]:
    """One import line a member of the kinds that users name as classes."""
    from headrace.lookup import class_names

    kinds = ("metric", "policy", "source", "trainer")
    found = {name: module for kind in kinds for name, module in class_names(kind).items()}
    return sorted(f"from {module} import {name} as {name}" for name, module in found.items())


def stub() -> str:
    """The stub's text."""
    import headrace

    lines = ["# Written by `make stub` from the name table and the members; `make check` holds it to them.", ""]
    lines.append("from headrace.transformation import ops as ops")
    lines += sorted(f"from {module} import {name} as {name}" for name, module in headrace._NAMES.items())
    lines += ["", "# Members: one file each, found by name.", *member_lines(), "", "__version__: str", ""]
    return "\n".join(lines)


def main() -> None:
    """Write the stub, or with --check compare it."""
    text = stub()
    if "--check" in sys.argv:
        if not STUB.exists() or STUB.read_text(encoding="utf-8") != text:
            raise SystemExit("src/headrace/__init__.pyi is not up to date: make stub")
        return
    STUB.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
