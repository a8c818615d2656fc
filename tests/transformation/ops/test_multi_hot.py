"""ops.multi_hot: a 1 for each token."""

from typing import ClassVar

import numpy as np
import pyarrow as pa
from sklearn.preprocessing import MultiLabelBinarizer

from headrace.dataset import Dataset
from headrace.testing.op_cases import OpCases
from headrace.transformation import ops, transform
from tests.transformation import meaning
from tests.transformation.ops.test_bag_of_words import WORDS


class TestMultiHot(OpCases):
    """Tags with a bar between them."""

    columns: ClassVar = {"t": "text"}
    has_reference = False  # it splits '' into one piece
    values: ClassVar = {"t": WORDS.map(lambda text: text.replace(" ", "|"))}

    def features(self, x):
        """All, and the two most frequent."""
        return {"t": ops.multi_hot(x.t, separator="|"), "two": ops.multi_hot(x.t, separator="|", top_k=2)}

    def define(self, rows, fitted):
        """Whether the token is there."""

        def feature(top_k):
            known = meaning.token_order([row["t"] for row in fitted], "|", top_k=top_k)
            return [[min(1.0, item) for item in meaning.token_counts(row["t"], known, "|")] for row in rows]

        return {"t": feature(None), "two": feature(2)}


def test_scikit_learn_agrees():
    """MultiLabelBinarizer's columns, in our order."""
    tags = ["news|sport", "sport", "weather|news|sport", "art|weather"]
    table = pa.table({"t": tags})
    graph = transform(lambda x: {"t": ops.multi_hot(x.t, separator="|")}, Dataset.from_arrow(table))
    binarizer = MultiLabelBinarizer()
    expected = binarizer.fit_transform([text.split("|") for text in tags])
    order = [list(binarizer.classes_).index(tag) for tag in graph.to_plain()["constants"]["1"]["tokens"]]
    np.testing.assert_array_equal(np.array(graph.apply(table)["t"].to_pylist()), expected[:, order])
