"""What stands for a column while features are traced: operations on it are recorded, not done.

Longer than other files, because an expression's operators, what it refuses and how both are recorded name each other.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NoReturn, cast

from headrace import lookup
from headrace.calls import user_line
from headrace.errors import HeadraceError, InvalidInput, Misuse, UnknownName
from headrace.transformation._accessors import Items, Moment, Text
from headrace.transformation.expressions import PINNED, Node, key_of, node_text

__all__ = ["Columns", "Expression", "apply", "is_unicode"]

Name = str  # inside Expression the attribute `str` hides the type
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


class Expression:
    """A column, or what was computed from columns, while features are traced.

    Operators: + - * / // % ** (a constant exponent), == != < <= > >=, & | ~, abs(). Methods: is_null, fill_null, cast,
    is_in, is_between, clip. `.str` has what can be done with a text, `.dt` the parts of a moment, `.list` what can be
    asked of a list. There is no value to
    look at: `if`, `and`, `not`, float(), str(), loops and NumPy functions raise Misuse at their line.
    """

    __slots__ = ("_inputs", "_op", "_parameters", "_place")

    def __init__(self, op: Name, parameters: Mapping[Name, Any], inputs: Sequence[Expression], place: Name) -> None:
        for name, value in zip(Expression.__slots__, (tuple(inputs), op, dict(parameters), place), strict=True):
            object.__setattr__(self, name, value)

    # The four slots, typed: reading them is reading an attribute that exists, so __getattr__ is not asked.
    _inputs: tuple[Expression, ...]
    _op: Name
    _parameters: dict[Name, Any]
    _place: Name

    def is_null(self) -> Expression:
        """True where null (a number: where NaN), never null itself."""
        return apply("is_null", (self,), {})

    def fill_null(self, value: Any) -> Expression:
        """The value, or `value` (a literal or an expression) where it is null."""
        return apply("fill_null", (self, value), {})

    def cast(self, kind: Name) -> Expression:
        """As another kind: "number", "integer", "boolean" or "text"; see `ops.cast`."""
        return apply("cast", (self,), {"kind": kind})

    def is_in(self, values: Sequence[Any]) -> Expression:
        """Whether the value is one of these: literals. Null is in nothing, and gives null."""
        place = user_line()
        if isinstance(values, (str, Expression, Mapping)) or not isinstance(values, (Sequence, set, frozenset)):
            raise Misuse(
                f"is_in was given {values!r}"[:200], where=place, expected="a list: x.carrier.is_in(['AA', 'UA'])"
            )
        if not values:
            raise Misuse("is_in was given no value", where=place, expected="at least one")
        ordered = sorted(values, key=repr) if isinstance(values, (set, frozenset)) else values
        tests = [_comparison("==", self, value) for value in ordered]
        while len(tests) > 1:  # in pairs, so that a long list is not a deep graph
            tests = [tests[at] | tests[at + 1] if at + 1 < len(tests) else tests[at] for at in range(0, len(tests), 2)]
        return tests[0]

    def is_between(self, low: Any, high: Any) -> Expression:
        """Whether low <= value <= high."""
        inside = _comparison(">=", self, low), _comparison("<=", self, high)
        return apply("logic", inside, {"operator": "and"})

    def clip(self, low: float | None = None, high: float | None = None) -> Expression:
        """The value, not below `low` nor above `high`; see `ops.clip`."""
        return apply("clip", (self,), {"low": low, "high": high})

    @property
    def str(self) -> Text[Expression]:
        """What can be done with a text: x.title.str.lower()."""
        return Text(self, _on)

    @property
    def dt(self) -> Moment[Expression]:
        """The parts of a moment: x.time_hour.dt.hour."""
        return Moment(self, _on)

    @property
    def list(self) -> Items[Expression]:
        """What can be asked of a list: x.prices.list.sum()."""
        return Items(self, _on)

    def __abs__(self) -> Expression:
        return apply("absolute", (self,), {})

    def __add__(self, other: Any) -> Expression:
        return _arithmetic("+", self, other)

    def __radd__(self, other: Any) -> Expression:
        return _arithmetic("+", other, self)

    def __sub__(self, other: Any) -> Expression:
        return _arithmetic("-", self, other)

    def __rsub__(self, other: Any) -> Expression:
        return _arithmetic("-", other, self)

    def __mul__(self, other: Any) -> Expression:
        return _arithmetic("*", self, other)

    def __rmul__(self, other: Any) -> Expression:
        return _arithmetic("*", other, self)

    def __truediv__(self, other: Any) -> Expression:
        return _arithmetic("/", self, other)

    def __rtruediv__(self, other: Any) -> Expression:
        return _arithmetic("/", other, self)

    def __floordiv__(self, other: Any) -> Expression:
        return _arithmetic("//", self, other)

    def __rfloordiv__(self, other: Any) -> Expression:
        return _arithmetic("//", other, self)

    def __mod__(self, other: Any) -> Expression:
        return _arithmetic("%", self, other)

    def __rmod__(self, other: Any) -> Expression:
        return _arithmetic("%", other, self)

    def __pow__(self, other: Any) -> Expression:
        if isinstance(other, bool) or not isinstance(other, (int, float)):
            raise Misuse("the exponent of ** is not a constant number", where=user_line(), expected="x ** 2")
        return apply("power", (self,), {"exponent": other})

    def __rpow__(self, other: Any) -> NoReturn:
        raise Misuse("the exponent of ** is not a constant number", where=user_line(), expected="x ** 2")

    def __neg__(self) -> Expression:
        return _arithmetic("*", self, -1)

    def __pos__(self) -> Expression:
        return self

    def __eq__(self, other: object) -> Expression:  # type: ignore[override]  # a comparison is recorded
        return _comparison("==", self, other)

    def __ne__(self, other: object) -> Expression:  # type: ignore[override]  # a comparison is recorded
        return _comparison("!=", self, other)

    def __lt__(self, other: Any) -> Expression:
        return _comparison("<", self, other)

    def __le__(self, other: Any) -> Expression:
        return _comparison("<=", self, other)

    def __gt__(self, other: Any) -> Expression:
        return _comparison(">", self, other)

    def __ge__(self, other: Any) -> Expression:
        return _comparison(">=", self, other)

    def __and__(self, other: Any) -> Expression:
        return apply("logic", (self, other), {"operator": "and"})

    def __rand__(self, other: Any) -> Expression:
        return apply("logic", (other, self), {"operator": "and"})

    def __or__(self, other: Any) -> Expression:
        return apply("logic", (self, other), {"operator": "or"})

    def __ror__(self, other: Any) -> Expression:
        return apply("logic", (other, self), {"operator": "or"})

    def __invert__(self) -> Expression:
        return apply("logic", (self,), {"operator": "not"})

    __hash__ = object.__hash__

    def __repr__(self) -> Name:
        return _text(self)

    def __bool__(self) -> NoReturn:
        raise Misuse(
            f"{_text(self)} has no truth value while features are traced",
            where=user_line(),
            fix="write & | ~ for and, or, not; ops.where(condition, a, b) for if, min and max;"
            " (x == 1) | (x == 2) for in; (a < x) & (x < b) for a < x < b",
        )

    def _no_value(self, what: Name, fix: Name = "") -> NoReturn:
        raise Misuse(
            f"{_text(self)} cannot be {what}: it has no value while features are traced",
            where=user_line(),
            fix=fix or _there_are(),
        )

    def __setattr__(self, name: Name, value: Any) -> NoReturn:
        self._no_value(f"given {name!r}", "return it under that name in the dict of features")

    def __array_ufunc__(self, ufunc: Any, method: Name, *inputs: Any, **_: Any) -> Expression:
        """Take a NumPy scalar's operators (`np.float64(2) * x.a`); any other NumPy function is refused."""
        if method == "__call__" and ufunc.__name__ in _UFUNCS and len(inputs) == 2:
            record, operator = _UFUNCS[ufunc.__name__]
            return record(operator, inputs[0], inputs[1])
        raise Misuse(
            f"numpy.{ufunc.__name__} cannot be recorded",
            where=user_line(),
            fix=_there_are(),
        )

    def __getattr__(self, name: Name) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(name)
        known = ["cast", "clip", "fill_null", "is_between", "is_in", "is_null"]
        known += [f"str.{item}" for item in Text.names()] + [f"dt.{item}" for item in Moment.names()]
        known += [f"list.{item}" for item in Items.names()]
        raise UnknownName("method of an expression", name, known, where=user_line())


_REFUSED = {
    "made a number": ("__float__", "__int__", "__index__", "__complex__", "__round__", "__trunc__"),
    "iterated": ("__iter__", "__reversed__"),
    "indexed": ("__getitem__",),
    "searched": ("__contains__",),
    "measured": ("__len__",),
    "called": ("__call__",),
    "made an array": ("__array__",),
    "made a text": ("__str__", "__format__"),
    "entered": ("__enter__", "__exit__"),
}
_FIXES = {
    "made a text": "repr() shows an expression",
    "called": "put an operator between it and the bracket",
    "searched": "write x.carrier.str.contains('A'), or x.carrier.is_in(['AA', 'UA'])",
}


def _refusal(what: str) -> Callable[..., NoReturn]:
    def refuse(self: Expression, *_: Any, **__: Any) -> NoReturn:
        self._no_value(what, _FIXES.get(what, ""))

    return refuse


for _what, _names in _REFUSED.items():
    for _name in _names:
        setattr(Expression, _name, _refusal(_what))


def _there_are() -> str:
    """What can be recorded."""
    written = sorted(name for name in lookup.names("op") if name not in ("arithmetic", "comparison", "logic", "power"))
    ops = ", ".join(f"ops.{name}" for name in written)
    return f"use operators and {ops}, or compute the column before it comes here"


def _arithmetic(operator: str, left: Any, right: Any) -> Expression:
    return apply("arithmetic", (left, right), {"operator": operator})


def _comparison(operator: str, left: Any, right: Any) -> Expression:
    if left is None or right is None:
        raise Misuse("a comparison with None is null for every row", where=user_line(), fix="write .is_null()")
    return apply("comparison", (left, right), {"operator": operator})


_UFUNCS: dict[str, tuple[Callable[[str, Any, Any], Expression], str]] = {
    "add": (_arithmetic, "+"),
    "subtract": (_arithmetic, "-"),
    "multiply": (_arithmetic, "*"),
    "divide": (_arithmetic, "/"),
    "floor_divide": (_arithmetic, "//"),
    "remainder": (_arithmetic, "%"),
    "equal": (_comparison, "=="),
    "not_equal": (_comparison, "!="),
    "less": (_comparison, "<"),
    "less_equal": (_comparison, "<="),
    "greater": (_comparison, ">"),
    "greater_equal": (_comparison, ">="),
}


def _on(name: str, value: Expression, parameters: Mapping[str, Any]) -> Expression:
    return apply(name, (value,), parameters)


def _literal(value: Any, place: str) -> Expression:
    if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0:
        value = value.item()
    kind: str
    if value is None:
        kind = "null"
    elif isinstance(value, bool):
        kind = "boolean"
    elif isinstance(value, int):
        kind = "integer"
        if not -(2**63) <= value < 2**63:
            raise InvalidInput(f"{value} does not fit 64 bits", where=place, fix="write it as a float")
    elif isinstance(value, float):
        kind = "number"
    elif isinstance(value, str):
        kind = "text"
        if value.startswith("\x00") or not is_unicode(value):
            raise InvalidInput(
                f"{value!r} cannot be a text value", where=place, expected="valid Unicode without U+0000"
            )
    elif isinstance(value, datetime.datetime):
        kind = "timestamp"
        aware = value if value.tzinfo is not None else value.replace(tzinfo=datetime.UTC)
        value = (aware - _EPOCH) // datetime.timedelta(microseconds=1)
    else:
        raise Misuse(
            f"{type(value).__name__} cannot stand in an expression",
            where=place,
            expected="a column, an expression, a number, a text, a boolean, a datetime or None",
        )
    return Expression("literal", {"kind": kind, "value": value}, (), place)


def is_unicode(text: str) -> bool:
    """Whether a text can be written as UTF-8: a lone surrogate cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def apply(name: str, inputs: Sequence[Any], parameters: Mapping[str, Any]) -> Expression:
    """Record one op over expressions and literals: what operators and `ops.<name>` come down to.

    Raises UnknownName for an op or parameter there is not, Misuse for a wrong number of inputs or a value no
    expression can hold, InvalidInput for a parameter out of range: each at the user's line.
    """
    place = user_line()
    cls = lookup.find("op", name)
    least, most = cls.num_inputs
    if len(inputs) < least or (most is not None and len(inputs) > most):
        allowed = str(least) if least == most else f"{least} or more" if most is None else f"{least} to {most}"
        raise Misuse(
            f"ops.{name} was given {len(inputs)} inputs",
            where=place,
            expected=f"{allowed}; parameters are named, as in ops.bucketize(x.distance, num_buckets=10)",
        )
    known = [item.name for item in dataclasses.fields(cls)]
    for parameter in parameters:
        if parameter not in known:
            raise UnknownName(f"parameter of ops.{name}", parameter, known, where=place)
    if not any(isinstance(item, Expression) for item in inputs):
        raise Misuse(f"ops.{name} was given no column", where=place, expected="x.<column> or an expression of columns")
    recorded = [item if isinstance(item, Expression) else _literal(item, place) for item in inputs]
    try:
        op = cls(**parameters)
    except HeadraceError as error:
        raise error.locate(place) from None
    except TypeError as error:  # a parameter without a default is missing
        raise Misuse(f"ops.{name}: {str(error).rpartition('() ')[2]}", where=place) from None
    if name == "pin":
        return _pinned(recorded[0], op.kept, place)
    return Expression(name, op.parameters(), recorded, place)


@dataclasses.dataclass(frozen=True)
class Kept:
    """What an earlier transform has: constants and nodes by key, its fitted expressions as text.

    Where it `is_strict` it must have everything that learns.
    """

    constants: Mapping[str, Mapping[str, Any]]
    keys: frozenset[str]
    texts: tuple[str, ...]
    is_strict: bool


def _pinned(root: Expression, kept: Kept, place: str) -> Expression:
    """The expression again, every op in it that is among the kept ones with its constants."""
    keys: dict[int, str] = {}
    made: dict[int, Expression] = {}
    num_pinned, stack = 0, [root]
    while stack:  # a deep chain of operators must not meet Python's recursion limit
        own = stack[-1]
        missing = [item for item in own._inputs if id(item) not in made]
        if missing:
            stack.extend(missing)
            continue
        stack.pop()
        if id(own) in made:
            continue
        key = keys[id(own)] = key_of(own._op, own._parameters, [keys[id(item)] for item in own._inputs])
        parameters = own._parameters
        if key in kept.constants:
            parameters, num_pinned = {**parameters, PINNED: dict(kept.constants[key])}, num_pinned + 1
        elif kept.is_strict and key not in kept.keys and _learns(own._op):
            raise InvalidInput(
                f"{_text(own)} is not in the transform of that version",
                where=place,
                expected=f"one of what it was fitted to: {', '.join(kept.texts)}"[:600],
                fix="pin what it has, and leave the rest out of ops.pin: that is fitted as ever",
            )
        made[id(own)] = Expression(own._op, parameters, [made[id(item)] for item in own._inputs], own._place)
    if not num_pinned:
        raise InvalidInput(
            f"nothing that is fitted in {_text(root)} is in that graph",
            where=place,
            expected="an expression that the earlier transform has, of equal columns and parameters",
        )
    return made[id(root)]


def _learns(name: str) -> bool:
    """Whether an op may be fitted to rows."""
    if name in ("column", "literal"):
        return False
    from headrace.transformation._contract import Op

    return lookup.find("op", name).fold is not Op.fold


class Columns:
    """What `features` is called with: `x.name` or `x["name"]` is a column. Nothing can be set on it."""

    __slots__ = ("_known",)

    def __init__(self, known: Sequence[str] | None) -> None:
        object.__setattr__(self, "_known", None if known is None else tuple(known))

    def __getattr__(self, name: str) -> Expression:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> Expression:
        place = user_line()
        if not isinstance(name, str):
            raise Misuse(f"{name!r} is not a column's name", where=place, expected='a text, as in x["distance"]')
        known = cast("tuple[str, ...] | None", object.__getattribute__(self, "_known"))
        if known is not None and name not in known:
            raise UnknownName("column", name, known, where=place)
        return Expression("column", {"name": name}, (), place)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise Misuse(f"x.{name} was assigned", where=user_line(), fix="features returns a dict of name: expression")

    __setitem__ = __setattr__

    def __iter__(self) -> Iterator[Any]:
        raise Misuse("x cannot be looped over", where=user_line(), fix="name the columns: [x[name] for name in NAMES]")


def _text(expression: Expression, depth: int = 8) -> str:
    if depth == 0:
        return "..."
    inputs = [_text(item, depth - 1) for item in expression._inputs]
    return node_text(Node(expression._op, expression._parameters), inputs)
