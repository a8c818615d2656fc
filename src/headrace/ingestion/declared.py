"""Types that a person declares for columns of a source whose format has fewer, or none: `{"id": "int64"}`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from headrace.dataset.types import parse_type
from headrace.errors import InvalidInput

__all__ = ["check_types", "declared_schema"]

_LIST = re.compile(r"list<(.+)>")


def check_types(types: Any, source: str) -> tuple[tuple[str, str], ...]:
    """Columns and their types as pairs; InvalidInput, where it was written, for a type that is none.

    >>> check_types({"id": "int64", "tags": "list<string>"}, "TFRecord")
    (('id', 'int64'), ('tags', 'list<string>'))
    """
    try:
        pairs = tuple((name, text) for name, text in dict(types).items())
        declared_schema(pairs)
        return pairs
    except (ValueError, TypeError, AttributeError) as error:
        raise InvalidInput(
            f"types = {types!r}", where=source, expected='columns and Arrow types, such as {"id": "int64"}'
        ) from error


def declared_schema(types: Mapping[str, str] | Sequence[tuple[str, str]]) -> pa.Schema:
    """The columns whose types were declared, in that order."""
    return pa.schema([(name, _type(text)) for name, text in dict(types).items()])


def _type(text: str) -> pa.DataType:
    """A type by its name in Arrow; type_for_alias knows more names, parse_type those with a zone."""
    if many := _LIST.fullmatch(text):
        return pa.list_(_type(many[1]))
    try:
        return pa.type_for_alias(text)
    except ValueError:
        return parse_type(text)
