"""Tracing: what a feature function does becomes plain data; what it cannot mean is refused at its line."""

import ast
import dataclasses
import datetime
import functools
import inspect
import json
from pathlib import Path

import numpy as np
import pytest

from headrace import lookup
from headrace.errors import HeadraceError, InvalidInput, Misuse, UnknownName
from headrace.transformation import Expressions, ops, trace
from headrace.transformation._recording import Expression


def test_the_demo_in_plain_data():
    """Nodes come in the order they are needed, features in the order of the dict, and JSON carries it all."""

    def features(x):
        return {
            "delay": ops.z_score(x.dep_delay),
            "route": ops.vocabulary(ops.cross(x.origin, x["dest"]), num_oov=16),
            "hour": x.hour,
        }

    traced = trace(features)
    assert traced.column_names == ("dep_delay", "origin", "dest", "hour")
    assert [name for name, _ in traced.features] == ["delay", "route", "hour"]
    assert [traced.text(index) for _, index in traced.features] == [
        "z_score(x.dep_delay)",
        "vocabulary(cross(x.origin, x.dest), num_oov=16)",
        "x.hour",
    ]
    again = Expressions.from_plain(json.loads(json.dumps(traced.to_plain())))
    assert (again, again.key, again.places) == (traced, traced.key, traced.places)


def test_equal_functions_have_equal_keys():
    """A closure, a lambda, a partial and a comprehension that mean the same are the same."""
    names = ["a", "b"]

    def closure(x):
        return {name: x[name] + 1 for name in names}

    def other(x, step):
        one = x.a + step  # a comment
        return {"a": one, "b": x.b + step}

    keys = {
        trace(closure).key,
        trace(lambda x: {"a": x.a + 1, "b": x.b + 1}).key,
        trace(functools.partial(other, step=1)).key,
    }
    assert len(keys) == 1


def test_what_means_something_else_has_another_key():
    """Order of features, names, literals' kinds and the sign of zero are all in the key."""
    functions = [
        lambda x: {"a": x.a, "b": x.b},
        lambda x: {"b": x.b, "a": x.a},
        lambda x: {"a": x.a, "c": x.b},
        lambda x: {"a": x.a + 1},
        lambda x: {"a": x.a + 1.0},
        lambda x: {"a": x.a + True},
        lambda x: {"a": x.a * 0.0},
        lambda x: {"a": x.a * -0.0},
        lambda x: {"a": x.a - x.b},
        lambda x: {"a": x.b - x.a},
        lambda x: {"a": ops.bucketize(x.a, num_buckets=2)},
        lambda x: {"a": ops.bucketize(x.a, num_buckets=3)},
    ]
    assert len({trace(function).key for function in functions}) == len(functions)


def test_shared_nodes_are_one():
    """The same expression written twice is one node; doubling a value fifty times is fifty nodes."""

    def features(x):
        value = x.a
        for _ in range(50):
            value = value + value
        return {"a": value, "b": x.a + x.a}

    traced = trace(features)
    assert len(traced.nodes) == 51
    assert len(traced.text(50)) < 10_000


def test_a_chain_of_five_thousand_operators():
    """Depth does not meet the recursion limit."""

    def features(x):
        value = x.a
        for step in range(5000):
            value = value + step
        return {"a": value}

    assert len(trace(features).nodes) == 10_001


def test_the_line_is_kept_beside_and_not_in_the_key():
    """Each node knows the line it was written on; the key does not."""

    def features(x):
        delay = x.delay
        return {"late": delay > 15}

    first = inspect.getsourcelines(features)[1]
    traced = trace(features)
    assert traced.places[0] == f"test_tracing.py, line {first + 1}"
    assert traced.places[2] == f"test_tracing.py, line {first + 2}"
    plain = traced.to_plain()
    del plain["places"]
    assert Expressions.from_plain(plain).key == traced.key


def test_literals_of_every_kind():
    """NumPy scalars are their Python values; a datetime without a zone is UTC."""
    zone = datetime.timezone(datetime.timedelta(hours=2))
    for value, kind, stored in (
        (True, "boolean", True),
        (np.bool_(False), "boolean", False),
        (3, "integer", 3),
        (np.int32(3), "integer", 3),
        (2.5, "number", 2.5),
        (np.float32(2.5), "number", 2.5),
        ("é", "text", "é"),
        (datetime.datetime(1970, 1, 1, 0, 0, 1), "timestamp", 1_000_000),
        (datetime.datetime(1970, 1, 1, 2, 0, 1, tzinfo=zone), "timestamp", 1_000_000),
        (None, "null", None),
    ):
        node = trace(lambda x, value=value: {"a": ops.where(x.f, x.a, value)}).nodes[2]
        assert (node.parameters["kind"], node.parameters["value"]) == (kind, stored)
        assert type(node.parameters["value"]) is type(stored)


def test_numpy_scalars_on_the_left():
    """np.float64(2) * x.a records what 2.0 * x.a does."""
    assert trace(lambda x: {"a": np.float64(2) * x.a}).key == trace(lambda x: {"a": 2.0 * x.a}).key
    assert trace(lambda x: {"a": np.int64(2) - x.a}).key == trace(lambda x: {"a": 2 - x.a}).key


MISUSES = [
    (lambda x: {"a": x.a and x.b}, Misuse, "no truth value"),
    (lambda x: {"a": 1 if x.a > 5 else 2}, Misuse, "ops.where"),
    (lambda x: {"a": not x.a}, Misuse, "no truth value"),
    (lambda x: {"a": 0 < x.a < 5}, Misuse, "no truth value"),
    (lambda x: {"a": x.a in (1, 2)}, Misuse, "no truth value"),
    (lambda x: {"a": float(x.a)}, Misuse, "no value"),
    (lambda x: {"a": int(x.a)}, Misuse, "no value"),
    (lambda x: {"a": range(x.a)}, Misuse, "no value"),
    (lambda x: {"a": len(x.a)}, Misuse, "no value"),
    (lambda x: {"a": list(x.a)}, Misuse, "no value"),
    (lambda x: {"a": x.a[0]}, Misuse, "no value"),
    (lambda x: {"a": x.a()}, Misuse, "no value"),
    (lambda x: {"a": f"{x.a}"}, Misuse, "no value"),
    (lambda x: {"a": str(x.a)}, Misuse, "no value"),
    (lambda x: {"a": np.log(x.a)}, Misuse, "numpy.log cannot be recorded"),
    (lambda x: {"a": np.array(x.a)}, Misuse, "no value"),
    (lambda x: {"a": x.a**x.b}, Misuse, "exponent"),
    (lambda x: {"a": 2**x.b}, Misuse, "exponent"),
    (lambda x: {"a": x.a == None}, Misuse, "is_null"),  # noqa: E711
    (lambda x: {"a": x.a + object()}, Misuse, "object cannot stand in an expression"),
    (lambda x: {"a": x.a + {1: 2}}, Misuse, "dict cannot stand"),
    (lambda x: {"a": x.a + 2**63}, InvalidInput, "64 bits"),
    (lambda x: {"a": x.a == "\x00null"}, InvalidInput, "U\\+0000"),
    (lambda x: {"a": x.a == "\ud800"}, InvalidInput, "valid Unicode"),
    (lambda x: {"a": x.a.is_nul()}, UnknownName, "did you mean 'is_null'"),
    (lambda x: {"a": x.a.mean()}, UnknownName, "method of an expression"),
    (lambda x: {"a": x.a.cast("float")}, UnknownName, "kind to cast to"),
    (lambda x: {"a": ops.z_score(5)}, Misuse, "no column"),
    (lambda x: {"a": ops.bucketize(x.a, 10)}, Misuse, "num_buckets=10"),
    (lambda x: {"a": ops.bucketize(x.a)}, InvalidInput, "num_buckets or boundaries"),
    (lambda x: {"a": ops.bucketize(x.a, buckets=3)}, UnknownName, "did you mean 'num_buckets'"),
    (lambda x: {"a": ops.cross(x.a)}, Misuse, "2 or more"),
    (lambda x: {"a": ops.where(x.a, 1)}, Misuse, "was given 2 inputs"),
    (lambda x: {"a": ops.cast(x.a)}, Misuse, "kind"),
    (lambda x: {"a": [y.z for y in x]}, Misuse, "looped"),
    (lambda x: {"a": x[0]}, Misuse, "not a column's name"),
    (lambda x: setattr(x, "b", x.a), Misuse, "assigned"),
    (lambda x: {"a": setattr(x.a, "b", 1)}, Misuse, "no value"),
    (lambda x: [x.a], InvalidInput, "features returned a list"),
    (lambda x: None, InvalidInput, "features returned nothing"),
    (lambda x: x.a, InvalidInput, "features returned one expression"),
    (lambda x: {}, InvalidInput, "no feature"),
    (lambda x: {"a": 5}, InvalidInput, "feature 'a' is the constant"),
    (lambda x: {"a": {"b": x.a}}, InvalidInput, "feature 'a' is a dict"),
    (lambda x: {x.a: x.a}, InvalidInput, "cannot be a feature's name"),
    (lambda x: {"": x.a}, InvalidInput, "cannot be a feature's name"),
    (lambda x: {"a\x00": x.a}, InvalidInput, "cannot be a feature's name"),
]


@pytest.mark.parametrize(("function", "error", "message"), MISUSES)
def test_misuse_is_refused_at_its_line(function, error, message):
    """What cannot be recorded is one clear error that names the user's file and line."""
    with pytest.raises(error, match=message) as caught:
        trace(function)
    assert isinstance(caught.value, HeadraceError)
    assert caught.value.where == f"test_tracing.py, line {function.__code__.co_firstlineno}"


def test_what_changes_from_call_to_call_is_refused():
    """Random numbers, the time, what a call before left behind: the graph would depend on when it was made."""
    calls = []

    def counted(x):
        calls.append(1)
        return {"b": x.b, "a": x.a + len(calls)}

    with pytest.raises(Misuse, match=r"feature 'a' was \(x.a \+ 1\), and \(x.a \+ 2\) when .* called again.*random"):
        trace(counted)
    with pytest.raises(Misuse, match=r"feature 'c' was absent, and x\.a"):
        trace(lambda x: {"a": x.a} if calls.append(1) or len(calls) % 2 else {"a": x.a, "c": x.a})
    with pytest.raises(Misuse, match=r"random numbers, the time.*out of the function") as caught:
        trace(lambda x: {"a": x.a * np.random.default_rng().random()})
    assert caught.value.where.startswith("test_tracing.py, line ")


def test_a_name_outside_is_not_assigned():
    """A counter of rows counts one: told at its line; a function's own names, and those of its functions, are free."""
    seen = 0

    def counts(x):
        nonlocal seen
        seen += 1
        return {"a": x.a}

    def counts_globally(x):
        global _ROWS_SEEN
        _ROWS_SEEN = 1
        return {"a": x.a}

    for function, name, line in ((counts, "seen", 2), (counts_globally, "_ROWS_SEEN", 2)):
        with pytest.raises(
            Misuse, match=f"features assigns '{name}', which is not its own.*all rows at once"
        ) as caught:
            trace(function)
        assert caught.value.where == f"test_tracing.py, line {function.__code__.co_firstlineno + line}"
    assert seen == 0

    def own(x):
        found = 0

        def inner():
            nonlocal found
            found += 1
            return x.a + found

        return {"a": inner(), "b": inner()}

    assert [node.parameters.get("value") for node in trace(own).nodes if node.op == "literal"] == [1, 2]


def test_unknown_columns_where_the_columns_are_known():
    """The nearest column is proposed, at the line; without a list every name is taken."""
    function = lambda x: {"a": x.distnace}  # noqa: E731
    with pytest.raises(UnknownName, match=r"no column named 'distnace'.*did you mean 'distance'") as caught:
        trace(function, ["distance", "carrier"])
    assert caught.value.where == f"test_tracing.py, line {function.__code__.co_firstlineno}"
    assert trace(function).column_names == ("distnace",)


def test_what_is_no_function_is_refused():
    """A dict of features is not a function of columns."""
    with pytest.raises(Misuse, match="features is a dict"):
        trace({"a": 1})


def test_the_functions_own_errors_pass_through():
    """What the user's code raises is not dressed up."""
    with pytest.raises(ZeroDivisionError):
        trace(lambda x: {"a": x.a + 1 // 0})


def test_what_is_no_expression_graph():
    """Damaged plain data is refused, whatever is missing."""
    good = trace(lambda x: {"a": x.a + 1}).to_plain()
    for damage in (
        {"format": 2},
        {"nodes": 5},
        {"nodes": [{"inputs": [0], "op": "is_null"}]},
        {"features": [["a"]]},
        {"features": [["a", 3]]},
    ):
        with pytest.raises(InvalidInput):
            Expressions.from_plain({**good, **damage})
    with pytest.raises(InvalidInput):
        Expressions.from_plain({})


def test_ops_are_found_by_name():
    """`ops` lists and finds its files, keeps the function after its file is imported, and proposes the nearest name."""
    import headrace.transformation.ops.z_score  # noqa: F401

    assert inspect.isfunction(ops.z_score)
    assert "vocabulary" in dir(ops)
    assert "num_buckets" in inspect.signature(ops.bucketize).parameters
    assert "quantiles" in inspect.getdoc(ops.bucketize)
    with pytest.raises(AttributeError, match="no op named 'z_scor'; did you mean 'z_score'"):
        ops.z_scor  # noqa: B018
    assert not hasattr(ops, "_private")


def test_every_ops_file_holds_its_class():
    """Each op's class is named like its file, and its record carries that name."""
    for name in lookup.names("op"):
        assert lookup.find("op", name).op_name() == name


def test_repr_shows_the_expression():
    """In a notebook an expression shows as it was written."""
    seen = []
    trace(lambda x: seen.append(repr((x.a + 1) / x["b c"])) or {"a": x.a})
    assert set(seen) == {'((x.a + 1) / x["b c"])'}
    assert isinstance(hash(Expression("column", {"name": "a"}, (), "")), int)


def test_the_stub_names_every_op_and_its_parameters():
    """What editors see is what there is: a new op's file asks for `make stub`."""
    stub = Path(inspect.getfile(ops)).with_suffix(".pyi")
    functions = {item.name: item for item in ast.parse(stub.read_text()).body if isinstance(item, ast.FunctionDef)}
    for name in lookup.names("op"):
        parameters = {item.name for item in dataclasses.fields(lookup.find("op", name))}
        shown = {item.arg for item in functions.pop(name).args.kwonlyargs} if name in functions else None
        assert shown == parameters, f"ops/__init__.pyi does not know {name} as it is: make stub"
    assert set(functions) == {"__getattr__", "__dir__"}, "make stub"
