"""Arguments of verbs as plain data: what a pipeline records instead of functions and objects."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from headrace.calls import user_line
from headrace.errors import InvalidInput, Misuse
from headrace.orchestration.handles import Handle

__all__ = ["plain_features", "plain_objects", "plain_space", "real_objects"]


def plain_features(features: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A feature function as its expression graph; apart what is in no key: each node's line, where weights lie."""
    from headrace.transformation import Expressions, trace

    expressions = features if isinstance(features, Expressions) else trace(features)
    plain = expressions.to_plain()
    return plain, {name: plain.pop(name) for name in ("places", "weights") if name in plain}


def plain_objects(value: Any) -> Any:
    """Trainers, metrics and the like (frozen dataclasses) as {"class", "parameters"}, at any depth of lists."""
    if isinstance(value, Handle) or not _is_record(value):
        return [plain_objects(item) for item in value] if isinstance(value, (list, tuple)) else value
    from headrace.engine.reference import describe

    try:
        return describe(value)
    except InvalidInput as error:
        raise Misuse(error.what, where=user_line(), expected=error.expected) from error


def plain_space(space: Any) -> Any:
    """What a search varies, as [name, range] pairs of plain data: their order counts."""
    from headrace.training.space import space_from_plain

    if isinstance(space, Handle):
        return space
    try:
        return [[name, domain.to_plain()] for name, domain in space_from_plain(space).items()]
    except InvalidInput as error:
        raise error.locate(user_line(), adds=True) from None


def real_objects(value: Any) -> Any:
    """The objects that `plain_objects` described."""
    if isinstance(value, list):
        return [real_objects(item) for item in value]
    if isinstance(value, Mapping) and set(value) == {"class", "parameters"}:
        from headrace.engine.reference import build

        return build(dict(value))
    return value


def _is_record(value: Any) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, type)
