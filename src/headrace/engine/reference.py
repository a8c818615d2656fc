"""Folds and works as plain data, and back: how work travels to another process or machine.

    {"class": "headrace.fold.sums:Sums", "parameters": {"terms": ["label"]}}

Only classes of headrace itself, and members that joined by an entry point, are built from such a description: it may
come from a pipe, a file or a cluster, and must not be able to name any other code.
"""

from __future__ import annotations

import dataclasses
import importlib
import importlib.metadata
from typing import Any

from headrace.errors import InvalidInput, UnknownName
from headrace.lookup import KINDS

__all__ = ["build", "describe"]


def _is_known(module: str) -> bool:
    if module.startswith("headrace."):
        return True
    groups = [*(f"headrace.{kind}" for kind in KINDS), "headrace.fold", "headrace.work"]
    return any(
        module == point.value.partition(":")[0]
        for group in groups
        for point in importlib.metadata.entry_points(group=group)
    )


def describe(work: Any) -> dict[str, Any]:
    """A frozen dataclass (a Fold or a Work, parameters and all) as plain data.

    Raises InvalidInput for a class from elsewhere, or a parameter that is no plain data.

    >>> from headrace.slicing import SliceSpec
    >>> describe(SliceSpec(("carrier", "origin")))["parameters"]
    {'columns': ['carrier', 'origin'], 'derived': []}
    """
    cls = type(work)
    if not dataclasses.is_dataclass(work) or not _is_known(cls.__module__) or "." in cls.__qualname__:
        raise InvalidInput(
            f"{cls.__module__}.{cls.__qualname__} cannot travel",
            expected="a frozen dataclass of headrace, or of a package that joined by an entry point",
        )
    parameters = {
        item.name: _plain(getattr(work, item.name), f"{cls.__name__}.{item.name}")
        for item in dataclasses.fields(work)
        if item.init
    }
    return {"class": f"{cls.__module__}:{cls.__qualname__}", "parameters": parameters}


def _plain(value: Any, where: str) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (tuple, list)):
        return [_plain(item, where) for item in value]
    if isinstance(value, dict):
        return {"dict": [[_plain(key, where), _plain(item, where)] for key, item in value.items()]}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return describe(value)
    raise InvalidInput(f"{where} is a {type(value).__name__} and cannot travel", expected="plain data")


def build(plain: dict[str, Any]) -> Any:
    """The object that `describe` told of; lists become tuples.

    Raises UnknownName for a class that may not be built or does not exist, InvalidInput for wrong parameters.
    """
    name = str(plain.get("class"))
    module, _, attribute = name.partition(":")
    if not _is_known(module) or not attribute.isidentifier() or attribute.startswith("_"):
        raise UnknownName("fold or work", name, [])
    try:
        cls = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise UnknownName("fold or work", name, []) from error
    if not isinstance(cls, type) or cls.__module__ != module or not dataclasses.is_dataclass(cls):
        raise UnknownName("fold or work", name, [])
    parameters = {key: _revive(value) for key, value in plain["parameters"].items()}
    try:
        return cls(**parameters)
    except TypeError as error:
        raise InvalidInput(f"{name} does not take these parameters: {error}") from error


def _revive(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_revive(item) for item in value)
    if isinstance(value, dict):
        if "class" in value:
            return build(value)
        return {_revive(key): _revive(item) for key, item in value["dict"]}
    return value
