"""Docstrings as Markdown: the sections of NumPy's style become lists, examples become fences, the rest stays prose."""

from __future__ import annotations

import inspect
import re

__all__ = ["first_sentence", "to_markdown"]

_SECTIONS = ("Parameters", "Returns", "Raises", "Yields", "Examples")
_CODE = re.compile(r"(`+[^`]+`+)")


def first_sentence(text: str | None) -> str:
    """What a table says of a name: the docstring's first paragraph on one line, up to its first full stop."""
    paragraph = " ".join(inspect.cleandoc(text or "").split("\n\n", 1)[0].split())
    found = re.match(r"(.*?[.:;])(?=\s|$)", paragraph)
    return _escape((found[1] if found else paragraph).rstrip(".:;") + ".")


def to_markdown(text: str | None) -> str:
    """A docstring as Markdown.

    >>> print(to_markdown("Half of it.\\n\\n    Parameters\\n    ----------\\n    x : float\\n        Any number.\\n"))
    Half of it.
    <BLANKLINE>
    **Parameters**
    <BLANKLINE>
    `x` : float
    : Any number.
    """
    lines = inspect.cleandoc(text or "").splitlines()
    out: list[str] = []
    index = 0
    while index < len(lines):
        line = lines[index]
        underlined = index + 1 < len(lines) and re.fullmatch(r"-{3,}", lines[index + 1] or "") is not None
        if line in _SECTIONS and underlined:
            out += ["", f"**{line}**", ""]
            index = _entries(lines, index + 2, out)
        elif line.startswith(">>>"):
            index = _block(lines, index, out)
        elif line.startswith("    "):
            index = _literal(lines, index, out)
        else:
            out.append(line if line.startswith("|") else _escape(line))
            index += 1
    return re.sub(r"\n{3,}", "\n\n", "\n".join(out)).strip()


def _block(lines: list[str], index: int, out: list[str]) -> int:
    """An example, up to the next empty line that no prompt follows."""
    out += ["", "```pycon"]
    while index < len(lines):
        if not lines[index].strip() and not (index + 1 < len(lines) and lines[index + 1].startswith((">>>", "..."))):
            break
        out.append(lines[index])
        index += 1
    out += ["```", ""]
    return index


def _literal(lines: list[str], index: int, out: list[str]) -> int:
    """Indented text, shown as it is."""
    out += ["", "```text"]
    while index < len(lines) and (lines[index].startswith("    ") or not lines[index].strip()):
        out.append(lines[index][4:])
        index += 1
    while out[-1] == "":
        out.pop()
    out += ["```", ""]
    return index


def _entries(lines: list[str], index: int, out: list[str]) -> int:
    """What a section lists: a line, and below it, indented, what is said of it; prose ends the list."""
    while index < len(lines):
        line = lines[index]
        if not line.strip():
            index += 1
            continue
        if line.startswith((">>>", "    ")) or index + 1 == len(lines) or not lines[index + 1].startswith("    "):
            break
        name, colon, kind = line.partition(" : ")
        head = f"`{name}` : {_escape(kind)}" if colon else f"`{name}`"
        index += 1
        said: list[str] = []
        while index < len(lines) and (lines[index].startswith("    ") or not lines[index].strip()):
            said.append(lines[index].strip())
            index += 1
        body = [_escape(item) for item in " \n".join(said).strip().splitlines()]
        out += [head, ": " + "\n  ".join(item.strip() for item in body), ""]
    return index


def _escape(text: str) -> str:
    """Text that Markdown shows as it stands, but for code between backticks."""
    pieces = _CODE.split(text)
    return "".join(
        piece if number % 2 else piece.replace("<", "&lt;").replace("*", r"\*") for number, piece in enumerate(pieces)
    )
