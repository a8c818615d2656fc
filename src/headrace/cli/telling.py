"""How an error is told: one line where a program reads it, laid out under labels where a person does.

headrace: no metric named 'brie'
  where     flights.py, line 12
  fix       did you mean 'brier'? (there are: brier, log_loss)
  next      headrace endpoints ls
"""

from __future__ import annotations

import os
import sys

from headrace import progress
from headrace.cli.output import is_coloured
from headrace.errors import HeadraceError, UnknownName

__all__ = ["tell_error"]

# What was not found -> where it is listed.
_LISTED = {
    "command": "headrace --help",
    "run": "headrace status",
    "endpoint": "headrace endpoints ls",
    "step": "headrace status @last",
    "dataset": "headrace datasets ls",
    "model": "headrace models ls",
    "request": "headrace requests ls",
}
_LABEL = 10
_NARROWEST = 40


def tell_error(error: Exception, message: str = "") -> None:
    """Write an error to standard error; its traceback before it with HEADRACE_DEBUG=1.

    Parameters
    ----------
    error : Exception
        What was raised.
    message : str
        What to say of one that is not a HeadraceError.
    """
    if os.environ.get("HEADRACE_DEBUG") == "1":
        import traceback

        traceback.print_exception(error)
    then = _LISTED.get(error.kind, "") if isinstance(error, UnknownName) else ""
    if progress.is_terminal():
        sys.stderr.write(_laid_out(error, message, then, progress.columns()))
    else:
        sys.stderr.write(f"headrace: {message or error}{f'; {then}' if then else ''}\n")


def _laid_out(error: Exception, message: str, then: str, width: int) -> str:
    parts = {"where": "", "expected": "", "fix": ""}
    what = message
    if isinstance(error, HeadraceError) and not message:
        what = error.what if hasattr(error, "what") else str(error)
        parts = {label: getattr(error, label, "") for label in parts}
    parts["next"] = then
    width = max(width, _NARROWEST) - 1
    red, plain = ("\x1b[31m", "\x1b[0m") if is_coloured(sys.stderr) else ("", "")
    lines = [f"{red}headrace:{plain} {_wrapped(what, width - 10, ' ' * 10)}"]
    for label, text in parts.items():
        if text:
            indent = " " * (2 + _LABEL)
            lines.append(f"  {label:{_LABEL}}{_wrapped(text, width - len(indent), indent)}")
    return "\n".join(lines) + "\n"


def _wrapped(text: str, width: int, indent: str) -> str:
    """The text in lines of a width, all but the first indented; paths and commands stay whole, to be copied."""
    import textwrap

    lines: list[str] = []
    for line in text.splitlines() or [""]:
        lines += textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False) or [""]
    return f"\n{indent}".join(lines)
