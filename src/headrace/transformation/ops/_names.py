"""How `ops.<name>` becomes the function that records that op."""

from __future__ import annotations

import inspect
import sys
from types import ModuleType
from typing import Any

from headrace import lookup
from headrace.errors import UnknownName
from headrace.transformation._recording import Expression, apply

_PACKAGE = __name__.rpartition(".")[0]


class _Package(ModuleType):
    """The package `ops`, in which importing the file of an op does not hide the function of that name."""

    def __setattr__(self, name: str, value: Any) -> None:
        # The import system binds a submodule to its package's name; `ops.z_score` must stay the function.
        if not (isinstance(value, ModuleType) and not name.startswith("_")):
            super().__setattr__(name, value)


sys.modules[_PACKAGE].__class__ = _Package


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
    own = [item.replace(kind=inspect.Parameter.KEYWORD_ONLY) for item in inspect.signature(cls).parameters.values()]
    inputs = inspect.Parameter("inputs", inspect.Parameter.VAR_POSITIONAL)
    record.__signature__ = inspect.Signature([inputs, *own])  # type: ignore[attr-defined]  # read by help()
    setattr(sys.modules[_PACKAGE], name, record)
    return record


def __dir__() -> list[str]:
    """The names of all ops."""
    return lookup.names("op")
