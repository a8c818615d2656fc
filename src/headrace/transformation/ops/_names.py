"""How `ops.<name>` becomes the function that records that op."""

from __future__ import annotations

import inspect
import sys
from types import ModuleType
from typing import Any

from headrace import lookup
from headrace.errors import UnknownName
from headrace.transformation._recording import Expression, apply

_ORDINALS = ("first", "second", "third", "fourth", "fifth")
_PACKAGE = __name__.rpartition(".")[0]


class _Package(ModuleType):
    """The package `ops`, in which importing the file of an op does not hide the function of that name."""

    def __setattr__(self, name: str, value: Any) -> None:
        # The import system binds a submodule to its package's name; `ops.z_score` must stay the function.
        if not (isinstance(value, ModuleType) and not name.startswith("_")):
            super().__setattr__(name, value)


sys.modules[_PACKAGE].__class__ = _Package


def signature(cls: type[Any]) -> inspect.Signature:
    """How an op is called, for help() and the stub: its inputs by place, its parameters by name.

    >>> list(signature(lookup.find("op", "fill_null")).parameters)
    ['value', 'filling']
    """
    least, greatest = cls.num_inputs
    count = least if greatest is None else greatest
    names = cls.input_names or (("value",) if count == 1 else _ORDINALS[:count])
    names = [*names, *(f"input_{index + 1}" for index in range(len(names), count))]
    found = []
    for index in range(count):
        # An only input is an expression: of literals alone there would be nothing to record.
        annotation = "Expression" if greatest == 1 else "Any"
        default = inspect.Parameter.empty if index < least else ...
        kind = inspect.Parameter.POSITIONAL_ONLY
        found.append(inspect.Parameter(names[index], kind, annotation=annotation, default=default))
    if greatest is None:
        found.append(inspect.Parameter("more", inspect.Parameter.VAR_POSITIONAL, annotation="Any"))
    own = [item.replace(kind=inspect.Parameter.KEYWORD_ONLY) for item in inspect.signature(cls).parameters.values()]
    return inspect.Signature([*found, *own], return_annotation="Expression")


def __getattr__(name: str) -> Any:
    """The function that records op `name`. Raises AttributeError, with the nearest name, where there is none."""
    if name.startswith("_"):
        raise AttributeError(f"module {_PACKAGE!r} has no attribute {name!r}")
    try:
        cls = lookup.find("op", name)
    except UnknownName as error:
        raise AttributeError(str(error)) from None

    def record(*inputs: Any, **parameters: Any) -> Expression:
        return apply(name, inputs, parameters)

    record.__name__ = record.__qualname__ = name
    record.__module__ = _PACKAGE
    record.__doc__ = cls.__doc__
    record.__signature__ = signature(cls)  # type: ignore[attr-defined]  # read by help()
    setattr(sys.modules[_PACKAGE], name, record)
    return record


def __dir__() -> list[str]:
    """The names of all ops."""
    return lookup.names("op")
