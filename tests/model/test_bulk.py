"""A model's answers to a data set: those of `Model.predict`, keyed, in the same spans and splits."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import headrace as hr
from headrace import ops
from headrace.errors import InvalidInput, UnknownName


def table(num_rows, seed=1):
    """Rows with a null in each column that may have one."""
    random = np.random.default_rng(seed)
    delay = random.normal(size=num_rows)
    return pa.table(
        {
            "id": pa.array(random.permutation(num_rows) + 10**6 * seed),
            "delay": pa.array([None if i % 9 == 0 else value for i, value in enumerate(delay.tolist())]),
            "city": pa.array([None if i % 7 == 0 else "ABC"[i % 3] for i in range(num_rows)]),
            "late": pa.array([None if i % 11 == 0 else bool(value > 0) for i, value in enumerate(delay)]),
        }
    )


@pytest.fixture(scope="module")
def model():
    """A model of trees."""
    dataset = hr.Dataset.from_arrow(table(300), label="late", key=["id"])
    graph = hr.transform(lambda x: {"delay": x.delay, "city": ops.vocabulary(x.city)}, dataset)
    return hr.train(hr.XGBoost(n_estimators=5, max_depth=3), graph, dataset)


@pytest.fixture
def dataset(tmp_path):
    """Two spans of files, three fragments, splits by key."""
    for number, (name, size) in enumerate([("01", 40_000), ("02", 500)]):
        pq.write_table(table(size, number + 2), tmp_path / f"{name}.parquet", row_group_size=9_000)
    return hr.ingest(str(tmp_path / "{span}.parquet"), label="late", key=["id"], split={"train": 8, "eval": 2})


def test_answers_are_those_of_predict(model, dataset):
    """Row by row, byte for byte, in several batches; spans, splits and order are kept, null labels are answered."""
    found = hr.predict(model, dataset, keep=["late"])
    assert found.column_names == ["id", "late", "prediction", "margin"]
    assert (found.roles.key, found.roles.label) == (("id",), "late")
    assert [(span.name, len(span.fragments)) for span in found.spans] == [("01", 1), ("02", 1)]
    for split in (None, "train", "eval"):
        rows, mine = dataset.to_arrow(split), found.to_arrow(split)
        assert mine.num_rows == rows.num_rows
        assert mine["id"].equals(rows["id"]) and mine["late"].equals(rows["late"])
        expected = model.predict(rows)
        for name in ("prediction", "margin"):
            assert mine[name].to_numpy().tobytes() == expected[name].to_numpy().tobytes()


def test_it_is_stored_and_read_again(model, dataset, tmp_path):
    """Equal inputs give an equal digest; what was saved has the same rows in its own files."""
    found = hr.predict(model, dataset)
    assert found.digest == hr.predict(model, dataset).digest
    folder = tmp_path / "saved"
    folder.mkdir()
    found.save(folder)
    rows = found.to_arrow()
    digest = found.digest
    del found
    again = hr.Dataset.load(folder)
    assert again.digest == digest
    assert again.to_arrow().equals(rows)


def test_without_a_key_rows_are_numbered(model):
    """In each span from 0; roles that are not there are left out; text may be a dictionary."""
    rows = table(50)
    rows = rows.set_column(2, "city", rows["city"].dictionary_encode())
    found = hr.predict(model, hr.Dataset.from_arrow(rows, label="late", sensitive=["city"]), keep=["city"])
    mine = found.to_arrow()
    assert mine["row"].to_pylist() == list(range(50))
    assert mine["city"].to_pylist() == rows["city"].to_pylist()
    assert (found.roles.label, found.roles.key, found.roles.sensitive) == (None, ("row",), ("city",))


def test_selected_rows_and_no_rows(model, dataset):
    """Only the rows that are in the data set are answered; none is an answer too."""
    masks = [np.arange(40_000) % 1000 == 0, np.zeros(500, np.bool_)]
    few = dataset.select_rows(masks)
    found = hr.predict(model, few)
    assert found.to_arrow()["id"].equals(few.to_arrow()["id"])
    none = hr.predict(model, hr.Dataset.from_arrow(table(5).slice(0, 0), key=["id"]))
    assert none.num_rows == 0 and none.column_names == ["id", "prediction", "margin"]


def test_what_cannot_be_answered_says_where(model):
    """A missing column by name; a value by span and row; a column that would be taken for an answer."""
    rows = table(30)
    with pytest.raises(UnknownName, match="city"):
        hr.predict(model, hr.Dataset.from_arrow(rows.drop_columns(["city"]), key=["id"]))
    bad = rows.set_column(2, "city", pa.array(["A"] * 29 + ["\x00null"]))
    with pytest.raises(InvalidInput, match=r"span all, rows from 0: row 29, column 'city'"):
        hr.predict(model, hr.Dataset.from_arrow(bad, key=["id"]))
    with pytest.raises(UnknownName, match="nme"):
        hr.predict(model, hr.Dataset.from_arrow(rows, key=["id"]), keep=["nme"])
    named = rows.append_column("prediction", rows["id"])
    with pytest.raises(InvalidInput, match="name of an answer"):
        hr.predict(model, hr.Dataset.from_arrow(named, key=["id"]), keep=["prediction"])


def test_of_several_classes_each_has_a_column():
    """The likeliest class, and the probability of each, as the file that `headrace predict` writes."""
    rows = table(120).append_column("kind", pa.array(["abc"[i % 3] for i in range(120)]))
    dataset = hr.Dataset.from_arrow(rows, label="kind", key=["id"])
    graph = hr.transform(lambda x: {"delay": x.delay}, dataset)
    model = hr.train(hr.XGBoost(n_estimators=3, max_depth=2), graph, dataset)
    found = hr.predict(model, dataset).to_arrow()
    assert found.column_names == ["id", "predicted_class", "prediction_a", "prediction_b", "prediction_c"]
    expected = model.predict(rows)
    assert found["predicted_class"].equals(expected["predicted_class"])
    shares = np.stack([found[f"prediction_{one}"].to_numpy() for one in "abc"], axis=1)
    assert shares.tobytes() == model(rows).tobytes()
    told = model.explain(rows.slice(0, 2))
    assert (told.method, told.contributions.shape) == ("tree_shap", (2, 1, 3))
    whole = told.base + told.contributions.sum(axis=1)
    assert whole == pytest.approx(told.outputs, rel=1e-6)  # that is rounded to float32
