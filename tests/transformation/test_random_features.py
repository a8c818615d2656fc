"""Random feature functions over random tables: one meaning, whoever computes it."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headrace.dataset import Dataset
from headrace.model import InputColumn
from headrace.testing.codec_cases import rows_of, table_of
from headrace.testing.op_cases import BATCHES, reference_matrix, served_matrix
from headrace.transformation import ops, trace, transform
from tests.transformation import meaning

COLUMNS = (
    InputColumn("a", "number"),
    InputColumn("b", "number"),
    InputColumn("i", "integer"),
    InputColumn("j", "integer"),
    InputColumn("f", "boolean"),
    InputColumn("t", "text"),
    InputColumn("u", "text"),
    InputColumn("w", "timestamp"),
)
NAMES = {
    kind: [column.name for column in COLUMNS if column.kind == kind]
    for kind in ("number", "integer", "boolean", "text", "timestamp")
}
LITERALS = {
    "number": st.sampled_from([0.0, -0.0, 0.5, -3.0, 1e300]),
    "integer": st.sampled_from([0, 1, -1, 7, -60, 2**62]),
    "boolean": st.booleans(),
    "text": st.sampled_from(["", "AA", "é", "🛫"]),
}

SETTINGS = settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@st.composite
def expressions(draw, kind, depth):
    """A function from columns to an expression of a kind, as (x) -> Expression."""
    if depth == 0:
        name = draw(st.sampled_from(NAMES[kind]))
        return lambda x: x[name]
    below = depth - 1

    def one(kind):
        return draw(expressions(kind, draw(st.integers(0, below))))

    def other(kind):
        if draw(st.integers(0, 3)) == 0:
            value = draw(LITERALS[kind])
            return lambda x: value
        return one(kind)

    choice = draw(st.sampled_from(FORMS[kind]))
    return choice(draw, one, other)


def _arithmetic(kind, signs):
    def form(draw, one, other):
        left, right, sign = one(kind), other(kind), draw(st.sampled_from(signs))
        operations = {
            "+": lambda x: left(x) + right(x),
            "-": lambda x: left(x) - right(x),
            "*": lambda x: left(x) * right(x),
            "/": lambda x: left(x) / right(x),
            "//": lambda x: left(x) // right(x),
            "%": lambda x: left(x) % right(x),
        }
        return operations[sign]

    return form


def _mixed(draw, one, other):
    left, right = one("integer"), one("number")
    return lambda x: left(x) * right(x)


def _choose(kind):
    def form(draw, one, other):
        condition, left, right = one("boolean"), one(kind), other(kind)
        return lambda x: ops.where(condition(x), left(x), right(x))

    return form


def _fill(kind):
    def form(draw, one, other):
        value, filling = one(kind), other(kind)
        return lambda x: value(x).fill_null(filling(x))

    return form


def _cast(source, target):
    def form(draw, one, other):
        value = one(source)
        return lambda x: value(x).cast(target)

    return form


def _compare(kind):
    def form(draw, one, other):
        left, right = one(kind), other(kind)
        sign = draw(st.sampled_from(["==", "!="] if kind == "text" else ["==", "!=", "<", "<=", ">", ">="]))
        operations = {
            "==": lambda x: left(x) == right(x),
            "!=": lambda x: left(x) != right(x),
            "<": lambda x: left(x) < right(x),
            "<=": lambda x: left(x) <= right(x),
            ">": lambda x: left(x) > right(x),
            ">=": lambda x: left(x) >= right(x),
        }
        return operations[sign]

    return form


def _logic(draw, one, other):
    left, right, sign = one("boolean"), other("boolean"), draw(st.sampled_from("&|~"))
    operations = {"&": lambda x: left(x) & right(x), "|": lambda x: left(x) | right(x), "~": lambda x: ~left(x)}
    return operations[sign]


def _is_null(draw, one, other):
    value = one(draw(st.sampled_from(["number", "integer", "boolean", "text"])))
    return lambda x: value(x).is_null()


def _power(draw, one, other):
    value, exponent = one("number"), draw(st.sampled_from([2, 3, 0.5]))
    return lambda x: value(x) ** exponent


def _cross(draw, one, other):
    parts = [one("text"), one(draw(st.sampled_from(["text", "integer"])))]
    return lambda x: ops.cross(*(part(x) for part in parts))


def _vocabulary(draw, one, other):
    value = one(draw(st.sampled_from(["text", "integer", "boolean"])))
    top_k, num_oov = draw(st.sampled_from([None, 1, 3])), draw(st.sampled_from([0, 0, 5]))
    return lambda x: ops.vocabulary(value(x), top_k=top_k, num_oov=num_oov)


def _bucketize(draw, one, other):
    value = one(draw(st.sampled_from(["number", "integer"])))
    return lambda x: ops.bucketize(value(x), boundaries=[-1.0, 0.0, 3.5])


FORMS = {
    "number": [
        _arithmetic("number", ["+", "-", "*", "/", "//", "%"]),
        _arithmetic("number", ["+", "-", "*", "/"]),
        _mixed,
        _choose("number"),
        _fill("number"),
        _cast("integer", "number"),
        _power,
        _vocabulary,
        _bucketize,
    ],
    "integer": [
        _arithmetic("integer", ["+", "-", "*", "//", "%"]),
        _choose("integer"),
        _fill("integer"),
        _cast("number", "integer"),
        _cast("boolean", "integer"),
        _cast("timestamp", "integer"),
    ],
    "boolean": [
        _compare("number"),
        _compare("integer"),
        _compare("text"),
        _logic,
        _is_null,
        _choose("boolean"),
        _fill("boolean"),
        _cast("number", "boolean"),
    ],
    "text": [_cross, _choose("text"), _fill("text"), _cast("integer", "text")],
    "timestamp": [lambda draw, one, other: lambda x: x.w],
}


@st.composite
def functions(draw):
    """A feature function of one to five features."""
    kinds = draw(st.lists(st.sampled_from(["number", "integer", "boolean"]), min_size=1, max_size=5))
    parts = [draw(expressions(kind, draw(st.integers(1, 4)))) for kind in kinds]
    return lambda x: {f"f{index}": part(x) for index, part in enumerate(parts)}


def evaluate(traced, rows, fitted):
    """The features by `meaning`, node by node over whole columns of Python values."""
    both = fitted + rows
    columns, kinds = [], []
    for node in traced.nodes:
        parameters, inputs = node.parameters, [columns[item] for item in node.inputs]
        known = [kinds[item] for item in node.inputs]
        columns.append(_column(node.op, parameters, inputs, known, both, len(fitted)))
        kinds.append(_kind(node.op, parameters, known))
    found = {}
    for name, index in traced.features:
        values = [np.nan if value is None else float(value) for value in columns[index][len(fitted) :]]
        with np.errstate(over="ignore"):
            found[name] = np.array(values, np.float64).astype(np.float32)
    return found


def _kind(op, parameters, known):
    if op == "column":
        return next(column.kind for column in COLUMNS if column.name == parameters["name"])
    if op == "literal":
        return parameters["kind"]
    if op == "arithmetic":
        return "number" if "number" in known or parameters["operator"] == "/" else "integer"
    if op in ("comparison", "logic", "is_null"):
        return "boolean"
    if op == "cast":
        return parameters["kind"]
    if op == "cross":
        return "text"
    if op in ("where", "fill_null"):
        joined = known[-2:]
        return max(joined, key=meaning.TOWER.index) if set(joined) <= set(meaning.TOWER) else joined[0]
    return "number"


def _column(op, parameters, inputs, known, both, num_fitted):
    if op == "column":
        return [row[parameters["name"]] for row in both]
    if op == "literal":
        return [parameters["value"]] * len(both)
    rows = list(zip(*inputs, strict=True))
    if op == "arithmetic":
        sign = parameters["operator"]
        whole = "number" not in known and sign != "/"
        return [meaning.arithmetic(sign, *row, as_integers=whole) for row in rows]
    if op == "comparison":
        return [meaning.comparison(parameters["operator"], *row) for row in rows]
    if op == "logic":
        makes = {"and": meaning.logic_and, "or": meaning.logic_or, "not": meaning.logic_not}
        return [makes[parameters["operator"]](*row) for row in rows]
    if op == "is_null":
        return [row[0] is None for row in rows]
    if op == "fill_null":
        return [second if first is None else first for first, second in rows]
    if op == "where":
        return [chosen if condition else otherwise for condition, chosen, otherwise in rows]
    if op == "power":
        return [meaning.power(row[0], parameters["exponent"]) for row in rows]
    if op == "cross":
        return [None if None in row else "\x1f".join(str(item) for item in row) for row in rows]
    if op == "cast":
        makes = {
            "number": float,
            "integer": meaning.to_integer if known[0] == "number" else int,
            "boolean": bool,
            "text": str,
        }
        return [None if row[0] is None else makes[parameters["kind"]](row[0]) for row in rows]
    if op == "bucketize":
        return [meaning.bucket(row[0], parameters["boundaries"]) for row in rows]
    values = inputs[0]
    words = meaning.vocabulary(values[:num_fitted], top_k=parameters.get("top_k"))
    return [meaning.code(value, words, parameters.get("num_oov", 0)) for value in values]


def clean(rows):
    """Null for NaN, floats for the integers a number column may be given."""
    numbers = [column.name for column in COLUMNS if column.kind == "number"]
    cleaned = [
        {name: None if value is None or value != value else value for name, value in row.items()} for row in rows
    ]
    for row in cleaned:
        for name in numbers:
            row[name] = meaning.number(row[name])
    return cleaned


@SETTINGS
@given(functions(), rows_of(COLUMNS, max_rows=10), rows_of(COLUMNS, max_rows=10))
def test_any_features_mean_one_thing(function, fitted, others):
    """The graph, and plain Python node by node, give the same features of fitted rows and of others."""
    fitted, others = clean(fitted), clean(others)
    graph = transform(function, Dataset.from_arrow(table_of(fitted, COLUMNS)))
    got = served_matrix(graph, others, 100)
    expected = evaluate(trace(function), others, fitted)
    for index, name in enumerate(graph.feature_names):
        np.testing.assert_array_equal(got[:, index], expected[name], err_msg=graph.expressions.text(index))


@SETTINGS
@given(functions(), rows_of(COLUMNS, max_rows=10), st.randoms(use_true_random=False))
def test_any_features_are_served_as_materialised(function, rows, order):
    """Bytes: any table at once, or row by row in batches of every awkward size."""
    graph = transform(function, Dataset.from_arrow(table_of(clean(rows), COLUMNS)))
    many = clean(rows) * (104 // max(1, len(rows)))
    order.shuffle(many)
    table = graph.apply(table_of(many, COLUMNS))
    whole = np.stack([column.to_numpy() for column in table.columns], axis=1)
    for batch_rows in BATCHES:
        assert served_matrix(graph, many, batch_rows).tobytes() == whole.tobytes(), f"batch of {batch_rows}"


@settings(SETTINGS, max_examples=15)
@given(functions(), rows_of(COLUMNS, max_rows=6))
def test_onnx_reference_computes_the_same(function, rows):
    """onnx.reference agrees wherever it has the operators: no MurmurHash3, no digits, no remainders or int division."""
    traced = trace(function)
    for node in traced.nodes:
        if node.op == "power" or node.parameters.get("operator") in ("//", "%") or node.parameters.get("num_oov"):
            return
        if (node.parameters.get("kind") == "text" and node.op == "cast") or node.op == "cross":
            return
    rows = [*clean(rows), {column.name: None for column in COLUMNS}]
    graph = transform(traced, Dataset.from_arrow(table_of(rows, COLUMNS)))
    np.testing.assert_array_equal(reference_matrix(graph, rows), served_matrix(graph, rows, 100))


@SETTINGS
@given(functions())
def test_any_features_travel(function):
    """Plain data and back: the same nodes, key and graph."""
    traced = trace(function)
    again = type(traced).from_plain(traced.to_plain())
    assert (again.nodes, again.features, again.key) == (traced.nodes, traced.features, traced.key)
