"""Rows with structs, nested as JSON has them, as flat rows: `{"a": {"b": 1}}` is `{"a.b": 1}`.

A struct that is null, or not there, has fields that are: which of them may be is each field's own affair. A field may
also be sent flat, under its whole name, as tensors and files of comma-separated values have it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headrace.errors import InvalidRequest
from headrace.model._values import show
from headrace.model.columns import InputColumn

__all__ = ["Flattener"]

Tree = dict[str, Any]


class Flattener:
    """Makes rows flat; rows of a model without structs it hands back as they are.

    Parameters
    ----------
    columns : sequence of InputColumn
        What a row may hold.
    """

    def __init__(self, columns: Sequence[InputColumn]) -> None:
        self._tree: Tree = {}
        self._absent = {column.name: None for column in columns if column.path and column.is_nullable}
        for column in columns:
            inner = self._tree
            for name in column.path[:-1]:
                inner = inner.setdefault(name, {})
            if column.path:
                inner[column.path[-1]] = column.name

    def __call__(self, rows: Any) -> Any:
        """The rows, flat. Raises InvalidRequest, naming row and column, for a struct that is none. Cost: 1 us a row."""
        if not self._tree or type(rows) is not list:
            return rows
        return [self._flat(row, index) if isinstance(row, dict) else row for index, row in enumerate(rows)]

    def _flat(self, row: dict[Any, Any], index: int) -> dict[str, Any]:
        found: dict[str, Any] = dict(self._absent)
        for key, value in row.items():
            inner = self._tree.get(key) if isinstance(key, str) else None
            if inner is None:
                found[key] = value
            else:
                _walk(value, inner, key, found, index)
        return found


def _walk(value: Any, tree: Tree, name: str, found: dict[str, Any], index: int) -> None:
    if value is None:
        return
    if not isinstance(value, dict):
        where = f"row {index}, column {show(name)}"
        raise InvalidRequest(f"{show(value)} is no struct", where=where, expected="an object of its fields, or null")
    for key, item in value.items():
        inner = tree.get(key) if isinstance(key, str) else None
        if isinstance(inner, dict):
            _walk(item, inner, f"{name}.{key}", found, index)
        else:
            found[f"{name}.{key}" if inner is None else inner] = item
