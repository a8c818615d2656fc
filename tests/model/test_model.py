"""Models on disk: what is refused, what is proved, and that a host that differs says where."""

import hashlib
import json

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from onnx import TensorProto, helper

from headrace.errors import HostDiffers, InvalidInput, StoreError, StoreTooNew, UnknownName
from headrace.model import GraphBuilder, InputColumn, Model, Signature, open_session
from headrace.model.checks import check_graph
from headrace.model.golden import MAX_GOLDEN_ROWS, golden_inputs

COLUMNS = (
    InputColumn("distance", "number"),
    InputColumn("flight", "integer", min=-5, max=10),
    InputColumn("carrier", "text"),
    InputColumn("is_weekend", "boolean"),
    InputColumn("time_hour", "timestamp", is_nullable=False),
)
NAMES = ("distance", "flight", "carrier", "is_weekend", "hour")


def graph_of(factor=0.5):
    """A small model by hand: five features, a weighted difference as margin."""
    builder = GraphBuilder(COLUMNS)
    code = builder.node(
        "LabelEncoder",
        [builder.column("carrier").name],
        domain="ai.onnx.ml",
        keys_strings=["AA", "\x00null"],
        values_floats=[0.0, 1.0],
        default_float=2.0,
    )
    hour = builder.node("Mod", [builder.column("time_hour").name, builder.integer(24)])
    pieces = [
        builder.as_number(builder.column("distance")),
        builder.as_number(builder.column("flight")),
        builder.cast(code, np.float64),
        builder.as_number(builder.column("is_weekend")),
        builder.cast(hour, np.float64),
    ]
    features = builder.cast(builder.node("Concat", pieces, axis=1), np.float32)
    distance = builder.where(builder.is_null(builder.column("distance")), builder.number(0.0), pieces[0])
    margin = builder.node("Sub", [builder.cast(distance, np.float32), builder.cast(pieces[2], np.float32)])
    margin = builder.node("Mul", [margin, builder.constant(np.array([factor], np.float32))])
    outputs = {
        "prediction": (builder.node("Sigmoid", [margin]), np.float32, 1),
        "margin": (margin, np.float32, 1),
        "features": (features, np.float32, 5),
    }
    return builder.finish(outputs)


def rows(number=20):
    """Raw rows with a null in every column that may have one."""
    random = np.random.default_rng(0)
    return pa.table(
        {
            "distance": pa.array(random.normal(size=number), mask=random.random(number) < 0.2),
            "flight": pa.array(random.integers(-5, 11, number), mask=random.random(number) < 0.2),
            "carrier": pa.array(random.choice(["AA", "UA", "ß"], number), mask=random.random(number) < 0.2),
            "is_weekend": pa.array(random.random(number) < 0.5, mask=random.random(number) < 0.2),
            "time_hour": pa.array(random.integers(0, 10**15, number), pa.timestamp("us")),
        }
    )


@pytest.fixture(scope="module")
def model():
    """The model by hand, with golden rows from real ones."""
    signature = Signature(
        COLUMNS,
        "binary",
        NAMES,
        label="late",
        fitted_parts={"2013-01/train": "ab" * 32},
        num_rows=18,
        num_dropped=2,
        trainer={"trainer": "ByHand", "factor": 0.5},
    )
    return Model(graph_of(), signature, native_files={"model.txt": b"by hand"}, sample=rows())


@pytest.fixture
def folder(model, tmp_path):
    """The model on disk."""
    model.save(tmp_path / "deep" / "model")
    return tmp_path / "deep" / "model"


def test_what_is_saved_is_what_is_loaded(model, folder):
    """Every part comes back; saving again gives the same bytes in every file."""
    loaded = Model.load(folder)
    assert loaded.digest == model.digest
    assert loaded.signature == model.signature
    assert loaded.native_files == model.native_files == {"model.txt": b"by hand"}
    assert loaded.predict(rows()).equals(model.predict(rows()))
    loaded.save(folder.parent / "again")
    files = sorted(path.name for path in folder.iterdir())
    assert files == ["card.md", "golden.parquet", "model.onnx", "model.txt", "signature.json"]
    for name in files:
        assert (folder / name).read_bytes() == (folder.parent / "again" / name).read_bytes(), name
    assert "learns `late`" in (folder / "card.md").read_text()


def test_the_digest_is_of_graph_and_signature(model):
    """Native files and golden rows follow from these; a changed constant or column is another model."""
    assert Model(model.onnx, model.signature).digest == model.digest
    assert Model(graph_of(0.25), model.signature).digest != model.digest
    other = Signature(COLUMNS, "regression", NAMES)
    assert Model(model.onnx, other).digest != model.digest


def test_predictions_of_tables_batches_lanes_and_nothing(model):
    """Every way of asking gives the same float32 bytes; no rows, no predictions."""
    table = rows()
    whole = model.predict(table)
    assert whole.column_names == ["prediction", "margin"]
    assert whole.schema.types == [pa.float32(), pa.float32()]
    assert model.predict(table.to_batches()[0]).equals(whole)
    lanes = model.codec.from_batch(table)
    found = model.predict_lanes(lanes, ("margin", "prediction", "features"))
    assert found["prediction"].shape == (20,)
    assert found["features"].shape == (20, 5)
    assert found["prediction"].tobytes() == np.array(whole["prediction"]).tobytes()
    assert model.predict(table.slice(0, 0)).num_rows == 0
    assert model.predict(table.append_column("late", pa.array([True] * 20))).equals(whole)
    with pytest.raises(UnknownName, match="'carrier'"):
        model.predict(table.drop_columns("carrier"))


def test_features_against_numpy(model):
    """What the graph computes is what NumPy does."""
    table = rows()
    features = model.predict_lanes(model.codec.from_batch(table), ("features",))["features"]
    carriers = [{"AA": 0.0, None: 1.0}.get(text, 2.0) for text in table["carrier"].to_pylist()]
    expected = np.array(
        [
            [np.nan if value is None else value for value in table["distance"].to_pylist()],
            [np.nan if value is None else value for value in table["flight"].to_pylist()],
            carriers,
            [np.nan if value is None else value for value in table["is_weekend"].to_pylist()],
            np.array(table["time_hour"].cast(pa.int64())) % 24,
        ],
        np.float64,
    ).T.astype(np.float32)
    np.testing.assert_array_equal(features, expected)


def test_golden_rows_hold_edges_and_real_rows():
    """Each column's nulls, extremes and range ends are there, within ranges, and at most 300 rows in all."""
    golden = golden_inputs(COLUMNS, rows(1000))
    assert golden.num_rows == MAX_GOLDEN_ROWS
    values = {name: golden[name].to_pylist() for name in ("distance", "flight", "carrier", "is_weekend")}
    assert all(None in column for column in values.values())
    assert {-5, 10} <= set(values["flight"])
    assert all(value is None or -5 <= value <= 10 for value in values["flight"])
    assert {"", "null", "never seen"} <= set(values["carrier"])
    assert {True, False} <= set(values["is_weekend"])
    assert {float("inf"), float("-inf"), 5e-324} <= set(values["distance"])
    assert golden["time_hour"].null_count == 0
    assert golden.equals(golden_inputs(COLUMNS, rows(1000)))
    assert 20 <= golden_inputs(COLUMNS).num_rows <= MAX_GOLDEN_ROWS
    narrow = (InputColumn("x", "integer", is_nullable=False, min=3, max=4),)
    assert set(golden_inputs(narrow)["x"].to_pylist()) == {3, 4}


def rewrite(folder, name, data):
    """Replace a file and its sha256, as someone would who means it."""
    (folder / name).write_bytes(data)
    record = json.loads((folder / "signature.json").read_bytes())
    record["files"][name] = hashlib.sha256(data).hexdigest()
    record.pop("sha256", None)  # models of before 28 November 2026 have none
    (folder / "signature.json").write_text(json.dumps(record))


def change_golden(folder, column, row, change):
    """Change one stored output."""
    table = pq.read_table(folder / "golden.parquet")
    values = table[column].to_pylist()
    values[row] = change(values[row])
    index = table.schema.get_field_index(column)
    table = table.set_column(index, column, pa.array(values, table.schema.field(index).type))
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    rewrite(folder, "golden.parquet", sink.getvalue().to_pybytes())


def test_a_host_that_differs_by_one_bit_is_refused(folder):
    """The message names the row, the output and the feature; a tolerance lets it pass."""
    change_golden(folder, "@output.margin", 0, lambda value: float(np.nextafter(np.float32(value), np.float32(9))))
    with pytest.raises(HostDiffers, match=r"golden row 0 .*margin") as caught:
        Model.load(folder)
    assert f"1 of {pq.read_table(folder / 'golden.parquet').num_rows} rows differ" in str(caught.value)
    assert Model.load(folder, tolerance=1e-5).columns == COLUMNS
    change_golden(folder, "@output.features", 0, lambda value: [*value[:4], value[4] + 1.0])
    with pytest.raises(HostDiffers, match=r"row 0 .*features, column 'hour'"):
        Model.load(folder)
    with pytest.raises(HostDiffers, match="hour"):
        Model.load(folder, tolerance=0.5)


@pytest.mark.parametrize("name", ["model.onnx", "golden.parquet", "card.md", "model.txt"])
def test_a_damaged_or_missing_file_is_named(folder, name):
    """One flipped bit, a cut or a missing file: the error says which, and loads nothing."""
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    for broken in (bytes(data), bytes(data[:-1])):
        (folder / name).write_bytes(broken)
        with pytest.raises(InvalidInput, match=f"damaged.*{name}"):
            Model.load(folder)
    (folder / name).unlink()
    with pytest.raises(InvalidInput, match=name):
        Model.load(folder)


def test_a_flipped_byte_is_refused_wherever_it_is(folder):
    """Every file, at places spread over it: the error names the file, says that it is damaged, and loads nothing.

    signature.json too, whose words (a class, a range, a trainer's parameter) no golden row would miss.
    """
    files = {item.name: item.read_bytes() for item in folder.iterdir()}
    assert {"signature.json", "model.onnx", "golden.parquet", "card.md"} < set(files)
    for name, data in files.items():
        number = 300 if name == "signature.json" else 3
        for place in sorted({len(data) * turn // number for turn in range(number)}):
            broken = bytearray(data)
            broken[place] ^= 1
            if name == "signature.json" and _is_same_json(data, bytes(broken)):
                continue
            (folder / name).write_bytes(broken)
            with pytest.raises((InvalidInput, StoreTooNew)) as caught:
                Model.load(folder)
            assert str(folder / name) in str(caught.value), (name, place)
            assert "damaged" in str(caught.value) or name == "signature.json", (name, place)
        (folder / name).write_bytes(data)
    assert Model.load(folder).columns == COLUMNS


def _is_same_json(one, other):
    try:
        return json.loads(one) == json.loads(other)
    except ValueError:
        return False


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda record: record["signature"].update(format=2), StoreTooNew),
        (lambda record: record["signature"].update(format=0), InvalidInput),
        (lambda record: record["signature"].update(task="other"), InvalidInput),
        (lambda record: record["signature"].update(outputs=["margin"]), InvalidInput),
        (lambda record: record["signature"].pop("columns"), InvalidInput),
        (lambda record: record["signature"]["columns"][0].update(kind="other"), InvalidInput),
        (lambda record: record["signature"]["columns"][0].update(more=1), InvalidInput),
        (lambda record: record.pop("files"), InvalidInput),
        (lambda record: record["files"].pop("model.onnx"), InvalidInput),
        (lambda record: record["files"].update({"../model.onnx": "00"}), InvalidInput),
        (lambda record: record["files"].update({"/etc/passwd": "00"}), InvalidInput),
        (lambda record: record["signature"]["columns"].reverse(), InvalidInput),
    ],
)
def test_a_signature_that_is_none_is_refused(folder, change, error):
    """A newer format says upgrade; anything else that does not fit says what it is, in one error."""
    record = json.loads((folder / "signature.json").read_bytes())
    del record["sha256"]
    change(record)
    (folder / "signature.json").write_text(json.dumps(record))
    with pytest.raises((error, HostDiffers) if error is InvalidInput else error):
        Model.load(folder)


def test_a_folder_that_is_no_model_is_refused(tmp_path):
    """An empty folder, a missing one, and JSON that is something else."""
    for prepare in (
        lambda: None,
        lambda: (tmp_path / "signature.json").write_text("[]"),
        lambda: (tmp_path / "signature.json").write_text("{"),
    ):
        prepare()
        with pytest.raises(InvalidInput, match=r"signature\.json"):
            Model.load(tmp_path)
    with pytest.raises(InvalidInput, match="folder of a saved model"):
        Model.load(tmp_path / "none")


def test_a_read_only_folder_is_one_clear_error(model, tmp_path):
    """What the disk refuses is a StoreError that names the place."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="file"):
        model.save(tmp_path / "file")


def test_native_files_have_plain_names(model):
    """A name cannot lead out of the folder, nor hide a file of the model."""
    for name in ("../x", "/x", "", ".hidden", "a/b", "model.onnx", "signature.json"):
        with pytest.raises(InvalidInput, match="native file"):
            Model(model.onnx, model.signature, native_files={name: b""})


def tiny(*, domain="", op_type="Identity", tensor=None, inner=None, functions=(), opsets=()):
    """A graph that has what is asked for."""
    nodes = [helper.make_node(op_type, ["number"], ["prediction"], domain=domain)]
    if tensor is not None:
        nodes.append(helper.make_node("Constant", [], ["c"], value=tensor))
    if inner is not None:
        body = helper.make_graph(inner, "inner", [], [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])])
        nodes.append(helper.make_node("If", ["condition"], ["z"], then_branch=body, else_branch=body))
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("number", TensorProto.DOUBLE, ["N", 1])],
        [helper.make_tensor_value_info("prediction", TensorProto.DOUBLE, ["N", 1])],
    )
    imports = [helper.make_opsetid("", 21), *(helper.make_opsetid(name, 1) for name in opsets)]
    return helper.make_model(graph, opset_imports=imports, functions=list(functions))


def external(name="weights"):
    """A tensor that lies in another file."""
    tensor = helper.make_tensor(name, TensorProto.FLOAT, [1], [0.0])
    tensor.ClearField("float_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "/etc/passwd"
    return tensor


def test_graphs_that_reach_outside_are_refused():
    """External data, foreign operators and functions, wherever they hide, never reach ONNX Runtime."""
    check_graph(tiny().SerializeToString())
    check_graph(tiny(domain="com.microsoft", op_type="MurmurHash3", opsets=["com.microsoft"]).SerializeToString())
    initial = tiny()
    initial.graph.initializer.append(external())
    function = helper.make_function(
        "mine", "f", ["x"], ["y"], [helper.make_node("Identity", ["x"], ["y"])], [helper.make_opsetid("", 21)]
    )
    bad = {
        "lies in another file": [
            initial,
            tiny(tensor=external()),
            tiny(inner=[helper.make_node("Constant", [], ["y"], value=external())]),
        ],
        "not allowed": [
            tiny(domain="com.microsoft", op_type="FusedConv", opsets=["com.microsoft"]),
            tiny(opsets=["my.domain"]),
            tiny(domain="my.domain"),
            tiny(inner=[helper.make_node("Evil", [], ["y"], domain="my.domain")]),
            tiny(functions=[function]),
        ],
    }
    for what, graphs in bad.items():
        for graph in graphs:
            with pytest.raises(InvalidInput, match=what):
                check_graph(graph.SerializeToString())
    for data in (b"", b"\x00", b"not onnx", onnx.ModelProto().SerializeToString(), graph_of()[:-10]):
        with pytest.raises(InvalidInput):
            check_graph(data)


def test_a_graph_from_a_file_is_checked_before_it_runs(folder):
    """Even where sha256 and golden rows fit, external data is refused."""
    graph = onnx.load_from_string((folder / "model.onnx").read_bytes())
    graph.graph.initializer.append(external("unused"))
    rewrite(folder, "model.onnx", graph.SerializeToString())
    with pytest.raises(InvalidInput, match="another file"):
        Model.load(folder)


def test_a_file_that_is_too_large_is_not_read(folder):
    """The size is looked at first: a sparse file of gigabytes costs nothing."""
    with (folder / "model.onnx").open("r+b") as file:
        file.truncate(5 << 30)
    with pytest.raises(InvalidInput, match=r"5,368,709,120 bytes"):
        Model.load(folder)


def test_a_session_refuses_what_is_no_graph():
    """ONNX Runtime's own errors become ours."""
    with pytest.raises(InvalidInput, match="ONNX Runtime refuses"):
        open_session(b"not a graph")
