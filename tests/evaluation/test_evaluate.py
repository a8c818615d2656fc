"""evaluate: held-out rows through the model, metrics by slice, champion and baseline beside them."""

from __future__ import annotations

import dataclasses
import itertools
import math
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from headrace.dataset import Dataset
from headrace.engine import LocalEngine
from headrace.errors import InvalidInput, Misuse, TrainingRows, UnknownName
from headrace.evaluation import Evaluation, evaluate, evaluate_predictions, gate
from headrace.evaluation.metrics.cost_weighted_error import CostWeightedError
from headrace.model import GraphBuilder, InputColumn, Model, Signature

METRICS = ["roc_auc", "log_loss", "brier", CostWeightedError(fp=1, fn=5, threshold=0.3)]
SLICES = ["carrier", "hour", ["carrier", "is_night"], "moment"]


def judged_rows(dataset):
    """The labelled rows of split eval, as pandas-free columns."""
    rows = dataset.to_arrow("eval").to_pylist()
    return [row for row in rows if row["y"] is not None]


def test_metrics_are_scikit_learns_on_every_slice(make_model, dataset):
    """Overall and on every slice, nulls and crosses among them, each metric is scikit-learn's on those rows."""
    found = evaluate(make_model(), dataset, metrics=METRICS, slices=SLICES)
    rows = judged_rows(dataset)
    assert found.num_rows == len(rows)
    num_slices = 0
    for columns in (["carrier"], ["hour"], ["carrier", "is_night"], ["moment"]):

        def key(row, columns=columns):
            return tuple(row[column] for column in columns)

        for values in {key(row) for row in rows}:
            chosen = [row for row in rows if key(row) == values]
            label, x = np.array([row["y"] for row in chosen]), np.array([row["x"] for row in chosen], np.float32)
            cell = found.slice(dict(zip(columns, values, strict=True)))
            assert cell.num_rows == len(chosen)
            assert cell["roc_auc"].value == pytest.approx(roc_auc_score(label, x), abs=1e-12)
            assert cell["brier"].value == pytest.approx(brier_score_loss(label, x.astype(float)), abs=1e-11)
            num_slices += 1
    assert found.num_slices == num_slices == len(found.slices)
    label, x = np.array([row["y"] for row in rows]), np.array([row["x"] for row in rows], np.float32)
    assert found["roc_auc"].value == pytest.approx(roc_auc_score(label, x), abs=1e-12)
    assert found["cost_weighted_error"].value == pytest.approx(
        ((x >= 0.3) & (label == 0)).mean() + 5 * ((x < 0.3) & (label == 1)).mean(), abs=1e-11
    )
    assert found["roc_auc"].lower < found["roc_auc"].value < found["roc_auc"].upper


def test_predictions_are_kept_in_source_order(make_model, dataset):
    """The table of predictions has the labelled rows in source order, with ids, and float32 as the model gave them."""
    model = make_model(0.5)
    found = evaluate(model, dataset, metrics=["brier"])
    rows = judged_rows(dataset)
    table = found.predictions
    assert table.column_names == ["span", "row_id", "label", "prediction"]
    assert table.schema.field("prediction").type == pa.float32()
    assert table["label"].to_pylist() == [row["y"] for row in rows]
    expected = model.predict(pa.table({"x": [row["x"] for row in rows]}))["prediction"]
    assert table["prediction"].to_pylist() == expected.to_pylist()
    (part,) = dataset.parts("eval")
    ids = np.concatenate([item.row_id for item in dataset.read(part, ["y"], row_id=True)])
    kept = np.array([row["y"] is not None for row in dataset.to_arrow("eval").to_pylist()])
    assert table["row_id"].to_pylist() == ids[kept].tolist()
    assert set(table["span"].to_pylist()) == {"all"}


def test_rows_without_a_label_are_counted(make_model, table):
    """Null labels are left out of every metric, and out of the slices, and counted."""
    rows = table.append_column("group", pa.array(["none" if y is None else "some" for y in table["y"].to_pylist()]))
    found = evaluate(make_model(), Dataset.from_arrow(rows, label="y"), metrics=["roc_auc"], slices=["group"])
    assert found.num_rows + found.num_dropped == table.num_rows
    assert found.num_dropped == table["y"].null_count
    assert found.slices == [{"group": "some"}]
    assert found["roc_auc"].num_rows == found.num_rows


def test_weights_of_the_data_set_count(make_model, table):
    """Metrics are weighted by the data set's weight role, and the weights are in the predictions."""
    dataset = Dataset.from_arrow(table, label="y", weight="weight")
    found = evaluate(make_model(), dataset, metrics=["roc_auc", "brier"], slices=["carrier"])
    rows = [row for row in table.to_pylist() if row["y"] is not None]
    columns = {name: np.array([row[name] for row in rows], np.float64) for name in ("y", "x", "weight")}
    single = columns["x"].astype(np.float32).astype(np.float64)
    expected = roc_auc_score(columns["y"], single, sample_weight=columns["weight"])
    assert found["roc_auc"].value == pytest.approx(expected, abs=1e-12)
    assert found.predictions["weight"].to_pylist() == columns["weight"].tolist()


def test_champion_and_baseline_stand_on_the_same_rows(make_model, dataset):
    """The champion's metrics are those it would get alone; the baseline is the mean label for every row."""
    found = evaluate(make_model(), dataset, metrics=METRICS, slices=["carrier"], champion=make_model(-1.0))
    alone = evaluate(make_model(-1.0), dataset, metrics=METRICS, slices=["carrier"])
    for one, other in zip(found.champion.cells, alone.cells, strict=True):
        # Alone it also says what it shares with the baseline.
        same = {
            name: dataclasses.replace(value, with_baseline=None, baseline_freedom=None)
            for name, value in other.values.items()
        }
        assert (one.slice, repr(one.values)) == (other.slice, repr(same))
    assert found.champion["roc_auc"].value == pytest.approx(1.0 - found["roc_auc"].value, abs=1e-12)
    assert found.champion.slice({"carrier": None})["brier"].reason.endswith("that it cannot use")
    assert found.predictions["champion"].to_pylist() == alone.predictions["prediction"].to_pylist()
    assert found.champion_digest == make_model(-1.0).digest
    rows = judged_rows(dataset)
    share = np.mean([row["y"] for row in rows])
    for values in found.slices:
        label = np.array([row["y"] for row in rows if row["carrier"] == values["carrier"]])
        constant = np.full(len(label), share)
        base = found.baseline.slice(values)
        assert base["roc_auc"].value == 0.5
        assert base["brier"].value == pytest.approx(brier_score_loss(label, constant), abs=1e-10)
        assert base["brier"].num_rows == len(label)
    assert alone.champion is None


def test_the_baseline_of_regression_is_the_mean_label(make_model, table):
    """Metrics of any label have the same baseline: the mean label, for every row of every slice."""
    numbers = table.set_column(table.column_names.index("y"), "y", pa.array(range(table.num_rows)).cast(pa.float64()))
    data = Dataset.from_arrow(numbers, label="y", key=["id"])
    names = ["root_mean_squared_error", "mean_absolute_error"]
    found = evaluate(make_model(), data, metrics=names, slices=["carrier"], allow_training_rows=True)
    mean = np.mean(numbers["y"].to_numpy())
    for values in found.slices:
        label = np.array([row["y"] for row in numbers.to_pylist() if row["carrier"] == values["carrier"]])
        base = found.baseline.slice(values)
        assert base["root_mean_squared_error"].value == pytest.approx(np.sqrt(np.mean((label - mean) ** 2)))
        assert base["mean_absolute_error"].value == pytest.approx(np.mean(np.abs(label - mean)))
    assert found.baseline["root_mean_squared_error"].value == pytest.approx(np.std(numbers["y"].to_numpy()))
    assert [row.num_rows for row in found.baseline.cells[0].values.values()] == [table.num_rows] * 2


def test_a_positive_value_makes_names_labels(make_model, table):
    """Text labels with a positive value are judged as 0 and 1; without one the error says how to name it."""
    words = pa.array([None if y is None else "late" if y else "on time" for y in table["y"].to_pylist()])
    named = table.set_column(table.column_names.index("y"), "y", words)
    roles = {"label": "y", "key": ["id"]}
    plain = evaluate(make_model(), Dataset.from_arrow(table, **roles), metrics=METRICS)
    found = evaluate(make_model(), Dataset.from_arrow(named, **roles, positive="late"), metrics=METRICS)
    assert repr(found.cells) == repr(plain.cells)
    assert found.predictions["label"].equals(plain.predictions["label"])
    with pytest.raises(InvalidInput, match='positive="yes"'):
        evaluate(make_model(), Dataset.from_arrow(named, **roles), metrics=METRICS)


def test_no_engine_order_or_fragments_can_be_seen(make_model, table, tmp_path):
    """One worker or three, one fragment or five: the same evaluation, digest and all, when rows keep their keys."""
    model = make_model()
    whole = Dataset.from_arrow(table, label="y", key=["id"])
    expected = evaluate(model, whole, metrics=METRICS, slices=SLICES, engine=LocalEngine(workers=1))
    for index, (start, end) in enumerate(itertools.pairwise([0, 1, 90, 200, 399, 400])):
        pq.write_table(table.slice(start, end - start), tmp_path / f"{index}.parquet", row_group_size=50)
    files = Dataset.from_parquet(tmp_path / "*.parquet", label="y", key=["id"])
    found = evaluate(model, files, metrics=METRICS, slices=SLICES, engine=LocalEngine(workers=3))
    assert repr(found.cells) == repr(expected.cells)
    assert found.predictions.equals(expected.predictions)
    assert found.digest == expected.digest


def test_rows_the_model_was_fitted_on_are_refused(make_model, dataset):
    """A model that knows these rows is not judged on them unless that is asked for; other rows are no trouble."""
    fitted = make_model(fitted_parts=dataset.part_digests)
    with pytest.raises(TrainingRows, match="allow_training_rows"):
        evaluate(fitted, dataset, metrics=["brier"])
    assert evaluate(fitted, dataset, metrics=["brier"], allow_training_rows=True).num_rows > 0
    trained = {"all/train": dataset.part_digests["all/train"]}
    assert evaluate(make_model(fitted_parts=trained), dataset, metrics=["brier"]).num_rows > 0


def other_columns(make_model, name="z", kind="number", **options):
    """A champion that reads another column."""
    columns = (InputColumn(name, kind, **options),)
    builder = GraphBuilder(columns)
    value = builder.cast(builder.as_number(builder.column(name)), np.float32)
    graph = builder.finish({"prediction": (value, np.float32, 1)})
    return Model(graph, Signature(columns, "binary", label="y", outputs=("prediction",)))


@pytest.mark.parametrize(
    ("champion", "reason"),
    [
        ({"name": "z"}, "no column named 'z'"),
        ({"name": "x", "kind": "integer"}, "column 'x' is double"),
        ({"name": "weight", "max": 1.0}, "some hold values that its schema does not allow"),
    ],
)
def test_a_champion_of_other_rows_is_not_asked(make_model, dataset, champion, reason, tmp_path):
    """A served model that takes other columns, kinds or values is left out, with the reason; the model is judged."""
    other = other_columns(make_model, **champion)
    found = evaluate(make_model(), dataset, metrics=["brier"], champion=other)
    alone = evaluate(make_model(), dataset, metrics=["brier"])
    assert found.champion is None and found.champion_digest == other.digest
    assert reason in found.champion_reason and found["brier"].value == alone["brier"].value
    found.save(tmp_path)
    assert Evaluation.load(tmp_path).champion_reason == found.champion_reason
    rules = ["brier <= 1", "brier <= champion + 0.1"]
    verdict = gate(make_model(), found, rules=rules)
    assert verdict.ok and "not compared with the champion" in verdict.findings[1].reason
    assert not gate(make_model(), found, rules=rules[1:]).ok
    with pytest.raises((InvalidInput, UnknownName)):
        evaluate(other, dataset, metrics=["brier"], champion=make_model())  # the model's own fault stays an error


def test_no_rows_at_all_is_an_answer(make_model, table):
    """A data set without rows, or without labels, evaluates to NaN with the reason "no rows"."""
    for rows in (table.slice(0, 0), table.filter(pa.array([y is None for y in table["y"].to_pylist()]))):
        dataset = Dataset.from_arrow(rows, label="y", weight="weight")
        found = evaluate(make_model(), dataset, metrics=METRICS, slices=SLICES, champion=make_model(2.0))
        assert found.num_rows == found.num_slices == 0
        assert found.num_dropped == rows.num_rows
        assert math.isnan(found["roc_auc"].value)
        assert found["roc_auc"].reason == "no rows"
        assert found.predictions.num_rows == 0


def test_a_slice_of_one_class_has_a_reason(make_model):
    """roc_auc of one class is NaN and says why; the other metrics have values."""
    table = pa.table({"x": [0.1, 0.2, 0.9], "y": [True, True, False], "c": ["a", "a", "b"]})
    found = evaluate(make_model(), Dataset.from_arrow(table, label="y"), metrics=["roc_auc", "brier"], slices=["c"])
    cell = found.slice({"c": "a"})
    assert math.isnan(cell["roc_auc"].value)
    assert cell["roc_auc"].reason == "needs both positive and negative rows"
    assert cell["brier"].value == pytest.approx((0.9**2 + 0.8**2) / 2, abs=1e-7)
    assert cell["brier"].reason == ""


def test_a_missing_prediction_makes_its_slices_nan(make_model):
    """A null that the model turns into NaN is never passed over."""
    table = pa.table({"x": [0.1, None, 0.9], "y": [0, 1, 1], "c": ["a", "b", "b"]})
    found = evaluate(make_model(), Dataset.from_arrow(table, label="y"), metrics=["brier"], slices=["c"])
    assert math.isnan(found["brier"].value)
    assert found["brier"].reason.startswith("1 of 3 rows")
    assert found.slice({"c": "a"})["brier"].value == pytest.approx(0.01, abs=1e-7)


def test_slices_are_found_by_value(make_model, dataset):
    """Integers, booleans, timestamps, nulls and crosses are named by their values, in any order."""
    found = evaluate(make_model(), dataset, metrics=["brier"], slices=SLICES)
    assert found.slice({"hour": 6}).num_rows > 0
    assert found.slice({"is_night": True, "carrier": "New York"}).slice == {"carrier": "New York", "is_night": True}
    assert found.slice({"carrier": None}).slice == {"carrier": None}
    moment = datetime(1970, 1, 1, 1, tzinfo=UTC)
    assert found.slice({"moment": moment}).slice == {"moment": "1970-01-01T01:00:00Z"}
    with pytest.raises(UnknownName, match="carrier=ZZ"):
        found.slice({"carrier": "ZZ"})
    with pytest.raises(UnknownName, match="did you mean 'brier'"):
        found["brie"]


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"metrics": []}, InvalidInput, "no metrics"),
        ({"metrics": ["roc_acu"]}, UnknownName, "did you mean 'roc_auc'"),
        ({"metrics": ["brier", "brier"]}, InvalidInput, "two metrics are called 'brier'"),
        ({"metrics": [CostWeightedError(), CostWeightedError(fn=2)]}, InvalidInput, "name="),
        ({"metrics": [3]}, Misuse, "3 is not a metric"),
        ({"metrics": ["brier"], "slices": ["carier"]}, UnknownName, "did you mean 'carrier'"),
    ],
)
def test_wrong_arguments_are_named(make_model, dataset, arguments, error, words):
    """What cannot be evaluated is refused before a row is read, with the nearest name."""
    with pytest.raises(error, match=words):
        evaluate(make_model(), dataset, **arguments)


def test_a_data_set_that_cannot_be_judged_is_refused(make_model, table):
    """No label, and splits of which none is eval, are each one clear error."""
    with pytest.raises(Misuse, match="no label"):
        evaluate(make_model(), Dataset.from_arrow(table), metrics=["brier"])
    splits = Dataset.from_arrow(table, label="y", split={"train": 8, "test": 2})
    with pytest.raises(UnknownName, match="eval"):
        evaluate(make_model(), splits, metrics=["brier"])


def test_two_of_one_metric_have_names(make_model, dataset):
    """A parametrised metric may be there twice under two names, and both are found."""
    metrics = [CostWeightedError(fn=2), CostWeightedError(fn=10, name="cost_10")]
    found = evaluate(make_model(), dataset, metrics=metrics)
    assert found.metric_names == ("cost_weighted_error", "cost_10")
    assert found["cost_10"].value > found["cost_weighted_error"].value


def test_predictions_alone_equal_the_model(make_model, dataset):
    """Evaluating a table of the model's predictions gives the model's evaluation."""
    found = evaluate(make_model(), dataset, metrics=METRICS, slices=["carrier"])
    rows = dataset.to_arrow("eval")
    rows = rows.append_column("p", make_model().predict(rows)["prediction"])
    alone = evaluate_predictions(rows, label="y", prediction="p", metrics=METRICS, slices=["carrier"])
    assert repr(alone.cells) == repr(found.cells)
    assert alone.num_dropped == found.num_dropped
    assert alone.model_digest is None
    assert alone.predictions.column_names == ["label", "prediction"]


@pytest.mark.parametrize("label_type", [pa.bool_(), pa.int8(), pa.float32()])
def test_labels_of_any_type(label_type):
    """Boolean, integer and float labels mean the same; batches and sliced tables are taken."""
    table = pa.table({"y": pa.array([9, 1, 0, None, 1]).cast(pa.int64()), "p": [0.1, 0.9, 0.4, 0.5, 0.3]}).slice(1)
    labels = pa.chunked_array([[1, 0], [None, 1]]).cast(label_type)
    table = table.set_column(0, "y", labels)
    found = evaluate_predictions(table, label="y", prediction="p", metrics=["roc_auc"])
    assert found["roc_auc"].value == 0.5
    assert (found.num_rows, found.num_dropped) == (3, 1)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"label": "why"}, UnknownName, "'why'"),
        ({"prediction": "q"}, UnknownName, "'q'"),
        ({"weight": "ww"}, UnknownName, "'ww'"),
        ({"label": "c"}, InvalidInput, "label 'c'"),
        ({"prediction": "c"}, InvalidInput, "prediction 'c'"),
        ({"weight": "bad"}, InvalidInput, "weight 'bad'"),
    ],
)
def test_a_wrong_table_is_named(change, error, words):
    """A column that is not there, holds no numbers, or weighs less than nothing is one clear error."""
    table = pa.table({"y": [0, 1], "p": [0.1, 0.2], "c": ["a", "b"], "bad": [1.0, -1.0]})
    with pytest.raises(error, match=words):
        evaluate_predictions(table, **{"label": "y", "prediction": "p", "metrics": ["brier"], **change})


def test_only_tables_are_taken():
    """A dict is not a table."""
    with pytest.raises(Misuse, match=r"pyarrow\.Table"):
        evaluate_predictions({"y": [1]}, label="y", prediction="p", metrics=["brier"])
