"""Calls from a user's code: where they stand, and what is wrong with their arguments, told with the nearest name.

Python says "got an unexpected keyword argument 'dept'"; a person wants to read "did you mean 'depth'?", and where.
"""

from __future__ import annotations

import difflib
import functools
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Self, TypeVar

from headrace.errors import Misuse

__all__ = ["Checked", "an", "bind", "checked", "user_line"]

Function = TypeVar("Function", bound=Callable[..., Any])

_PACKAGE = str(Path(__file__).resolve().parent)


def user_line() -> str:
    """The nearest line outside headrace on the call stack: 'flights.py, line 12'."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith(_PACKAGE) and not file.startswith("<frozen"):
            return f"{Path(file).name}, line {frame.f_lineno}"
        frame = frame.f_back
    return ""


def an(noun: str) -> str:
    """The noun with its article.

    >>> an("evaluation"), an("model"), an("XGBoost")
    ('an evaluation', 'a model', 'an XGBoost')
    """
    return f"{'an' if noun[:1].lower() in 'aeio' or noun[:2] == 'XG' else 'a'} {noun}"


def bind(
    name: str, signature: inspect.Signature, arguments: Sequence[Any], named: Mapping[str, Any]
) -> inspect.BoundArguments:
    """The arguments by parameter; Misuse, at the user's line, where they do not go together.

    Parameters
    ----------
    name : str
        What was called, as the user writes it: "hr.train".
    signature : inspect.Signature
        What it takes.
    arguments, named : sequence and mapping
        What it was given.
    """
    try:
        return signature.bind(*arguments, **named)
    except TypeError as error:
        raise _misuse(name, signature, arguments, named, str(error)) from None


def _misuse(
    name: str, signature: inspect.Signature, arguments: Sequence[Any], named: Mapping[str, Any], said: str
) -> Misuse:
    parameters = signature.parameters
    form = _form(name, signature)
    for given in named:
        if given not in parameters:
            near = difflib.get_close_matches(given, parameters, n=1)
            return Misuse(
                f"{name}() got an unexpected keyword argument {given!r}",
                where=user_line(),
                fix=f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(parameters)}",
            )
    by_place = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    positional = [item for item in parameters.values() if item.kind in by_place]
    if len(arguments) > len(positional):
        return Misuse(
            f"{name}() was given {len(arguments)} values without a name",
            where=user_line(),
            expected=f"at most {len(positional)}, as in {form}",
        )
    missing = [
        item.name
        for place, item in enumerate(parameters.values())
        if item.default is item.empty and item.name not in named and (item not in positional or place >= len(arguments))
    ]
    what = f"{name}() lacks {', '.join(missing)}" if missing else f"{name}(): {said}"
    return Misuse(what, where=user_line(), expected=form)


def _form(name: str, signature: inspect.Signature) -> str:
    """How it is called, with what it cannot do without."""
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    needed = [
        f"{item.name}=..." if item.kind is item.KEYWORD_ONLY else item.name
        for item in signature.parameters.values()
        if item.default is item.empty and item.kind not in variable
    ]
    return f"{name}({', '.join(needed)})"


def checked(name: str) -> Callable[[Function], Function]:
    """Tell wrong arguments of a function as `bind` does, under the name that users write."""

    def wrap(function: Function) -> Function:
        signature = inspect.signature(function)

        @functools.wraps(function)
        def call(*arguments: Any, **named: Any) -> Any:
            bind(name, signature, arguments, named)
            return function(*arguments, **named)

        return call  # type: ignore[return-value]  # the same signature

    return wrap


class _Signature:
    """The signature of a class as its `__init__` has it: `help` and editors would find that of `__new__` first."""

    def __get__(self, instance: object, owner: type) -> inspect.Signature:
        whole = inspect.signature(owner.__init__)  # type: ignore[misc]  # of that very class
        return whole.replace(parameters=list(whole.parameters.values())[1:])


class Checked:
    """Base of records that users write (trainers, metrics): wrong arguments are told as `bind` does."""

    __signature__ = _Signature()

    def __new__(cls, *arguments: Any, **named: Any) -> Self:
        """Check the arguments; `__init__` takes them."""
        bind(f"hr.{cls.__name__}", inspect.signature(cls), arguments, named)
        return super().__new__(cls)
