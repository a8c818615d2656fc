"""Transform: types before rows, the split train, one pass a depth, and one graph for training and serving."""

import datetime
import inspect
import math

import numpy as np
import onnx
import onnxruntime
import pyarrow as pa
import pytest

from headrace.canonical import to_canonical
from headrace.dataset import Dataset
from headrace.engine import LocalEngine, build, describe
from headrace.errors import HeadraceError, InvalidInput, InvalidRequest, InvalidSchema, UnknownName
from headrace.model import GraphBuilder
from headrace.schema import Feature, Schema
from headrace.transformation import Expressions, TransformGraph, ops, trace, transform
from headrace.transformation._analysis import Derive, levels
from headrace.transformation._program import bind

FLIGHTS = pa.table(
    {
        "id": [1, 2, 3, 4, 5, 6],
        "dep_delay": [2.0, 4.0, None, math.nan, 0.0, -3.5],
        "distance": pa.array([1400, 1416, 1089, None, 762, 2475], pa.int32()),
        "carrier": pa.array(["UA", "AA", "UA", None, "", "😀"]).dictionary_encode(),
        "origin": ["EWR", "LGA", "EWR", "JFK", "LGA", "JFK"],
        "dest": ["IAH", "IAH", None, "BQN", "ATL", "LAX"],
        "delayed": [True, None, False, True, True, False],
        "when": pa.array([0, 3_600_000_000, None, -1, 86_400_000_000, 5], pa.timestamp("us", tz="UTC")),
        "late": [True, False, True, None, False, True],
        "empty": pa.array([None] * 6, pa.null()),
        "tags": pa.array([["a"]] * 6),
    }
)


def features(x):
    """The README's example and some more."""
    return {
        "dep_delay": ops.z_score(x.dep_delay),
        "distance": ops.bucketize(x.distance, num_buckets=3),
        "carrier": ops.vocabulary(x.carrier, top_k=50),
        "route": ops.vocabulary(ops.cross(x.origin, x.dest), num_oov=16),
        "hour": x.when // 3_600_000_000 % 24,
        "delayed": x.delayed,
        "far": ops.where(x.distance > 1400, x.dep_delay, None),
    }


def dataset(**roles):
    """The flights with roles."""
    return Dataset.from_arrow(FLIGHTS, **roles)


def test_the_readme_example():
    """Features come out as defined, by name, float32, NaN where null."""
    graph = transform(features, dataset(label="late", key=["id"]))
    table = graph.apply(FLIGHTS)
    assert table.column_names == list(graph.feature_names) == list(features(_Names()))
    assert set(table.schema.types) == {pa.float32()}
    delays = np.array([2.0, 4.0, 0.0, -3.5])
    nan = math.nan
    np.testing.assert_array_equal(
        table["dep_delay"].to_numpy(),
        ((np.array([2.0, 4.0, nan, nan, 0.0, -3.5]) - delays.mean()) / delays.std()).astype(np.float32),
    )
    np.testing.assert_array_equal(table["distance"].to_numpy(), [1, 2, 0, nan, 0, 2])
    np.testing.assert_array_equal(table["carrier"].to_numpy(), [0, 2, 0, nan, 1, 3])
    np.testing.assert_array_equal(table["hour"].to_numpy(), [0, 1, nan, 23, 0, 0])
    np.testing.assert_array_equal(table["delayed"].to_numpy(), [1, nan, 0, 1, 1, 0])
    np.testing.assert_array_equal(table["far"].to_numpy(), [nan, 4.0, nan, nan, nan, -3.5])
    assert graph.feature_kinds == ("numeric", "numeric", "categorical", "categorical") + ("numeric",) * 3
    assert [column.name for column in graph.columns] == [
        "dep_delay",
        "distance",
        "carrier",
        "origin",
        "dest",
        "when",
        "delayed",
    ]


class _Names:
    """Stands for the columns where only the dict's keys are wanted."""

    def __getattr__(self, name):
        from headrace.transformation._recording import Expression

        return Expression("column", {"name": name}, (), "")


def test_explain_names_every_value():
    """Each column, intermediate and feature of one row, under the expression as it was written."""
    graph = transform(features, dataset(label="late"))
    row = {name: FLIGHTS[name][1].as_py() for name in [column.name for column in graph.columns]}
    found = graph.explain(row)
    assert found["x.dest"] == "IAH"
    assert found["cross(x.origin, x.dest)"] == "LGA\x1fIAH"
    assert found["(x.distance > 1400)"] is True
    assert found["x.delayed"] is None
    assert found["delayed"] is None
    assert found["x.when"] == datetime.datetime(1970, 1, 1, 1, tzinfo=datetime.UTC)
    assert (found["(x.when // 3600000000)"], found["hour"]) == (1, 1.0)
    assert found["carrier"] == found["vocabulary(x.carrier, top_k=50)"] == 2.0
    features_table = graph.apply(FLIGHTS.slice(1, 1)).to_pylist()[0]
    assert {name: None if value != value else value for name, value in features_table.items()} == {
        name: found[name] for name in graph.feature_names
    }


def test_ops_are_fitted_on_train_alone():
    """Rows of other splits cannot be seen in the constants."""
    rng = np.random.default_rng(3)
    table = pa.table({"id": np.arange(2000), "a": rng.normal(size=2000)})
    whole = Dataset.from_arrow(table, key=["id"], split={"train": 8, "eval": 2})
    train = whole.to_arrow("train")
    assert 0 < train.num_rows < 2000
    function = lambda x: {"a": ops.z_score(x.a), "b": ops.bucketize(x.a, num_buckets=7)}  # noqa: E731
    assert transform(function, whole).digest == transform(function, Dataset.from_arrow(train)).digest
    assert transform(function, whole).digest != transform(function, Dataset.from_arrow(table)).digest


def test_workers_batches_and_order_cannot_be_seen():
    """One and four threads, any order of rows, any fragments: one artifact."""
    rng = np.random.default_rng(4)
    table = pa.table(
        {
            "a": rng.normal(size=5000) * 10.0 ** rng.integers(-8, 8, 5000),
            "t": rng.choice(["a", "b", "c"], 5000),
            "i": rng.integers(0, 9, 5000),
        }
    )

    def function(x):
        crossed = ops.cross(x.t, x.i)
        return {
            "a": ops.z_score(x.a),
            "b": ops.bucketize(x.a * 2, num_buckets=9),
            "c": ops.vocabulary(crossed),
            "d": ops.z_score(ops.vocabulary(crossed)),
        }

    digests = {
        transform(function, Dataset.from_arrow(table.take(order)), engine=LocalEngine(workers=workers)).digest
        for order in (np.arange(5000), rng.permutation(5000))
        for workers in (1, 4)
    }
    assert len(digests) == 1


def test_one_pass_a_depth_and_equal_folds_once():
    """Ops over one column share its fold; an op over a fitted op waits for the next pass."""

    class Counting(LocalEngine):
        """Writes down what each pass folds."""

        passes: list = []  # noqa: RUF012  # read by the test

        def fold(self, folds, dataset, parts, *, through=None):
            self.passes.append((len(folds), through is not None))
            return super().fold(folds, dataset, parts, through=through)

    def function(x):
        z = ops.z_score(x.dep_delay)
        return {
            "z": z,
            "b": ops.bucketize(x.dep_delay, num_buckets=3),
            "s": ops.z_score(x.dep_delay + x.distance),
            "again": ops.bucketize(z, num_buckets=2),
            "given": ops.bucketize(x.distance, boundaries=[1000]),
        }

    program = bind(trace(function), Schema.from_arrow(FLIGHTS.schema))
    assert [len(level) for level in levels(program)] == [3, 1]
    transform(function, dataset(), engine=Counting())
    assert Counting.passes == [(2, True), (1, True)]


def test_the_derived_columns_travel():
    """The work that computes columns for folds is rebuilt from plain data."""
    program = bind(trace(lambda x: {"a": x.dep_delay * 2}), Schema.from_arrow(FLIGHTS.schema))
    work = Derive(to_canonical(program.to_plain()).decode(), (2,))
    assert build(describe(work)) == work
    assert work.columns == ("dep_delay",)


def test_no_fold_no_pass():
    """Without ops to fit, no row is read: a data set that cannot be read transforms."""

    class Unreadable(LocalEngine):
        """Refuses."""

        def fold(self, *_, **__):
            raise AssertionError("read")

    graph = transform(lambda x: {"a": x.dep_delay}, dataset(), engine=Unreadable())
    assert graph.apply(FLIGHTS)["a"].to_pylist()[:2] == [2.0, 4.0]


REFUSED = [
    (lambda x: {"a": x.late}, InvalidInput, "the label 'late' is used as a feature"),
    (lambda x: {"a": x.dep_delay + ops.where(x.late, 1, 0)}, InvalidInput, "the label"),
    (lambda x: {"a": x.id}, InvalidInput, "the key 'id' is used as a feature"),
    (lambda x: {"a": x.carrier}, InvalidInput, "feature 'a' is text.*ops.vocabulary"),
    (lambda x: {"a": x.tags.is_null()}, InvalidInput, r"was given a list.*list.length\(\).is_null"),
    (lambda x: {"a": x.empty.is_null()}, InvalidInput, "kind 'null'"),
    (lambda x: {"a": x.carier.is_null()}, UnknownName, "did you mean 'carrier'"),
    (lambda x: {"a": x.carrier + 1}, InvalidInput, r"text cannot be used with \+"),
    (lambda x: {"a": x.distance & x.delayed}, InvalidInput, "integer cannot be used with &"),
    (lambda x: {"a": x.carrier == 5}, InvalidInput, "integer and text"),
    (lambda x: {"a": x.carrier < "b"}, InvalidInput, "ordered"),
    (lambda x: {"a": ops.z_score(x.carrier)}, InvalidInput, "no z-score"),
    (lambda x: {"a": ops.vocabulary(x.dep_delay)}, InvalidInput, "no vocabulary"),
    (lambda x: {"a": ops.where(x.dep_delay, 1, 2)}, InvalidInput, "condition is number"),
    (lambda x: {"a": x.when.fill_null(0.5) + 0}, InvalidInput, "number and timestamp"),
    (lambda x: {"a": ops.cross(x.carrier, x.dep_delay)}, InvalidInput, "crossed"),
    (lambda x: {"a": x.carrier.cast("number")}, InvalidInput, "cannot be cast"),
]


@pytest.mark.parametrize(("function", "error", "message"), REFUSED)
def test_refused_before_a_row_is_read_at_its_line(function, error, message):
    """A clash of types, a leak, a column there is not: one error with the user's line, and nothing is folded."""

    class Unreadable(LocalEngine):
        """Refuses."""

        def fold(self, *_, **__):
            raise AssertionError("read")

    for given in (function, trace(function)):
        with pytest.raises(error, match=message) as caught:
            transform(given, dataset(label="late", key=["id"]), engine=Unreadable())
        assert isinstance(caught.value, HeadraceError)
        assert f"test_transform.py, line {inspect.getsourcelines(function)[1]}" in caught.value.where


KEYED = [
    lambda x: {"a": x.i * 2, "z": ops.z_score_by_key(x.a, x.k)},
    lambda x: {"z": ops.bucketize_by_key(x.a, x.k.fill_null("none"), num_buckets=3)},
    lambda x: {"z": ops.target_encode(x.k)},
    lambda x: {"z": ops.target_encode(x.i)},
]


@pytest.mark.parametrize("function", KEYED)
def test_a_key_of_too_many_values_is_told_at_its_line(function, monkeypatch):
    """Whoever keys by what names rows hears it before memory is full; a forged limit stands for a million."""
    monkeypatch.setattr("headrace.fold.by_key._MOST_KEYS", 1_000)
    places = np.arange(5_000)
    columns = {"k": places.astype(str).tolist(), "i": places, "a": places * 0.5, "y": places % 2}
    with pytest.raises(InvalidInput, match=r"more than 1,000 values.*ops\.hash_bucket") as caught:
        transform(function, Dataset.from_arrow(pa.table(columns), label="y"))
    assert caught.value.where.startswith(f"test_transform.py, line {inspect.getsourcelines(function)[1]}, in ")
    assert "'@" not in str(caught.value)


def test_a_part_of_the_key_may_be_a_feature():
    """A carrier that helps to name a flight also describes it; only a whole key of one column is refused."""
    transform(lambda x: {"a": ops.vocabulary(x.carrier)}, dataset(key=["id", "carrier"]))


def test_the_schema_decides_what_may_be_null():
    """With a schema, columns that are never null have no bit, and ranges go into the graph's columns."""
    schema = Schema(
        (
            Feature("distance", "integer", min_present=1.0, min=0, max=5000),
            Feature("dep_delay", "number"),
            Feature("origin", "text", min_present=1.0),
        )
    )
    table = FLIGHTS.select(["distance", "dep_delay", "origin"]).slice(0, 3)
    graph = transform(
        lambda x: {"a": x.distance, "b": x.dep_delay, "c": ops.vocabulary(x.origin)},
        Dataset.from_arrow(table).with_schema(schema),
    )
    assert [(column.name, column.is_nullable) for column in graph.columns] == [
        ("distance", False),
        ("dep_delay", True),
        ("origin", False),
    ]
    assert (graph.columns[0].min, graph.columns[0].max) == (0, 5000)
    assert "present" not in graph.codec.from_batch(table)
    with pytest.raises(HeadraceError, match="distance"):
        graph.apply(FLIGHTS)


def test_the_graph_goes_into_a_larger_one():
    """`build` writes the features into any builder of the same columns: one graph with what comes after."""
    graph = transform(features, dataset(label="late"))
    builder = GraphBuilder(graph.columns)
    doubled = builder.node("Mul", [graph.build(builder), builder.constant(np.array([2.0], np.float32))])
    data = builder.finish({"doubled": (doubled, np.float32, len(graph.feature_names))})
    onnx.checker.check_model(onnx.load_model_from_string(data), full_check=True)
    lanes = graph.codec.from_batch(FLIGHTS)
    got = onnxruntime.InferenceSession(data).run(["doubled"], lanes)[0]
    np.testing.assert_array_equal(got, graph.matrix(lanes) * 2)


def test_the_graph_stays_small():
    """The README's features need few nodes: latency is a price a node."""
    model = onnx.load_model_from_string(transform(features, dataset(label="late")).onnx)
    assert {item.domain for item in model.opset_import} == {"", "ai.onnx.ml", "com.microsoft"}
    assert (model.ir_version, len(model.graph.input)) == (10, 4)
    assert len(model.graph.node) <= 40


def test_save_and_load(tmp_path):
    """A folder holds the whole transform; a damaged one is refused."""
    graph = transform(features, dataset(label="late"))
    graph.save(tmp_path)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["features.onnx", "graph.json"]
    loaded = TransformGraph.load(tmp_path)
    assert (loaded, loaded.onnx, loaded.columns) == (graph, graph.onnx, graph.columns)
    for name in graph.feature_names:
        np.testing.assert_array_equal(loaded.apply(FLIGHTS)[name].to_numpy(), graph.apply(FLIGHTS)[name].to_numpy())
    (tmp_path / "graph.json").write_text("{}")
    with pytest.raises(InvalidInput, match="not a transform graph"):
        TransformGraph.load(tmp_path)
    (tmp_path / "graph.json").unlink()
    with pytest.raises(InvalidInput, match="not a transform graph"):
        TransformGraph.load(tmp_path)


def test_a_flipped_byte_is_refused_wherever_it_is(tmp_path):
    """In either file, at places spread over it: damage is one error that names the folder, and nothing is loaded."""
    graph = transform(features, dataset(label="late"))
    graph.save(tmp_path)
    for name in ("graph.json", "features.onnx"):
        data = (tmp_path / name).read_bytes()
        for place in range(0, len(data), max(1, len(data) // 150)):
            broken = bytearray(data)
            broken[place] ^= 1
            (tmp_path / name).write_bytes(broken)
            with pytest.raises(InvalidInput) as caught:
                TransformGraph.load(tmp_path)
            assert str(tmp_path) in str(caught.value), (name, place)
        (tmp_path / name).write_bytes(data)
    assert TransformGraph.load(tmp_path) == graph


def test_a_graph_of_before_has_no_sum(tmp_path):
    """What was saved without the sha256 of its files is read; whoever changes one and the sum means it."""
    graph = transform(features, dataset(label="late"))
    graph.save(tmp_path)
    (tmp_path / "graph.json").write_bytes(to_canonical(graph.to_plain()))
    assert TransformGraph.load(tmp_path) == graph


def test_nothing_of_the_place_is_in_the_artifact():
    """Moving the code, or naming the file differently, leaves the digest as it was."""
    graph = transform(features, dataset(label="late"))
    plain = trace(features).to_plain()
    del plain["places"]
    moved = transform(Expressions.from_plain(plain), dataset(label="late"))
    assert moved.digest == graph.digest
    assert b"test_transform" not in to_canonical(graph.to_plain())


def test_bad_values_at_serving():
    """Unseen, null, NaN, '', emoji and the ends of int64 are answered; what is no value is refused by name."""
    graph = transform(
        lambda x: {
            "carrier": ops.vocabulary(x.carrier, num_oov=4),
            "distance": x.distance + 1,
            "delay": ops.z_score(x.dep_delay),
            "bucket": ops.bucketize(x.distance, num_buckets=3),
        },
        dataset(),
    )

    def serve(**row):
        good = {"carrier": "UA", "distance": 1400, "dep_delay": 1.0}
        return graph.matrix(graph.codec.from_rows([{**good, **row}]))[0].tolist()

    for text in ("unseen", "", "😀", "e\u0301", "a" * 10_000):
        assert 0 <= serve(carrier=text)[0] < 8
    assert math.isnan(serve(carrier=None)[0])
    assert math.isnan(serve(dep_delay=math.nan)[2])
    assert math.isnan(serve(dep_delay=None)[2])
    assert serve(dep_delay=math.inf)[2] == math.inf
    assert serve(distance=2**63 - 1)[1] == -(2.0**63)
    assert serve(distance=-(2**63))[1] == -(2.0**63)
    assert serve(distance=-(2**63))[3] == 0.0
    for row in ({"carrier": "\ud800"}, {"carrier": 5}, {"distance": 2**63}, {"distance": "5"}, {"unknown": 1}):
        with pytest.raises(InvalidRequest):
            serve(**row)


def test_a_table_that_lacks_a_column():
    """Missing columns and columns of another type are named."""
    graph = transform(features, dataset(label="late"))
    with pytest.raises(UnknownName, match="carrier"):
        graph.apply(FLIGHTS.drop_columns(["carrier"]))
    with pytest.raises(InvalidSchema, match="carrier"):
        graph.apply(FLIGHTS.set_column(3, "carrier", pa.array(range(6))))


def test_a_bad_row_deep_in_a_table_is_named():
    """The row's number is its place in the table, however it is cut for the cores."""
    schema = Schema((Feature("a", "integer", min_present=1.0),))
    fine = pa.table({"a": pa.array(range(70_000))})
    graph = transform(lambda x: {"a": x.a + 1}, Dataset.from_arrow(fine).with_schema(schema))
    np.testing.assert_array_equal(graph.apply(fine)["a"].to_numpy(), np.arange(1, 70_001))
    holed = pa.table({"a": pa.array([None if index == 69_999 else index for index in range(70_000)])})
    with pytest.raises(InvalidInput, match="row 69999"):
        graph.apply(holed)
