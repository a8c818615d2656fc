"""Random feature functions with every op there is, over random tables: the same bytes on every road.

`check(seed)` makes a table with nulls everywhere and a function of one to six features, fits it on some of the rows,
and compares what is materialised with what is served, by Arrow, JSON, Python rows and tensors, some rows at a time.
"""

from __future__ import annotations

import functools
import hashlib
import math
import random
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace import lookup
from headrace.dataset import Dataset
from headrace.errors import HeadraceError
from headrace.model import InputColumn
from headrace.testing.codec_cases import as_moments, nested, png_of, table_of, to_body
from headrace.testing.op_cases import BATCHES, applied_matrix
from headrace.transformation import TransformGraph, ValueType, ops, transform
from headrace.transformation._contract import PreludeOp

__all__ = ["COLUMNS", "FORMS", "check", "features_of", "form_of", "rows_of"]

Make = Callable[[Any], Any]
Draw = Callable[[str], Make]
Form = Callable[[random.Random, Draw], Make]

COLUMNS = (
    InputColumn("a", "number"),
    InputColumn("b", "number"),
    InputColumn("i", "integer"),
    InputColumn("j", "integer"),
    InputColumn("f", "boolean"),
    InputColumn("t", "text"),
    InputColumn("u", "text"),
    InputColumn("w", "timestamp"),
    InputColumn("la", "list", values_kind="number"),
    InputColumn("li", "list", values_kind="integer"),
    InputColumn("lt", "list", values_kind="text"),
    InputColumn("lw", "list", values_kind="timestamp"),
    InputColumn("p", "binary"),
    InputColumn("s.a", "number", path=("s", "a")),
    InputColumn("s.t", "text", path=("s", "t")),
    InputColumn("s.in.i", "integer", path=("s", "in", "i")),
    InputColumn("s.in.w", "timestamp", path=("s", "in", "w")),
    InputColumn("s.in.l", "list", values_kind="number", path=("s", "in", "l")),
)
_NAMES: dict[str, list[str]] = {}
for _column in COLUMNS:
    if _column.has_lane:
        _NAMES.setdefault(_column.kind, []).append(_column.name)
_ZONES = ("UTC", "Europe/Paris", "Asia/Kolkata")
_PARTS = ("year", "month", "day", "day_of_week", "day_of_year", "hour", "minute", "second", "quarter")


def _number(draw: random.Random) -> float:
    return draw.choice(
        [
            draw.gauss(0.0, 3.0),
            float(draw.randint(-4, 4)),
            draw.choice([0.0, -0.0, 5e-324, 1.7e308, -1.7e308, math.inf, -math.inf, math.nan, 2.0**53 + 2]),
            draw.lognormvariate(0.0, 8.0),
        ]
    )


def _text(draw: random.Random) -> str:
    few = draw.choice(["", " ", "a", "b", "A@x", "b@Y", "é", "🛫", "null", "a b a", "b  a", "x|y", "a\x00"])
    few = draw.choice([few, few, few, few, "2013-01-31", "20240229", "2013-02-30"])
    return draw.choice([few, few, "".join(draw.choice("ab @é|") for _ in range(draw.randint(0, 8)))])


_VALUES: Mapping[str, Callable[[random.Random], Any]] = {
    "number": _number,
    "integer": lambda draw: draw.choice(
        [draw.randint(-3, 3), draw.randint(-(2**63), 2**63 - 1), 2**53 + 1, -(2**63), 2**63 - 1]
    ),
    "boolean": lambda draw: draw.random() < 0.5,
    "text": _text,
    "binary": lambda draw: png_of([draw.randbytes(3) for _ in range(draw.randint(1, 4))]),
    "timestamp": lambda draw: draw.randint(-2_000_000_000_000_000, 4_000_000_000_000_000),
}


def rows_of(draw: random.Random, num_rows: int) -> list[dict[str, Any]]:
    """Rows of COLUMNS, a fifth of the values null, and a tenth of the structs; timestamps as microseconds."""
    found = []
    for _ in range(num_rows):
        row = {column.name: None if draw.random() < 0.2 else _value(draw, column) for column in COLUMNS}
        for struct in ("s.", "s.in."):
            if draw.random() < 0.1:
                row |= {name: None for name in row if name.startswith(struct)}
        found.append(row)
    return found


def _value(draw: random.Random, column: InputColumn) -> Any:
    if column.values_kind is None:
        return _VALUES[column.kind](draw)
    one = _VALUES[column.values_kind]
    return [None if draw.random() < 0.2 else one(draw) for _ in range(draw.choice([0, 1, 2, 5]))]


def _of(name: str, *kinds: str, **choices: Any) -> Form:
    """The op of this name, of inputs of these kinds (several, parted by "|", are drawn from) and drawn parameters."""

    def form(draw: random.Random, one: Draw) -> Make:
        inputs = [one(draw.choice(kind.split("|"))) for kind in kinds]
        drawn = {key: draw.choice(values) for key, values in choices.items()}
        parameters = {key: value for key, value in drawn.items() if value is not None}
        return lambda x: getattr(ops, name)(*(make(x) for make in inputs), **parameters)

    return form


def _raw(name: str, **choices: Any) -> Form:
    """An op of the prelude, of a raw column or of another one."""

    def form(draw: random.Random, one: Draw) -> Make:
        column, chain = draw.choice(_NAMES["text"]), draw.random() < 0.3
        drawn = {key: draw.choice(values) for key, values in choices.items()}
        return lambda x: getattr(ops, name)(ops.strip(x[column]) if chain else x[column], **drawn)

    return form


def _list(name: str, columns: tuple[str, ...], **choices: Any) -> Form:
    """An op of the prelude, of a raw column of lists."""

    def form(draw: random.Random, one: Draw) -> Make:
        column = draw.choice(columns)
        drawn = {key: draw.choice(values) for key, values in choices.items()}
        return lambda x: getattr(ops, name)(x[column], **drawn)

    return form


def _pretrained() -> bytes:
    """A small model as somebody else's exporter would write it: a product with weights, in float32."""
    import onnx

    helper, float32 = onnx.helper, onnx.TensorProto.FLOAT
    weights = onnx.numpy_helper.from_array(np.array([[1.0, 0.5, -2.0], [0.25, 3.0, 1.0]], np.float32), "weights")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "weights"], ["h"]), helper.make_node("Relu", ["h"], ["y"])],
        "pretrained",
        [helper.make_tensor_value_info("x", float32, ["N", 2])],
        [helper.make_tensor_value_info("y", float32, ["N", 3])],
        [weights],
    )
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 21)])
    return bytes(model.SerializeToString())


@functools.cache
def _earlier() -> TransformGraph:
    """A transform that was fitted before, to pin to."""
    return transform(lambda x: {"a": ops.z_score(x.a)}, Dataset.from_arrow(pa.table({"a": [1.0, 2.5]})))


_ANY = "number|integer|boolean"
_CATEGORY = "text|integer|boolean"
_KEYED = {"min_count": [1, 2]}

# op -> (the kind it gives, how to draw one); "vector" is a feature only.
FORMS: Mapping[str, tuple[str, Form]] = {
    "absolute": ("number", _of("absolute", _ANY)),
    "arithmetic": ("number", _of("arithmetic", _ANY, _ANY, operator=["+", "-", "*", "/", "//", "%"])),
    "bag_of_words": ("vector", _of("bag_of_words", "text", top_k=[None, 2], ngrams=[(1, 1), (1, 2)])),
    "bucketize": ("number", _of("bucketize", _ANY, num_buckets=[2, 5, 30])),
    "bucketize_by_key": ("number", _of("bucketize_by_key", _ANY, _CATEGORY, num_buckets=[2, 4], **_KEYED)),
    "cast": ("integer", _of("cast", "number|boolean|timestamp", kind=["integer"])),
    "character_ngrams": ("text", _raw("character_ngrams", least=[1, 2], most=[2, 3])),
    "clip": ("number", _of("clip", "number", low=[-1.0, None], high=[2.0])),
    "comparison": ("boolean", _of("comparison", _ANY, _ANY, operator=["==", "!=", "<", "<=", ">", ">="])),
    "count_encode": ("number", _of("count_encode", _CATEGORY, as_share=[True, False], **_KEYED)),
    "cross": ("text", _of("cross", "text|integer", "text|integer")),
    "cyclical": ("number", _of("cyclical", _ANY, period=[7.0, 0.3], part=["sin", "cos"])),
    "date_part": ("integer", _of("date_part", "timestamp", part=list(_PARTS), zone=list(_ZONES))),
    "days_between": ("number", _of("days_between", "timestamp", "timestamp")),
    "embed": ("vector", _of("embed", "text", keys=[("a", "b", "")], vectors=[((1.0, 2.0), (0.5, 0.0), (-3.0, 1e9))])),
    "fill_null": ("number", _of("fill_null", "number", "number")),
    "hash_bucket": ("number", _of("hash_bucket", "text|integer", num_buckets=[1, 7], seed=[0, 3])),
    "haversine": ("number", _of("haversine", "number", "number", "number", "number")),
    "image": ("vector", _list("image", ("p",), height=[1, 3], width=[1, 2, 5], channels=[1, 3])),
    "impute": ("number", _of("impute", "number|integer", strategy=["mean", "median"])),
    "is_null": ("boolean", _of("is_null", "number|integer|boolean|text|timestamp")),
    "list_contains": ("boolean", _list("list_contains", ("lt",), value=["a", "", "x|y"])),
    "list_get": ("text", _list("list_get", ("lt",), index=[0, 1, -1])),
    "list_join": ("text", _list("list_join", ("lt",), separator=["|", " "])),
    "list_length": ("integer", _list("list_length", ("la", "li", "lt", "lw", "s.in.l"))),
    "list_max": ("number", _list("list_max", ("la",))),
    "list_mean": ("number", _list("list_mean", ("la", "li", "s.in.l"))),
    "list_min": ("timestamp", _list("list_min", ("lw",))),
    "list_sum": ("number", _list("list_sum", ("la", "li"))),
    "log1p": ("number", _of("log1p", _ANY)),
    "logic": ("boolean", _of("logic", "boolean", "boolean", operator=["and", "or"])),
    "lower": ("text", _raw("lower")),
    "matches": ("boolean", _of("matches", "text", pattern=["a.*", "[^b]*", ""])),
    "min_max": ("number", _of("min_max", _ANY, clip=[True, False])),
    "min_max_by_key": ("number", _of("min_max_by_key", _ANY, _CATEGORY, **_KEYED)),
    "multi_hot": ("vector", _of("multi_hot", "text", separator=[" ", "|"], top_k=[None, 3])),
    "normalize_image": (
        "vector",
        lambda draw, one: (
            lambda x: ops.normalize_image(
                ops.image(x.p, height=2, width=3, channels=3), mean=(0.5, 0.4, 0.1), std=(0.1, 0.2, 3.0), order="chw"
            )
        ),
    ),
    "one_hot": ("vector", _of("one_hot", _CATEGORY, top_k=[None, 2], num_oov=[0, 2])),
    "onnx": ("vector", _of("onnx", "number|integer", "number", model=[_pretrained()])),
    "parse_date": ("timestamp", _raw("parse_date", form=["%Y-%m-%d", "%Y%m%d"])),
    "pin": ("number", lambda draw, one: lambda x: ops.pin(ops.z_score(x.a), graph=_earlier())),
    "power": ("number", _of("power", "number", exponent=[2, 3, 0.5, -1.5])),
    "quantile_rank": ("number", _of("quantile_rank", _ANY, num_buckets=[2, 10])),
    "replace": ("text", _raw("replace", pattern=["a+", "[^a-z]"], replacement=["", "<\\0>"])),
    "robust_scale": ("number", _of("robust_scale", _ANY)),
    "robust_scale_by_key": ("number", _of("robust_scale_by_key", _ANY, _CATEGORY, **_KEYED)),
    "split": ("text", _raw("split", separator=["@", " "], index=[0, 1, -1])),
    "string_length": ("integer", _raw("string_length")),
    "strip": ("text", _raw("strip")),
    "substring": ("text", _raw("substring", start=[0, 1, -2], stop=[3, None])),
    "target_encode": ("number", _of("target_encode", _CATEGORY, smoothing=[0.0, 5.0], **_KEYED)),
    "tf_idf": ("vector", _of("tf_idf", "text", norm=["l2", "none"], ngrams=[(1, 1), (1, 2)])),
    "upper": ("text", _raw("upper")),
    "vocabulary": ("number", _of("vocabulary", _CATEGORY, num_oov=[0, 4], order=["count", "mutual_information"])),
    "where": ("number", _of("where", "boolean", "number", "number|integer")),
    "yeo_johnson": ("number", _of("yeo_johnson", _ANY, exponent=[None, 0.0, 0.5])),
    "z_score": ("number", _of("z_score", _ANY)),
    "z_score_by_key": ("number", _of("z_score_by_key", _ANY, _CATEGORY, **_KEYED)),
}


def form_of(name: str) -> tuple[str, Form] | None:
    """How to draw an op: as FORMS says, else with the defaults of its parameters; None where one has no default."""
    if name in FORMS:
        return FORMS[name]
    cls = lookup.find("op", name)
    try:
        op = cls()
    except (TypeError, HeadraceError):  # a parameter must be given
        return None
    if isinstance(op, PreludeOp):
        return op.result_kind, _raw(name)
    for kind in _NAMES:
        try:
            found = op.infer([ValueType(kind)] * cls.num_inputs[0])  # type: ignore[arg-type]  # kinds of columns
        except HeadraceError:
            continue
        return "vector" if found.is_vector else found.kind, _of(name, *[kind] * cls.num_inputs[0])
    return None


@functools.cache
def _by_kind() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in lookup.names("op"):
        form = form_of(name)
        if form is not None:
            found.setdefault(form[0], []).append(name)
    return found


def _known(name: str) -> tuple[str, Form]:
    form = form_of(name)
    assert form is not None, f"FORMS does not say how ops.{name} is drawn"
    return form


def _coded(make: Make) -> Make:
    """A text is no feature: what is seen of it is its code."""
    return lambda x: ops.vocabulary(make(x))


def features_of(draw: random.Random, *, names: tuple[str, ...] = (), depth: int = 3) -> Callable[[Any], dict[str, Any]]:
    """A feature function: of the ops named, or of one to six drawn ones, each over drawn expressions."""
    every = [name for known in _by_kind().values() for name in known]
    chosen = names or tuple(draw.choice(every) for _ in range(draw.randint(1, 6)))

    def one(kind: str, left: int) -> Make:
        known = _by_kind().get(kind, [])
        if left == 0 or not known or (kind in _NAMES and draw.random() < 0.4):
            name = draw.choice(_NAMES[kind])
            return lambda x: x[name]
        return _known(draw.choice(known))[1](draw, lambda below: one(below, left - 1))

    made: list[tuple[str, Make]] = []
    for name in chosen:
        kind, form = _known(name)
        make = form(draw, lambda below: one(below, draw.randint(0, depth - 1)))
        made.append((name, _coded(make) if kind == "text" else make))
    return lambda x: {f"{place} {name}": make(x) for place, (name, make) in enumerate(made)}


def _fitted(seed: int, names: tuple[str, ...]) -> tuple[TransformGraph, list[dict[str, Any]]]:
    draw = random.Random(seed)
    rows = rows_of(draw, draw.choice([0, 1, 5, 40, 40]))
    label = pa.array([None if draw.random() < 0.1 else draw.randint(0, 1) for _ in rows], pa.int64())
    table = table_of(rows, COLUMNS).append_column("label", label)
    function = features_of(draw, names=names)
    return transform(function, Dataset.from_arrow(table, label="label")), [*rows, *rows_of(draw, 104 - len(rows))]


def check(seed: int, *, names: tuple[str, ...] = ()) -> str:
    """Compare every road; the sha256 of graph and features, which another process must come to as well.

    Raises AssertionError naming the seed, the road and the features that differ.
    """
    graph, many = _fitted(seed, names)
    kept = {column.name for column in graph.columns}
    columns = tuple(column for column in COLUMNS if column.name in kept)
    many = [{column.name: row[column.name] for column in columns} for row in many]
    table = table_of(many, columns)
    whole = applied_matrix(graph, table)
    cut = graph.matrix_of(pa.concat_tables([table.slice(0, 60), table.slice(60)]), few_rows=0)
    _compare(graph, seed, "cut at its texts", np.ascontiguousarray(cut), whole)
    for size in BATCHES:
        for road in (_by_batch, _by_rows, _by_json, _by_tensors):
            pieces = [
                graph.matrix(road(graph, many[first : first + size], table.slice(first, size), columns))
                for first in range(0, len(many), size)
            ]
            _compare(graph, seed, f"{road.__name__[1:]}, {size} rows at a time", np.concatenate(pieces), whole)
    return hashlib.sha256(graph.digest.encode() + whole.tobytes()).hexdigest()


def _compare(
    graph: TransformGraph, seed: int, road: str, found: npt.NDArray[np.float32], whole: npt.NDArray[np.float32]
) -> None:
    if found.tobytes() != whole.tobytes():
        differ = np.flatnonzero((found.view(np.uint32) != whole.view(np.uint32)).any(axis=0))
        named = [graph.matrix_names[place] for place in differ.tolist()]
        raise AssertionError(f"seed {seed}, {road}: {named} differ")


Lanes = dict[str, npt.NDArray[Any]]
Columns = tuple[InputColumn, ...]


def _by_batch(graph: TransformGraph, rows: list[dict[str, Any]], table: pa.Table, columns: Columns) -> Lanes:
    return graph.codec.from_batch(table)


def _by_rows(graph: TransformGraph, rows: list[dict[str, Any]], table: pa.Table, columns: Columns) -> Lanes:
    times = [column.name for column in columns if "timestamp" in (column.kind, column.values_kind)]
    asked = [dict(row) for row in rows]
    for row in asked:
        for name in times:
            row[name] = as_moments(row[name])
    return graph.codec.from_rows([nested(row, columns) for row in asked])


def _by_json(graph: TransformGraph, rows: list[dict[str, Any]], table: pa.Table, columns: Columns) -> Lanes:
    return graph.codec.from_json(to_body(rows, columns))


def _by_tensors(graph: TransformGraph, rows: list[dict[str, Any]], table: pa.Table, columns: Columns) -> Lanes:
    tensors: dict[str, Any] = {}
    for column in columns:
        values = [row[column.name] for row in rows]
        if column.kind == "number":
            tensors[column.name] = np.array([math.nan if value is None else value for value in values], np.float64)
        elif column.kind == "timestamp":
            micros = ["NaT" if value is None else value for value in values]
            tensors[column.name] = np.array([np.datetime64(value, "us") for value in micros], "M8[us]")
        else:
            array = np.empty(len(values), np.object_)
            for place, value in enumerate(values):
                array[place] = as_moments(value) if column.values_kind == "timestamp" else value
            tensors[column.name] = array
    return graph.codec.from_tensors(tensors)
