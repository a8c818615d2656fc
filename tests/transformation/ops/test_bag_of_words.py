"""ops.bag_of_words: tokens counted."""

from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from headrace.dataset import Dataset
from headrace.errors import InvalidInput
from headrace.testing.op_cases import OpCases
from headrace.transformation import ops, transform
from headrace.transformation._contract import ValueType
from headrace.transformation.ops.bag_of_words import BagOfWords
from tests.transformation import meaning

WORDS = st.lists(st.sampled_from(["a", "b", "é", "", "🛫", "null"]), max_size=5).map(" ".join)
DOCUMENTS = ["the cat sat", "the dog sat on the cat", "a dog", "", "the the the", "cat dog cat dog"]


class TestBagOfWords(OpCases):
    """Single tokens, n-grams, another separator, and of any texts at all."""

    columns: ClassVar = {"t": "text", "u": "text"}
    has_reference = False  # it splits '' into one piece
    values: ClassVar = {"t": WORDS}

    def features(self, x):
        """Whole and cut."""
        return {
            "t": ops.bag_of_words(x.t),
            "pairs": ops.bag_of_words(x.t, ngrams=(1, 2), top_k=3),
            "two": ops.bag_of_words(x.t, ngrams=(2, 2), min_count=2),
            "u": ops.bag_of_words(x.u, separator="a"),
        }

    def define(self, rows, fitted):
        """Count in lists."""

        def feature(name, separator=" ", sizes=(1,), top_k=None, least=1):
            tokens = meaning.token_order([row[name] for row in fitted], separator, sizes, top_k, least)
            return [meaning.token_counts(row[name], tokens, separator, sizes) for row in rows]

        return {
            "t": feature("t"),
            "pairs": feature("t", sizes=(1, 2), top_k=3),
            "two": feature("t", sizes=(2,), least=2),
            "u": feature("u", separator="a"),
        }


@pytest.mark.parametrize("ngrams", [(1, 1), (1, 2), (2, 3)])
def test_scikit_learn_agrees(ngrams):
    """CountVectorizer's columns, in our order."""
    table = pa.table({"t": DOCUMENTS})
    graph = transform(lambda x: {"t": ops.bag_of_words(x.t, ngrams=ngrams)}, Dataset.from_arrow(table))
    vectorizer = CountVectorizer(ngram_range=ngrams, token_pattern=r"(?u)\b\w+\b")
    expected = vectorizer.fit_transform(DOCUMENTS).toarray()
    tokens = graph.to_plain()["constants"]["1"]["tokens"]
    order = [vectorizer.vocabulary_[token] for token in tokens]
    np.testing.assert_array_equal(np.array(graph.apply(table)["t"].to_pylist()), expected[:, order])


@pytest.mark.parametrize(
    "parameters",
    [
        {"top_k": 0},
        {"top_k": 10_001},
        {"min_count": 0},
        {"separator": ""},
        {"separator": 5},
        {"ngrams": (0, 1)},
        {"ngrams": (2, 1)},
        {"ngrams": (1, 6)},
        {"ngrams": 2},
    ],
)
def test_bad_parameters(parameters):
    """Each is refused by name."""
    with pytest.raises(InvalidInput, match=next(iter(parameters))):
        BagOfWords(**parameters)


def test_bad_input():
    """A number; more tokens than a graph should hold."""
    with pytest.raises(InvalidInput, match="no tokens"):
        BagOfWords().infer([ValueType("number")])
    table = pa.table({"t": [" ".join(str(index) for index in range(10_001))]})
    with pytest.raises(InvalidInput, match="10,001 tokens"):
        transform(lambda x: {"t": ops.bag_of_words(x.t)}, Dataset.from_arrow(table))


def test_one_long_text_among_many(monkeypatch):
    """Memory is bounded by running fewer rows at a time, which cannot be seen in what comes out."""
    texts = ["a b", None, "b " * 500, "a"] * 10
    table = pa.table({"t": texts})
    graph = transform(lambda x: {"t": ops.bag_of_words(x.t)}, Dataset.from_arrow(table))
    whole = graph.apply(table)["t"].to_pylist()
    monkeypatch.setattr("headrace.model.session._MOST_PIECES", 3000)
    assert graph.apply(table)["t"].to_pylist() == whole
    assert whole[2] == [0.0, 500.0] or whole[2] == [500.0, 0.0]
