"""ops.character_ngrams: runs of characters."""

from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest
from sklearn.feature_extraction.text import CountVectorizer

from headrace.dataset import Dataset
from headrace.errors import InvalidInput
from headrace.testing.op_cases import OpCases
from headrace.transformation import ops, transform
from tests.transformation import meaning


class TestCharacterNgrams(OpCases):
    """Of any texts at all, alone and in a chain."""

    columns: ClassVar = {"t": "text"}

    def features(self, x):
        """A code and a number."""
        return {"code": ops.vocabulary(x.t.str.ngrams(2, 3)), "length": x.t.str.ngrams(2, 3).str.length()}

    def define(self, rows, fitted):
        """Python's own."""

        def made(row):
            return (
                None
                if row["t"] is None
                else "\x1f".join(row["t"][i : i + n] for n in (2, 3) for i in range(len(row["t"]) - n + 1)).lstrip(
                    "\x00"
                )
            )

        words = meaning.vocabulary([made(row) for row in fitted])
        codes = [meaning.code(made(row), words) for row in rows]
        return {"code": codes, "length": [None if made(row) is None else float(len(made(row))) for row in rows]}


def test_scikit_learn_agrees():
    """Counted as tokens, what CountVectorizer counts of characters."""
    texts = ["abcab", "bca", "a", "", "äbc ab"]
    table = pa.table({"t": texts})
    graph = transform(
        lambda x: {"t": ops.bag_of_words(x.t.str.ngrams(1, 3), separator="\x1f")}, Dataset.from_arrow(table)
    )
    vectorizer = CountVectorizer(analyzer="char", ngram_range=(1, 3))
    expected = vectorizer.fit_transform(texts).toarray()
    (constants,) = graph.to_plain()["constants"].values()
    order = [vectorizer.vocabulary_[token] for token in constants["tokens"]]
    np.testing.assert_array_equal(np.array(graph.apply(table)["t"].to_pylist()), expected[:, order])


def test_bad_input():
    """Sizes out of range."""
    with pytest.raises(InvalidInput, match="ngrams"):
        transform(lambda x: {"t": x.t.str.ngrams(2, 1).is_null()}, Dataset.from_arrow(pa.table({"t": ["a"]})))
