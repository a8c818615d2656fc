"""A model and a transform on tables of other packages: a DataFrame goes in where a table does."""

from __future__ import annotations

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import roc_auc_score

import headrace as hr
from headrace.errors import InvalidSchema, Misuse
from headrace.model.codec import Codec
from headrace.model.columns import InputColumn


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """scikit-learn's breast cancer data with a null in a number, an integer and a text."""
    found = load_breast_cancer(as_frame=True).frame.rename(columns=lambda name: name.replace(" ", "_"))
    found["site"] = np.where(found["mean_area"] > 600, "L", "R")
    found["size"] = (found["mean_radius"]).astype(int)
    found.loc[3, "mean_texture"] = None
    found.loc[4, "site"] = None
    return found


@pytest.fixture(scope="module")
def fitted(frame: pd.DataFrame):
    """(transform graph, model) fitted on that frame."""

    def features(x):
        return {"radius": x.mean_radius, "texture": x.mean_texture, "site": hr.ops.vocabulary(x.site), "size": x.size}

    data = hr.Dataset.from_arrow(frame, label="target", split={"train": 8, "eval": 2})
    accepted = hr.validate(data, hr.infer_schema(hr.analyze(data))).accepted
    graph = hr.transform(features, accepted)
    return graph, hr.train(hr.XGBoost(n_estimators=10, max_depth=2), graph, accepted)


def test_a_model_is_called_like_an_estimator(frame: pd.DataFrame, fitted) -> None:
    """model(df) is an array of probabilities, in the rows' order; whatever holds the rows, the same bytes."""
    _, model = fitted
    found = model(frame)
    assert found.dtype == np.float32 and found.shape == (len(frame),)
    assert roc_auc_score(frame["target"], found) > 0.95
    rows = pa.Table.from_pandas(frame)
    assert model.predict(frame).equals(model.predict(rows))
    others = [pl.DataFrame(rows), duckdb.sql("from rows"), rows.to_reader(), hr.Dataset.from_arrow(frame)]
    for other in others:
        assert model(other).tobytes() == found.tobytes()
    assert model(frame.sample(frac=1, random_state=1).sort_index()).tobytes() == found.tobytes()
    assert model(frame.head(0)).shape == (0,)


def test_a_transform_takes_a_frame(frame: pd.DataFrame, fitted) -> None:
    """The features of a frame are those of its table."""
    graph, _ = fitted
    expected = graph.apply(pa.Table.from_pandas(frame)).to_pandas()
    assert graph.apply(frame).to_pandas().equals(expected)
    assert graph.apply(pl.DataFrame(pa.table(frame))).to_pandas().equals(expected)


def test_integers_with_a_null_are_floats_in_pandas(frame: pd.DataFrame, fitted) -> None:
    """A column of integers that pandas made floats of is read as the integers it holds, and only then."""
    _, model = fitted
    floats = frame.assign(size=frame["size"].astype(float))
    assert model(floats).tobytes() == model(frame).tobytes()
    for value in (2.5, 2.0**53, np.inf):
        with pytest.raises(InvalidSchema, match=r"'size' is double.*expected integer"):
            model(frame.assign(size=[1.0, value, *floats["size"][2:]]))
    codec = Codec([InputColumn("n", "integer")])
    lanes = codec.from_batch(codec.table_of(pd.DataFrame({"n": [3.0, None, -0.0]}), "test"))
    assert (lanes["integer"].tolist(), lanes["present"].tolist()) == ([[3], [0], [0]], [[True], [False], [True]])
    with pytest.raises(InvalidSchema, match="'n' is double"):
        codec.from_batch(pa.table({"n": [3.0]}))  # Arrow has integers with nulls: there it is another column


def test_predictions_made_elsewhere_come_as_frames(frame: pd.DataFrame, fitted) -> None:
    """evaluate_predictions and the verbs of data sets take a frame as it is."""
    _, model = fitted
    judged = frame[["target", "site"]].assign(p=model(frame))
    found = hr.evaluate_predictions(judged, label="target", prediction="p", metrics=["roc_auc"], slices=["site"])
    assert found["roc_auc"].value == pytest.approx(roc_auc_score(frame["target"], judged["p"]))
    assert hr.analyze(frame.assign(kind="x"))["kind"].num_distinct == 1  # a column may be named like an attribute
    assert hr.analyze(frame)["mean_texture"].num_missing == 1
    assert hr.validate(dataset=pl.DataFrame(pa.table(frame)), schema=hr.infer_schema(hr.analyze(frame))).ok


def test_wrong_uses_are_answered_with_the_fix(frame: pd.DataFrame, fitted) -> None:
    """An array without names, a frame without roles, one without a column."""
    graph, model = fitted
    with pytest.raises(Misuse, match=r"predict got an? ndarray.*DataFrame\(X, columns"):
        model(frame.to_numpy())
    with pytest.raises(Misuse, match="apply got a list"):
        graph.apply([1])
    with pytest.raises(Misuse, match=r"no label.*label="):
        hr.train(hr.XGBoost(), graph, frame)
    with pytest.raises(Misuse, match=r"no label.*label="):
        hr.evaluate(model, frame, metrics=["roc_auc"])
    with pytest.raises(LookupError, match="no column named 'site'"):
        model(frame.drop(columns="site"))
