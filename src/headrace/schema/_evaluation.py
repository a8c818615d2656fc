"""The tree of a condition, computed over Arrow arrays; every function here has SQL's nulls."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headrace.errors import InvalidInput, UnknownName
from headrace.schema.moments import parse_moment

__all__ = ["FUNCTIONS", "evaluate"]

_MANY = 100
# name -> the fewest and the most values it takes
FUNCTIONS: dict[str, tuple[int, int]] = {
    "abs": (1, 1),
    "ceil": (1, 1),
    "coalesce": (1, _MANY),
    "contains": (2, 2),
    "day": (1, 1),
    "ends_with": (2, 2),
    "epoch": (1, 1),
    "floor": (1, 1),
    "greatest": (1, _MANY),
    "hour": (1, 1),
    "is_finite": (1, 1),
    "is_nan": (1, 1),
    "least": (1, _MANY),
    "len": (1, 1),
    "length": (1, 1),
    "ln": (1, 1),
    "lower": (1, 1),
    "month": (1, 1),
    "nullif": (2, 2),
    "power": (2, 2),
    "regexp_matches": (2, 2),
    "round": (1, 1),
    "sqrt": (1, 1),
    "starts_with": (2, 2),
    "trim": (1, 1),
    "upper": (1, 1),
    "year": (1, 1),
}
_PLAIN = {
    "abs": "abs_checked",
    "ceil": "ceil",
    "day": "day",
    "floor": "floor",
    "hour": "hour",
    "is_finite": "is_finite",
    "is_nan": "is_nan",
    "len": "list_value_length",
    "length": "utf8_length",
    "lower": "utf8_lower",
    "month": "month",
    "trim": "utf8_trim_whitespace",
    "upper": "utf8_upper",
    "year": "year",
}
_COMPARISONS = ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")
_CHECKED = {"add": "add_checked", "subtract": "subtract_checked", "multiply": "multiply_checked"}
_MOMENT = pa.timestamp("us", tz="UTC")


def evaluate(tree: tuple[Any, ...], columns: Mapping[str, Any], text: str) -> Any:
    """What a tree computes: an Arrow array, or a scalar where no column is in it.

    Raises UnknownName for a column that is not there, InvalidInput where types do not go together.
    """
    try:
        return _value(tree, columns)
    except (pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        kinds = ", ".join(f"{name} is {columns[name].type}" for name in columns) or "no column is in it"
        raise InvalidInput(
            f"expression {text!r} cannot be computed: {str(error).splitlines()[0]}",
            where=kinds,
            expected="types that go together",
        ) from error
    except pa.ArrowInvalid as error:
        fix = "compute with decimals: x * 1.0" if "overflow" in str(error) else ""
        raise InvalidInput(f"expression {text!r}: {str(error).splitlines()[0]}", fix=fix) from error


def _value(tree: tuple[Any, ...], columns: Mapping[str, Any]) -> Any:
    name = tree[0]
    if name == "column":
        if tree[1] not in columns:
            raise UnknownName("column", tree[1], columns)
        return columns[tree[1]]
    if name == "value":
        value = tree[1]
        return pa.scalar(value, pa.large_string()) if isinstance(value, str) else pa.scalar(value)
    if name == "moment":
        return pa.scalar(parse_moment(tree[1]), pa.int64()).cast(_MOMENT)
    if name == "call":
        return _called(tree[1], [_value(item, columns) for item in tree[2:]])
    if name == "case":
        return _cases(tree, columns)
    left = _value(tree[1], columns)
    if name in ("is_null", "invert", "negate"):
        if name == "is_null":
            return pc.is_null(left)
        return pc.call_function("negate_checked", [left]) if name == "negate" else pc.invert(_condition(left))
    if name == "is":
        held = _condition(left)
        return pc.fill_null(held if tree[2] else pc.invert(held), False)
    if name == "like":
        return pc.match_substring_regex(_text(left), _like(tree[2]))
    if name == "in":
        found = None
        for item in tree[2]:
            same = _compared("equal", left, _value(item, columns))
            found = same if found is None else pc.or_kleene(found, same)
        return found
    right = _value(tree[2], columns)
    if name in ("and_kleene", "or_kleene"):
        return pc.call_function(name, [_condition(left), _condition(right)])
    if name in _COMPARISONS:
        return _compared(name, left, right)
    if name == "join":
        return pc.binary_join_element_wise(_text(left), _text(right), pa.scalar("", pa.large_string()))
    if name in ("divide", "modulo"):
        return _divided(name, left, right)
    return pc.call_function(_CHECKED[name], [_number(left), _number(right)])


def _condition(value: Any) -> Any:
    if pa.types.is_null(value.type):
        return value.cast(pa.bool_())
    if not pa.types.is_boolean(value.type):
        raise pa.ArrowTypeError(f"{value.type} where something true or false should stand")
    return value


def _number(value: Any) -> Any:
    if pa.types.is_null(value.type):
        return value.cast(pa.int64())
    if not pa.types.is_integer(value.type) and not pa.types.is_floating(value.type):
        raise pa.ArrowTypeError(f"{value.type} where a number should stand; a moment's seconds are epoch(it)")
    return value


def _text(value: Any) -> Any:
    if pa.types.is_null(value.type):
        return value.cast(pa.large_string())
    if not pa.types.is_large_string(value.type) and not pa.types.is_string(value.type):
        raise pa.ArrowTypeError(f"{value.type} where a text should stand")
    return value.cast(pa.large_string())


def _compared(name: str, left: Any, right: Any) -> Any:
    """A comparison; a text that is written beside a moment is one, and null is unknown beside anything."""
    sides = [left, right]
    for index in (0, 1):
        one, other = sides[index], sides[1 - index]
        if pa.types.is_null(one.type) and not pa.types.is_null(other.type):
            sides[index] = one.cast(other.type)
        elif pa.types.is_timestamp(other.type) and isinstance(one, pa.Scalar) and pa.types.is_large_string(one.type):
            sides[index] = pa.scalar(parse_moment(one.as_py()), pa.int64()).cast(_MOMENT)
    if pa.types.is_null(sides[0].type):
        return pc.equal(pc.cast(sides[0], pa.int64()), pc.cast(sides[1], pa.int64()))
    families = [_family(side.type) for side in sides]
    if families[0] != families[1]:
        raise pa.ArrowTypeError(f"{sides[0].type} is compared with {sides[1].type}")
    return pc.call_function(name, sides)


def _family(data_type: pa.DataType) -> str:
    if pa.types.is_integer(data_type) or pa.types.is_floating(data_type):
        return "number"
    if pa.types.is_string(data_type) or pa.types.is_large_string(data_type):
        return "text"
    return "moment" if pa.types.is_timestamp(data_type) else str(data_type)


def _divided(name: str, left: Any, right: Any) -> Any:
    """A quotient, as decimals, or a remainder of whole numbers with the sign of the first; by zero null."""
    left, right = _number(left), _number(right)
    if name == "modulo" and not (pa.types.is_integer(left.type) and pa.types.is_integer(right.type)):
        raise pa.ArrowTypeError("% of something else than whole numbers")
    if name == "divide":
        left, right = left.cast(pa.float64()), right.cast(pa.float64())
    is_zero = pc.equal(right, pa.scalar(0, right.type))
    right = pc.if_else(is_zero, pa.scalar(None, right.type), right)
    if name == "divide":
        return pc.divide(left, right)
    by_one = pc.if_else(pc.equal(right, -1), pa.scalar(1, right.type), right)  # the least int64 by -1 overflows
    return pc.subtract(left, pc.multiply(pc.divide(left, by_one), by_one))


def _called(name: str, values: list[Any]) -> Any:
    if name in ("coalesce", "least", "greatest"):
        kept = [value for value in values if not pa.types.is_null(value.type)] or values
        if len({_family(value.type) for value in kept}) > 1:
            raise pa.ArrowTypeError(f"{name} of {', '.join(str(value.type) for value in kept)}")
        if name == "coalesce":
            return pc.coalesce(*kept)
        compute = pc.min_element_wise if name == "least" else pc.max_element_wise
        return compute(*kept, skip_nulls=True)
    if name == "nullif":
        same = pc.fill_null(_compared("equal", *values), False)
        return pc.if_else(same, pa.scalar(None, values[0].type), values[0])
    if name == "regexp_matches":
        return pc.match_substring_regex(_text(values[0]), values[1].as_py())
    if name in ("starts_with", "ends_with", "contains"):
        function = {"starts_with": pc.starts_with, "ends_with": pc.ends_with, "contains": pc.match_substring}[name]
        return function(_text(values[0]), values[1].as_py())
    if name == "epoch":
        return pc.divide(values[0].cast(_MOMENT).cast(pa.int64()).cast(pa.float64()), 1e6)
    if name in ("sqrt", "ln", "power"):
        return pc.call_function(name, [_number(value).cast(pa.float64()) for value in values])
    if name == "round":
        return pc.round(_number(values[0]), round_mode="half_towards_infinity")
    found = pc.call_function(_PLAIN[name], values)
    return found.cast(pa.int64()) if pa.types.is_integer(found.type) else found


def _cases(tree: tuple[Any, ...], columns: Mapping[str, Any]) -> Any:
    found = _value(tree[2], columns)
    for condition, value in reversed(tree[1]):
        held = pc.fill_null(_condition(_value(condition, columns)), False)
        then = _value(value, columns)
        if pa.types.is_null(found.type) and not pa.types.is_null(then.type):
            found = found.cast(then.type)
        elif pa.types.is_null(then.type):
            then = then.cast(found.type)
        if _family(then.type) != _family(found.type):
            raise pa.ArrowTypeError(f"a case of {then.type} and of {found.type}")
        found = pc.if_else(held, then, found)
    return found


def _like(pattern: str) -> str:
    """SQL's LIKE as a regular expression: % is any text, _ one character."""
    pieces = ((".*" if sign == "%" else "." if sign == "_" else re.escape(sign)) for sign in pattern)
    return rf"(?s)\A{''.join(pieces)}\z"
