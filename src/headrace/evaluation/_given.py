"""Predictions that were made elsewhere and are given as lists: of which classes they are, and in one type."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from headrace.errors import InvalidInput

__all__ = ["as_lists", "classes_of", "is_list"]


def is_list(kind: pa.DataType) -> bool:
    """Whether a column of this type holds a list for each row."""
    return bool(pa.types.is_fixed_size_list(kind) or pa.types.is_list(kind) or pa.types.is_large_list(kind))


def classes_of(column: pa.ChunkedArray, name: str, given: Sequence[str | int] | None) -> tuple[str | int, ...]:
    """The classes that lists of predictions are of; () where a prediction is one number."""
    if not is_list(column.type):
        if given is not None:
            raise InvalidInput(
                f"prediction {name!r} is of type {column.type}", expected="lists of a probability for each class"
            )
        return ()
    width = int(pc.max(pc.list_value_length(column)).as_py() or 0)
    classes = tuple(range(width)) if given is None else tuple(given)
    if len(classes) < 2 or len(set(classes)) < len(classes) or len({type(one) for one in classes}) > 1:
        raise InvalidInput(
            f"classes = {classes!r}", expected="two values at least, each once, all text or all integers"
        )
    if type(classes[0]) not in (str, int):
        raise InvalidInput(f"class {classes[0]!r}", expected="text or an integer")
    return classes


def as_lists(column: pa.Array, name: str, num_classes: int) -> pa.Array:
    """Lists of any kind as lists of so many float32; a null is one of nulls."""
    lengths = pc.unique(pc.drop_null(pc.list_value_length(column))).to_pylist()
    if any(length != num_classes for length in lengths):
        raise InvalidInput(f"prediction {name!r} holds lists of {lengths} numbers", expected=f"{num_classes} in each")
    try:
        return column.cast(pa.list_(pa.float32(), num_classes))
    except pa.ArrowException:
        raise InvalidInput(f"prediction {name!r} is of type {column.type}", expected="lists of numbers") from None
