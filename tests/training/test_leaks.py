"""Leaks: a feature that alone tells the label is named with its figure, and nothing else is."""

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score

import headrace as hr
from headrace import ops
from headrace.dataset import Dataset
from headrace.errors import UnknownName
from headrace.training import FeatureColumn, Features
from headrace.training.leaks import _area, find_leaks


def features_of(columns, label, kinds=None):
    """A matrix of columns."""
    named = tuple(FeatureColumn(name, (kinds or {}).get(name, "numeric")) for name in columns)
    matrix = np.stack([np.asarray(column, np.float32) for column in columns.values()], axis=1)
    return Features(named, matrix, np.asarray(label, np.float64))


def test_what_tells_a_binary_label():
    """Up, down, by being null, by code; a good feature is none."""
    random = np.random.default_rng(1)
    label = random.integers(0, 2, 3000)
    noise = random.normal(size=3000)
    columns = {
        "up": label * 5 + random.random(3000),
        "down": -label - 0.1 * random.random(3000),
        "null": np.where(label == 1, np.nan, noise),
        "code": np.where(label == 1, random.choice([0, 3, 6], 3000), random.choice([1, 2, 7], 3000)),
        "good": label + 0.5 * noise,
        "noise": noise,
        "each its own": np.arange(3000),
    }
    found = find_leaks(features_of(columns, label, {"code": "categorical", "each its own": "categorical"}))
    assert [leak.feature for leak in found] == ["up", "down", "null", "code"]
    assert all(leak.value >= 0.999 for leak in found)
    assert "roc_auc 1.0000 on 3,000 rows" in str(found[0])


def test_what_tells_a_quantity():
    """A line of it; a curve that follows it closely is none."""
    random = np.random.default_rng(2)
    label = random.normal(size=2000) * 30
    found = find_leaks(features_of({"scaled": label * 1.8 + 32, "near": label + random.normal(size=2000)}, label))
    assert [(leak.feature, leak.measure) for leak in found] == [("scaled", "r_squared")]


def test_few_rows_say_nothing():
    """Under a hundred of each label."""
    label = np.array([0, 1] * 90)
    assert find_leaks(features_of({"same": label}, label)) == []
    assert find_leaks(features_of({"same": np.arange(50.0)}, np.arange(50.0))) == []


@pytest.mark.parametrize("seed", range(5))
def test_the_area_is_scikit_learns(seed):
    """With ties."""
    random = np.random.default_rng(seed)
    label, scores = random.integers(0, 2, 200).astype(float), random.integers(0, 9, 200).astype(float)
    assert _area(scores, label) == pytest.approx(roc_auc_score(label, scores), abs=1e-12)


def test_training_says_so(capsys):
    """On stderr, with the figure; a clean data set is trained on in silence; an honest encoding of the label too."""
    random = np.random.default_rng(3)
    late = random.integers(0, 2, 1000)
    table = pa.table(
        {"after": late * 10.0, "before": random.normal(size=1000), "tail": [f"t{i}" for i in range(1000)], "late": late}
    )
    dataset = Dataset.from_arrow(table, label="late")
    trainer = hr.XGBoost(n_estimators=2)
    hr.train(trainer, hr.transform(lambda x: {"after": x.after, "before": x.before}, dataset), dataset)
    said = capsys.readouterr().err
    assert "feature 'after' alone tells the label: roc_auc 1.0000 on 1,000 rows" in said
    assert "before'" not in said
    encoded = hr.transform(lambda x: {"before": x.before, "t": ops.target_encode(x.tail, smoothing=0.0)}, dataset)
    hr.train(trainer, encoded, dataset)
    assert "alone tells" not in capsys.readouterr().err


def test_a_transform_that_saw_held_out_rows(capsys):
    """Fitted on the whole table, and trained on its split: told, and told what to do; fitted on the split: silent."""
    random = np.random.default_rng(4)
    table = pa.table({"a": random.normal(size=900), "y": random.integers(0, 2, 900), "id": range(900)})
    split = Dataset.from_arrow(table, label="y", key="id", split={"train": 8, "eval": 2})
    whole = Dataset.from_arrow(table, label="y", key="id")

    def features(x):
        return {"a": ops.z_score(x.a)}

    hr.train(hr.XGBoost(n_estimators=2), hr.transform(features, whole), split)
    said = capsys.readouterr().err
    assert "fitted on all 900 rows" in said and "are held out" in said
    for graph, dataset in ((hr.transform(features, split), split), (hr.transform(features, whole), whole)):
        hr.train(hr.XGBoost(n_estimators=2), graph, dataset)
    hr.train(hr.XGBoost(n_estimators=2), hr.transform(lambda x: {"a": x.a + 1}, whole), split)
    assert "fitted on all" not in capsys.readouterr().err


def test_splits_without_train():
    """There is nothing a transform may be fitted on."""
    table = pa.table({"a": [1.0, 2.0], "y": [0, 1], "id": [1, 2]})
    dataset = Dataset.from_arrow(table, label="y", key="id", split={"test": 1, "eval": 1})
    with pytest.raises(UnknownName, match="train"):
        hr.transform(lambda x: {"a": ops.z_score(x.a)}, dataset)
