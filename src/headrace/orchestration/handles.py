"""Handles: what a verb or a step returns while a pipeline is traced, in the place of a result that does not exist yet.

A handle can be passed on, and gives the declared outputs of its step as attributes; everything else is a Misuse that
names the user's line, because it would silently mean something other than it says: `if validation:` would always be
true, `f"{model}"` would print no model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from headrace.calls import user_line
from headrace.errors import Misuse

__all__ = ["ANY", "Handle", "Reference", "last_line", "user_line"]

# The kind of an output whose type is known only when the step has run.
ANY = "any"

_PACKAGE = str(Path(__file__).resolve().parent.parent)


def last_line(error: BaseException) -> str:
    """The deepest line outside headrace that an error came through: 'flights.py, line 12'."""
    found = ""
    trace = error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if not file.startswith(_PACKAGE) and not file.startswith("<frozen"):
            found = f"{Path(file).name}, line {trace.tb_lineno}"
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and error.filename:
        return f"{Path(error.filename).name}, line {error.lineno}"
    return found


@dataclass(frozen=True)
class Reference:
    """One output of one step of a graph: what a handle is, written down.

    Parameters
    ----------
    step : str
        The step's name, unique in its graph.
    output : str
        The output's name.
    """

    step: str
    output: str

    def __str__(self) -> str:
        return f"{self.step}.{self.output}"


class Handle:
    """One output of a recorded step. Made by verbs and steps inside `@hr.pipeline`, never by hand."""

    __slots__ = ("_kind", "_others", "_reference", "_trace")

    def __init__(self, trace: object, reference: Reference, kind: str, others: Mapping[str, str]) -> None:
        self._trace = trace
        self._reference = reference
        self._kind = kind
        self._others = dict(others)

    def __getattr__(self, name: str) -> Handle:
        if name.startswith("_"):
            # Python and its tools ask for these; an AttributeError is the answer they understand.
            raise AttributeError(name)
        if name in self._others:
            return Handle(self._trace, Reference(self._reference.step, name), self._others[name], {})
        outputs = ", ".join(f".{other}" for other in self._others)
        raise Misuse(
            f"{self._words()} has no output {name!r}",
            where=user_line(),
            expected=f"one of its declared outputs: {outputs}" if outputs else "the handle to be passed on whole",
            fix="to work with the value itself, do it in a function with @hr.step",
        )

    def __repr__(self) -> str:
        return f"<handle of {self._reference}>"

    def _words(self) -> str:
        return f"the handle of step {self._reference.step!r}"

    def _refuse(self, what: str) -> NoReturn:
        raise Misuse(
            f"{self._words()} cannot be {what}: its value does not exist while the pipeline is traced",
            where=user_line(),
            fix="do it in a function with @hr.step, which gets the value",
        )


_REFUSED = {
    "used as a condition": ("__bool__",),
    "iterated": ("__iter__", "__next__", "__reversed__", "__aiter__"),
    "indexed": ("__getitem__", "__setitem__", "__delitem__"),
    "searched": ("__contains__",),
    "measured": ("__len__",),
    "formatted": ("__format__", "__str__", "__bytes__"),
    "called": ("__call__",),
    "compared": ("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"),
    "hashed": ("__hash__",),
    "made a number": ("__int__", "__float__", "__complex__", "__index__", "__round__", "__abs__", "__neg__"),
    "calculated with": tuple(
        f"__{side}{name}__"
        for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor")
        for side in ("", "r")
    ),
    "entered": ("__enter__", "__exit__"),
}


def _refusal(what: str) -> Any:
    def refuse(self: Handle, *arguments: Any) -> NoReturn:
        self._refuse(what)

    return refuse


for _what, _names in _REFUSED.items():
    for _name in _names:
        setattr(Handle, _name, _refusal(_what))
