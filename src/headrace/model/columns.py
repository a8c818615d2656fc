"""What goes into a model: named input columns outside, a few wide lanes by type inside.

    lane      dtype and shape   columns                            a null is
    number    float64[N, a]     numbers                            NaN
    integer   int64[N, b]       integers, timestamps, booleans     0, and False in `present`
    text      object[N, c]      texts (Python str, nothing else)   NULL_TEXT
    present   bool[N, d]        one bit per NULLABLE integer, timestamp, boolean or picture
    pixel     uint8[N, e]       what the prelude makes of pictures     0, and False in `present`

A list lies in no lane (`headrace.model._lists` says why), nor does binary. What the prelude derives of these, or of a
text, lies in the lane of its own kind, behind the raw columns; clients do not send it. Columns keep their order inside
each lane. A lane without columns is not an input of the graph. Few wide inputs cost a third of one input a column,
because each input of a run has a fixed price.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import pyarrow as pa

from headrace.errors import InvalidInput, UnknownName
from headrace.model.prelude import Derived
from headrace.schema import Kind, Schema, arrow_type

__all__ = ["LANES", "LANE_OF", "NULL_TEXT", "InputColumn", "LaneName", "Layout", "columns_of", "layout_of"]

LaneName = Literal["number", "integer", "text", "present", "pixel"]
LANES: tuple[LaneName, ...] = get_args(LaneName)

# What a null text is inside a model. No input may hold a text that begins with U+0000, so it cannot be confused.
NULL_TEXT = "\x00null"

LANE_OF: dict[str, LaneName] = {
    "number": "number",
    "integer": "integer",
    "timestamp": "integer",
    "boolean": "integer",
    "text": "text",
}


@dataclass(frozen=True)
class InputColumn:
    """One raw column a model reads.

    Parameters
    ----------
    name : str
        The column's name in tables and in requests.
    kind : Kind
        integer, number, boolean, text, timestamp or list; a struct cannot enter a model, its fields can.
    is_nullable : bool
        Whether a null (or, in a request, a missing key) is allowed.
    min, max : int or float or None
        The range an integer, number or timestamp (int64 microseconds UTC) must lie in, ends included; NaN passes.
    allow_nan : bool
        Whether a number that may not be null may be NaN. Where null is allowed NaN is, because it is the same there.
    derived : tuple of Derived
        What the prelude makes of a text or a list.
    values_kind : Kind or None
        Of a list: what its values are, one of the other kinds.
    width : int
        Of a derived picture: how many values it has, in the lane `pixel`; 0 = a value in the lane of its kind.
    path : tuple of str
        Of a field of a struct: ("a", "b") for `a.b`; () for a column.

    Raises InvalidInput for a kind that cannot enter a model, and for a prelude on another kind than text and list.

    >>> InputColumn("dep_delay", "number").lane
    'number'
    """

    name: str
    kind: Kind
    is_nullable: bool = True
    min: int | float | None = None
    max: int | float | None = None
    allow_nan: bool = True
    derived: tuple[Derived, ...] = ()
    values_kind: Kind | None = None
    path: tuple[str, ...] = ()
    width: int = 0

    def __post_init__(self) -> None:
        if self.kind == "list" and self.values_kind not in LANE_OF:
            raise InvalidInput(
                f"a list of {self.values_kind or 'values of an unknown kind'} cannot enter a model",
                where=f"column {self.name!r}",
                expected="a list of " + ", ".join(LANE_OF),
                fix="" if self.values_kind else "say it in the schema: values_kind",
            )
        if self.kind not in LANE_OF and self.kind not in ("list", "binary"):
            raise InvalidInput(
                f"a column of kind {self.kind!r} cannot enter a model",
                where=f"column {self.name!r}",
                expected=", ".join([*LANE_OF, "list", "binary"]),
                fix=f'name a field of it: x["{self.name}.<field>"]'
                if self.kind == "struct"
                else "leave the column out of the features, or cast it before",
            )
        object.__setattr__(self, "path", tuple(self.path))
        if self.path and (len(self.path) < 2 or ".".join(self.path) != self.name):
            raise InvalidInput(f"path {list(self.path)}", where=f"column {self.name!r}", expected="what its name says")
        given: Iterable[Any] = self.derived  # as plain data, where a signature is read
        made = tuple(item if isinstance(item, Derived) else Derived(**item) for item in given)
        if made and self.kind not in ("text", "list", "binary"):
            raise InvalidInput(
                f"a prelude on {self.kind}", where=f"column {self.name!r}", expected="text, list, binary"
            )
        object.__setattr__(self, "derived", made)

    @property
    def root(self) -> str:
        """The raw column to send: itself, or the struct that the field lies in."""
        return self.path[0] if self.path else self.name

    @property
    def is_list(self) -> bool:
        """Whether its values are lists, which lie in no lane."""
        return self.kind == "list"

    @property
    def has_lane(self) -> bool:
        """Whether its values lie in a lane: all but lists and binary."""
        return self.kind in LANE_OF

    @property
    def lane(self) -> LaneName:
        """The lane that holds the column's values; where there is one (`has_lane`)."""
        return "pixel" if self.width else LANE_OF[self.kind]

    @property
    def arrow_type(self) -> pa.DataType:
        """The canonical Arrow type of its values."""
        if self.kind == "binary":
            return pa.large_binary()
        return pa.list_(arrow_type(self.values_kind)) if self.values_kind else arrow_type(self.kind)

    @property
    def has_present_bit(self) -> bool:
        """Whether `present` holds a bit for the column: a nullable integer, timestamp, boolean or picture."""
        return self.is_nullable and self.has_lane and self.lane in ("integer", "pixel")

    @property
    def refuses_nan(self) -> bool:
        """Whether NaN is no value here."""
        return self.kind == "number" and not self.is_nullable and not self.allow_nan

    def to_plain(self) -> dict[str, Any]:
        """As plain data, for the signature; NaN is mentioned where it is refused."""
        plain: dict[str, Any] = {
            "name": self.name,
            "kind": self.kind,
            "is_nullable": self.is_nullable,
            "min": self.min,
            "max": self.max,
        }
        if self.refuses_nan:
            plain["allow_nan"] = False
        if self.values_kind:
            plain["values_kind"] = self.values_kind
        if self.path:
            plain["path"] = list(self.path)
        if self.derived:
            plain["derived"] = [item.to_plain() for item in self.derived]
        return plain

    @property
    def derived_columns(self) -> tuple[InputColumn, ...]:
        """The derived columns as columns of their own kind."""
        return tuple(InputColumn(item.name, item.kind, item.is_nullable, width=item.width) for item in self.derived)


@dataclass(frozen=True)
class Layout:
    """Which columns each lane holds, in order: `layout.number == ("dep_delay", "distance")`.

    Made by `layout_of`; a column's place in its lane is `layout.number.index(name)`.
    """

    number: tuple[str, ...] = ()
    integer: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    present: tuple[str, ...] = ()
    pixel: tuple[str, ...] = ()  # a name for each value

    @property
    def lanes(self) -> tuple[LaneName, ...]:
        """The lanes that have columns: the inputs of the graph, in their fixed order."""
        return tuple(lane for lane in LANES if getattr(self, lane))


def layout_of(columns: Sequence[InputColumn]) -> Layout:
    """Where each column lies: the raw ones first, then what the prelude derives from them.

    Raises InvalidInput where a name appears twice.

    >>> layout_of([InputColumn("a", "integer"), InputColumn("b", "boolean", is_nullable=False)])
    Layout(number=(), integer=('a', 'b'), text=(), present=('a',), pixel=())
    """
    columns = [*columns, *(item for column in columns for item in column.derived_columns)]
    names = [column.name for column in columns]
    if len(set(names)) < len(names):
        name = next(name for name in names if names.count(name) > 1)
        raise InvalidInput(f"input column {name!r} appears twice", where="model columns")
    found: dict[str, tuple[str, ...]] = {
        lane: tuple(column.name for column in columns if column.has_lane and column.lane == lane)
        for lane in ("number", "integer", "text")
    }
    pixel = tuple(column.name for column in columns for _ in range(column.width))
    return Layout(present=tuple(column.name for column in columns if column.has_present_bit), pixel=pixel, **found)


def columns_of(schema: Schema, names: Iterable[str]) -> tuple[InputColumn, ...]:
    """The input columns of these names, with types, presence and ranges from a schema.

    Raises UnknownName for a name that is not a feature, InvalidInput for a kind that cannot enter a model.
    """
    features = {feature.name: feature for feature in schema.features}
    columns = []
    for name in names:
        if name not in features:
            raise UnknownName("column", name, features)
        feature, path = features[name], schema.path_of(name)
        kind = "number" if feature.kind == "decimal" else feature.kind  # the nearest float64
        made = InputColumn(
            name,
            kind,
            feature.is_nullable,
            None if kind == "list" else feature.min,
            None if kind == "list" else feature.max,
            feature.allow_nan,
            values_kind=feature.values_kind if kind == "list" else None,
            path=path if len(path) > 1 else (),
        )
        columns.append(made)
    return tuple(columns)
