"""Explanations of models: by raw column, additive for trees, occlusion for the others; and where features come from."""

import json

import numpy as np
import pyarrow as pa
import pytest

import headrace as hr
from headrace import ops
from headrace.errors import InvalidInput
from headrace.model.provenance import columns_of_features


def features(x):
    """Every way in which features come of columns: one-hot, crossed, null marks, dates, words."""
    return {
        "delay": ops.z_score(x.delay),
        "kind": ops.one_hot(x.carrier),
        "route": ops.vocabulary(ops.cross(x.origin, x.carrier), num_oov=4),
        "is_known": x.origin.is_null(),
        "sum": x.hour + x.delay,
        "bucket": ops.bucketize(x.hour, num_buckets=4),
    }


def table(num_rows=120):
    """Raw rows with nulls."""
    random = np.random.default_rng(3)
    delay = random.normal(size=num_rows)
    return pa.table(
        {
            "delay": pa.array([None if i % 9 == 0 else value for i, value in enumerate(delay.tolist())]),
            "carrier": random.choice(["AA", "UA", "DL"], num_rows).tolist(),
            "origin": pa.array([None if i % 7 == 0 else "JFK" if i % 2 else "LGA" for i in range(num_rows)]),
            "hour": random.integers(0, 24, num_rows).tolist(),
            "late": (delay + random.normal(size=num_rows) > 0).tolist(),
        }
    )


@pytest.fixture(scope="module")
def trees():
    """A model of trees."""
    dataset = hr.Dataset.from_arrow(table(), label="late")
    return hr.train(hr.XGBoost(n_estimators=20, max_depth=4), hr.transform(features, dataset), dataset)


def test_features_are_traced_to_their_columns(trees):
    """Those of one column, and those of two."""
    found = dict(
        zip(
            trees.feature_names,
            columns_of_features(trees.onnx, trees.columns, len(trees.feature_names)),
            strict=True,
        )
    )
    assert found["delay"] == ("delay",)
    assert found["is_known"] == ("origin",)
    assert found["bucket"] == ("hour",)
    assert set(found["route"]) == {"carrier", "origin"}
    assert set(found["sum"]) == {"delay", "hour"}
    one_hot = [name for name in found if name.startswith("kind")]
    assert len(one_hot) >= 3
    assert {found[name] for name in one_hot} == {("carrier",)}


def test_trees_add_up_by_column(trees):
    """What one column's features add is one number; all of them with the base are the margin, rounded to float32."""
    rows = table()
    found = trees.explain(rows)
    assert (found.method, found.output, len(found)) == ("tree_shap", "margin", 120)
    whole = found.base + found.contributions.sum(axis=1)
    margins = trees.predict(rows)["margin"].to_numpy()
    # A sum halfway between two floats may be rounded either way.
    assert (np.abs(whole[:, 0] - margins) <= np.spacing(np.abs(margins))).all()
    assert found.by_feature.sum(axis=1) == pytest.approx(found.contributions.sum(axis=1), abs=1e-12)
    carrier = [place for place, name in enumerate(trees.feature_names) if name.startswith("kind")]
    assert found.contributions[:, found.columns.index("carrier")] == pytest.approx(
        found.by_feature[:, carrier].sum(axis=1), abs=1e-12
    )
    assert set(found.columns) == {"delay", "carrier", "origin", "hour", "carrier x origin", "delay x hour"} or set(
        found.columns
    ) == {"delay", "carrier", "origin", "hour", "origin x carrier", "hour x delay"}


def test_rows_and_tables_and_batches_say_the_same(trees):
    """Whatever the road and however many at a time."""
    rows = table()
    whole = trees.explain(rows).contributions
    assert len(trees.explain(rows.slice(0, 0))) == 0
    assert trees.explain(rows.drop_columns(["late"]).to_pylist()).contributions.tobytes() == whole.tobytes()
    single = [trees.explain(rows.slice(place, 1)).contributions for place in range(20)]
    assert np.concatenate(single).tobytes() == whole[:20].tobytes()
    with pytest.raises(InvalidInput, match="hour"):
        trees.explain([{"hour": "five"}])


def test_a_saved_model_explains_alike(trees, tmp_path):
    """The background comes with the model."""
    trees.save(tmp_path / "model")
    again = hr.Model.load(tmp_path / "model")
    assert again.explain(table()).contributions.tobytes() == trees.explain(table()).contributions.tobytes()
    assert len(trees.real_rows()) == 120


def test_other_models_are_explained_by_occlusion():
    """Of a linear model's margin it is the weight times how far the column is from the background's mean."""
    rows = table().drop_columns(["carrier", "origin"])
    rows = rows.set_column(0, "delay", rows["delay"].fill_null(0.0))
    dataset = hr.Dataset.from_arrow(rows, label="late")
    graph = hr.transform(lambda x: {"delay": x.delay, "hour": x.hour}, dataset)
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression()
    model = hr.train(hr.Sklearn(fitted), graph, dataset)
    found = model.explain(rows)
    assert (found.method, found.output, found.columns) == ("occlusion", "margin", ("delay", "hour"))
    values = np.stack([rows["delay"].to_numpy(), rows["hour"].to_numpy()], axis=1)
    change = found.contributions[:, :, 0]
    for column in range(2):
        slope, _ = np.polyfit(values[:, column], change[:, column], 1)
        straight = slope * (values[:, column] - values[:, column].mean())
        assert np.ptp(change[:, column] - straight) < 1e-4
    assert len(model.explain(rows.slice(0, 0))) == 0
    rest = [one["rest"] for one in found.to_plain()]
    assert np.abs(rest).max() < 1e-4


def test_records_are_json(trees):
    """What `:explain` answers."""
    (found,) = trees.explain(table().slice(3, 1)).to_plain()
    assert set(found) == {*("method", "output", "base", "contributions", "rest", "margin", "prediction", "features")}
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["base"] + sum(found["contributions"].values()) + found["rest"] == pytest.approx(found["margin"])
