"""What is taken for what: counts as scikit-learn's confusion matrix, weights, many classes, labels that are none."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from sklearn.metrics import confusion_matrix, recall_score

from headrace.evaluation import evaluate_predictions
from headrace.model.answers import to_column
from headrace.orchestration.pages._confusion import Confusion


def predictions(num_classes, *, seed=0):
    """An evaluation's table of 500 rows; a label of num_classes is no class."""
    generator = np.random.default_rng(seed)
    shares = generator.dirichlet(np.ones(num_classes), 500).astype(np.float32)
    label = generator.integers(0, num_classes + 1, 500).astype(np.float64)
    weight = generator.integers(0, 3, 500).astype(np.float64)
    return pa.table({"label": label, "weight": weight, "prediction": to_column(shares)}), shares


def test_it_is_scikit_learns():
    """Weights by label and call; the rows of no class are a row of their own, and recall is told by class."""
    table, shares = predictions(3)
    found = Confusion.of(table, ["ash", "elm", "oak"])
    label, weight = table["label"].to_numpy(), table["weight"].to_numpy()
    expected = confusion_matrix(label, shares.argmax(axis=1), sample_weight=weight, labels=[0, 1, 2, 3])
    assert found._weights.tolist() == expected[:, :3].tolist()
    text = "".join(str(one) for one in found.draw())
    recalls = recall_score(label, shares.argmax(axis=1), sample_weight=weight, average=None, labels=[0, 1, 2])
    for word in ("any other", "Confusion matrix", *(f"{value:.4g}" for value in recalls)):
        assert word in text


def test_of_many_classes_what_is_confused_most():
    """Twenty-one classes are no matrix that can be read: the largest confusions are listed."""
    table, _ = predictions(21)
    text = "".join(str(one) for one in Confusion.of(table, list(range(21))).draw())
    assert "What is confused most" in text and "Confusion matrix" not in text


def test_without_answers_there_is_none():
    """Rows without a prediction are in no cell."""
    table = pa.table({"label": [0.0], "prediction": to_column(np.full((1, 3), np.nan, np.float32))})
    assert Confusion.of(table, [0, 1, 2]) is None


def test_it_is_on_the_page():
    """`headrace show` of such an evaluation has the section."""
    from headrace.orchestration.pages.evaluation import _behind

    table = pa.table({"y": ["a", "b"], "p": [[0.5, 0.3, 0.2], [0.1, 0.8, 0.1]]})
    found = evaluate_predictions(table, label="y", prediction="p", classes=["a", "b", "c"], metrics=["accuracy"])
    (section,) = _behind(found)
    assert section.title == "Classes"
