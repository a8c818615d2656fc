"""Train: what is fitted on, in which order, what is left out and what is recorded."""

import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import headrace as hr
from headrace.errors import InvalidInput, Misuse, UnknownName
from headrace.model import Model
from headrace.testing.trainer_cases import NumberGraph
from headrace.training import Features, Predictor, Trainer, train
from headrace.training._materialise import materialise
from headrace.transformation import transform

ops = hr.ops


def flights(num_rows=600, seed=0):
    """Rows with every kind of column, nulls in each, label nulls among them."""
    random = np.random.default_rng(seed)

    def some(values, share=0.1):
        return pa.array(values, mask=random.random(num_rows) < share)

    delay = random.normal(10, 20, num_rows)
    return pa.table(
        {
            "id": np.arange(num_rows),
            "dep_delay": some(delay),
            "carrier": some(random.choice(["AA", "UA", "ß", ""], num_rows)),
            "seats": some(random.integers(1, 400, num_rows)),
            "is_weekend": some(random.random(num_rows) < 0.3),
            "time_hour": some(pa.array(random.integers(0, 10**15, num_rows), pa.timestamp("us", tz="UTC")).to_numpy()),
            "weight": random.random(num_rows),
            "late": some(delay + random.normal(0, 5, num_rows) > 15, 0.05),
        }
    )


def features(x):
    """Features of every kind."""
    return {
        "dep_delay": ops.z_score(x.dep_delay),
        "carrier": ops.vocabulary(x.carrier, top_k=2, num_oov=2),
        "seats": x.seats,
        "is_weekend": x.is_weekend,
        "has_seats": ~ops.is_null(x.seats),
    }


class Mean(Predictor):
    """Answers a constant and remembers what it saw."""

    task = "regression"

    def __init__(self, value):
        self.value = value

    def build(self, builder, features):
        """The constant, for as many rows as there are."""
        first = builder.node("Slice", [features, builder.integer(0), builder.integer(1), builder.integer(1)])
        zero = builder.cast(builder.node("IsNaN", [first]), np.float64)
        same = builder.node("Mul", [zero, builder.number(0.0)])
        value = builder.cast(builder.node("Add", [same, builder.number(self.value)]), np.float32)
        return {"margin": value, "prediction": value}


SEEN = []


@dataclasses.dataclass(frozen=True)
class Spy(Trainer):
    """A trainer that keeps what it is handed."""

    def fit(self, train, validation, *, params, group, journal):
        """The mean of the labels."""
        SEEN.append((train, validation))
        return Mean(float(train.label.mean()))


def spied(graph, dataset, **options):
    """The model, and the features and validation features its trainer saw."""
    SEEN.clear()
    model = train(Spy(), graph, dataset, **options)
    (seen,) = SEEN
    return (model, *seen)


def test_features_are_those_the_served_graph_computes():
    """What is fitted on equals, byte for byte, what predicting the same rows computes; in source order."""
    table = flights()
    dataset = hr.Dataset.from_arrow(table, label="late", key=["id"], split={"train": 8, "eval": 2})
    graph = transform(features, dataset)
    model, fitted, validation = spied(graph, dataset)
    assert validation is None
    rows = dataset.to_arrow("train")
    rows = rows.filter(rows["late"].is_valid())
    served = model.predict_lanes(model.codec.from_batch(rows), ("features",))["features"]
    assert fitted.matrix.tobytes() == served.tobytes()
    assert fitted.label.tolist() == [float(value) for value in rows["late"].to_pylist()]
    assert [column.name for column in fitted.columns] == list(model.feature_names)
    assert {column.name: column.kind for column in fitted.columns}["carrier"] == "categorical"
    one_by_one = [
        model.predict_lanes(model.codec.from_batch(rows.slice(i, 1)), ("features",))["features"] for i in range(50)
    ]
    assert np.concatenate(one_by_one).tobytes() == served[:50].tobytes()


def test_rows_without_a_label_are_counted_and_left_out():
    """Null labels are neither zeros nor lost: fitted and dropped rows add up."""
    table = flights()
    dataset = hr.Dataset.from_arrow(table, label="late", key=["id"])
    model, fitted, _ = spied(transform(features, dataset), dataset)
    num_null = table["late"].null_count
    assert num_null > 0
    assert (model.signature.num_rows, model.signature.num_dropped) == (600 - num_null, num_null)
    assert fitted.num_rows == 600 - num_null
    assert not np.isnan(fitted.label).any()


def test_the_fitted_parts_are_recorded():
    """Exactly the parts the model has seen: `train` and, when used, `validation`; whole spans without splits."""
    table = flights()
    split = {"train": 6, "validation": 2, "eval": 2}
    dataset = hr.Dataset.from_arrow(table, label="late", key=["id"], split=split, span="2013-01")
    model, fitted, validation = spied(transform(features, dataset), dataset)
    digests = dataset.part_digests
    assert model.signature.fitted_parts == {name: digests[name] for name in ("2013-01/train", "2013-01/validation")}
    assert validation is not None
    assert not set(fitted.row_id.tolist()) & set(validation.row_id.tolist())
    whole = hr.Dataset.from_arrow(table, label="late", key=["id"])
    model, _, _ = spied(transform(features, whole), whole)
    assert dict(model.signature.fitted_parts) == dict(whole.part_digests)


def test_sensitive_columns_are_recorded(tmp_path):
    """What the data set calls sensitive the model knows, after a round trip too; without any nothing changes."""
    roles = {"label": "late", "key": ["id"]}
    dataset = hr.Dataset.from_arrow(flights(), **roles)
    plain, _, _ = spied(transform(features, dataset), dataset)
    dataset = hr.Dataset.from_arrow(flights(), **roles, sensitive=["carrier", "id"])
    masked, _, _ = spied(transform(features, dataset), dataset)
    assert masked.signature.sensitive == ("carrier", "id")
    assert "sensitive" not in plain.signature.to_plain()
    masked.save(tmp_path / "model")
    assert Model.load(tmp_path / "model").signature == masked.signature


def test_a_positive_value_is_learnt_and_recorded(tmp_path):
    """A label of names is learnt as the positive one against the others, and the model says whose probability it is."""
    table = flights()
    words = pa.array([None if late is None else "yes" if late else "no" for late in table["late"].to_pylist()])
    named = table.set_column(table.column_names.index("late"), "late", words)
    roles = {"label": "late", "key": ["id"]}
    data = hr.Dataset.from_arrow(table, **roles)
    plain, numbers, _ = spied(transform(features, data), data)
    data = hr.Dataset.from_arrow(named, **roles, positive="yes")
    model, names, _ = spied(transform(features, data), data)
    assert names.label.tolist() == numbers.label.tolist()
    assert model.signature.positive == "yes"
    assert "positive" not in plain.signature.to_plain()
    model.save(tmp_path / "model")
    assert Model.load(tmp_path / "model").signature == model.signature
    assert "is 'yes'\n" in (tmp_path / "model" / "card.md").read_text()
    missing = hr.Dataset.from_arrow(named, **roles, positive="Yes")
    with pytest.raises(InvalidInput, match="no row's label is 'Yes'"):
        spied(transform(features, missing), missing)


def test_fragments_batches_and_threads_cannot_be_seen(tmp_path):
    """The same rows in one table, one file or seven, by one thread or many: one model, golden rows and all."""
    table = flights(500)
    for index, first in enumerate(range(0, 500, 75)):
        pq.write_table(table.slice(first, 75), tmp_path / f"{index}.parquet", row_group_size=20)
    roles = {"label": "late", "key": ["id"], "weight": "weight", "split": {"train": 8, "eval": 2}}
    memory = hr.Dataset.from_arrow(table, **roles)
    files = hr.Dataset.from_parquet(str(tmp_path / "*.parquet"), **roles)
    graph = transform(features, memory)

    class Engine:
        workers = 1

    trainer = hr.XGBoost(n_estimators=5)
    models = [
        train(trainer, graph, memory),
        train(trainer, graph, files),
        train(trainer, graph, files, engine=Engine()),
    ]
    for number, model in enumerate(models):
        model.save(tmp_path / f"model{number}")
    for name in ("model.onnx", "signature.json", "golden.parquet", "card.md", "model.xgboost.json"):
        assert len({(tmp_path / f"model{number}" / name).read_bytes() for number in range(3)}) == 1, name
    assert materialise(graph, files, "train").features.weight is not None


def test_weights_reach_the_trainer():
    """The data set's weight column, row by row; without the role there is none."""
    table = flights(100)
    dataset = hr.Dataset.from_arrow(table, label="late", key=["id"], weight="weight")
    _, fitted, _ = spied(transform(features, dataset), dataset)
    rows = table.filter(table["late"].is_valid())
    assert fitted.weight.tolist() == rows["weight"].to_pylist()
    plain = hr.Dataset.from_arrow(table, label="late", key=["id"])
    assert spied(transform(features, plain), plain)[1].weight is None


def test_a_trained_model_serves_what_it_evaluates(tmp_path):
    """Requests, tables, and a model loaded from disk give the same float32 predictions."""
    table = flights(300)
    dataset = hr.Dataset.from_arrow(table, label="late", key=["id"], split={"train": 8, "eval": 2})
    model = train(hr.XGBoost(n_estimators=20), transform(features, dataset), dataset)
    model.save(tmp_path / "model")
    rows = dataset.to_arrow("eval")
    names = [column.name for column in model.columns]
    whole = np.array(model.predict(rows)["prediction"])
    loaded = Model.load(tmp_path / "model")
    for index, row in enumerate(rows.select(names).to_pylist()):
        found = loaded.predict_lanes(loaded.codec.from_rows([row]))["prediction"]
        assert found.tobytes() == whole[index : index + 1].tobytes()
    assert model.signature.task == "binary"
    assert model.signature.trainer["n_estimators"] == 20


def test_what_cannot_be_trained_is_said():
    """No label, no rows, no split called train, the label as a feature, no trainer: one clear error each."""
    table = flights(50)
    labelled = hr.Dataset.from_arrow(table, label="late", key=["id"])
    graph = transform(features, labelled)
    with pytest.raises(Misuse, match="no label"):
        train(Spy(), graph, hr.Dataset.from_arrow(table))
    nulls = table.set_column(table.column_names.index("late"), "late", pa.nulls(50, pa.bool_()))
    with pytest.raises(InvalidInput, match="no row to fit on"):
        train(Spy(), graph, hr.Dataset.from_arrow(nulls, label="late"))
    with pytest.raises(InvalidInput, match="no row to fit on"):
        train(Spy(), graph, hr.Dataset.from_arrow(table.slice(0, 0), label="late"))
    with pytest.raises(UnknownName, match="'train'"):
        train(Spy(), graph, hr.Dataset.from_arrow(table, label="late", key=["id"], split={"a": 1, "b": 1}))
    numbers = NumberGraph(1)
    with pytest.raises(Misuse, match="'x0' is among"):
        train(Spy(), numbers, hr.Dataset.from_arrow(pa.table({"x0": [1.0, 2.0]}), label="x0"))
    with pytest.raises(Misuse, match="not a trainer"):
        train("xgboost", graph, labelled)


def test_features_check_their_shape():
    """A matrix, label or weight of another length cannot pass for features."""
    columns = NumberGraph(2)
    matrix = np.zeros((3, 2), np.float32)
    names = tuple(dataclasses.replace(c) for c in _columns(columns))
    Features(names, matrix, np.zeros(3))
    for bad in (
        (names, matrix.astype(np.float64), np.zeros(3)),
        (names[:1], matrix, np.zeros(3)),
        (names, matrix, np.zeros(2)),
        (names, matrix, np.zeros(3), np.zeros(4)),
    ):
        with pytest.raises(InvalidInput):
            Features(*bad)


def _columns(graph):
    from headrace.training import FeatureColumn

    return [FeatureColumn(name) for name in graph.feature_names]


def test_empty_parts_are_not_among_those_fitted_on(tmp_path):
    """Parts without rows are all alike: to name one would refuse every empty part of any other data set."""
    from headrace.ingestion import ingest

    for name, number in (("1", 50), ("2", 0)):
        table = pa.table(
            {
                "id": list(range(number)),
                "x": [float(n % 7) for n in range(number)],
                "y": [n % 2.0 for n in range(number)],
            }
        )
        pq.write_table(table.cast(pa.schema([("id", "int64"), ("x", "float64"), ("y", "float64")])), tmp_path / name)
    data = ingest(tmp_path / "{span}", label="y", key=["id"], split={"train": 8, "eval": 2})
    model = train(Spy(), transform(lambda x: {"x": x.x}, data), data)
    assert list(model.signature.fitted_parts) == ["1/train"]
