"""ops.tf_idf: tokens weighted by how rare they are."""

import math
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from headrace.dataset import Dataset
from headrace.errors import UnknownName
from headrace.testing.op_cases import OpCases
from headrace.transformation import ops, transform
from headrace.transformation.ops.tf_idf import TfIdf
from tests.transformation import meaning
from tests.transformation.ops.test_bag_of_words import DOCUMENTS, WORDS


class TestTfIdf(OpCases):
    """With and without the length."""

    columns: ClassVar = {"t": "text"}
    has_reference = False  # it splits '' into one piece
    values: ClassVar = {"t": WORDS}

    def features(self, x):
        """Both norms."""
        return {"t": ops.tf_idf(x.t), "raw": ops.tf_idf(x.t, norm="none", ngrams=(1, 2), top_k=3)}

    def define(self, rows, fitted):
        """In float64, the squares on their grid."""

        def feature(sizes, top_k, has_length):
            texts = [row["t"] for row in fitted if row["t"] is not None]
            known = meaning.token_order(texts, sizes=sizes, top_k=top_k)
            holding = [sum(token in meaning.tokens(text, sizes=sizes) for text in texts) for token in known]
            weights = np.array([math.log((1 + len(texts)) / (1 + count)) + 1 for count in holding] or [1.0])
            found = []
            for row in rows:
                counts = np.array(meaning.token_counts(row["t"], known, sizes=sizes))
                squares = [
                    int(count) ** 2 * round(weight * weight * 2**30)
                    for count, weight in zip(counts, weights, strict=True)
                ]
                length = math.sqrt(sum(squares) / 2**30) if has_length and any(squares) else 1.0
                found.append(list(counts * weights / length))
            return found

        return {"t": feature((1,), None, True), "raw": feature((1, 2), 3, False)}


@pytest.mark.parametrize("ngrams", [(1, 1), (1, 2)])
@pytest.mark.parametrize("norm", ["l2", "none"])
def test_scikit_learn_agrees(ngrams, norm):
    """TfidfVectorizer's columns, in our order, to the last digits of a float32."""
    table = pa.table({"t": DOCUMENTS})
    graph = transform(lambda x: {"t": ops.tf_idf(x.t, ngrams=ngrams, norm=norm)}, Dataset.from_arrow(table))
    vectorizer = TfidfVectorizer(
        ngram_range=ngrams, token_pattern=r"(?u)\b\w+\b", norm=None if norm == "none" else norm
    )
    expected = vectorizer.fit_transform(DOCUMENTS).toarray()
    order = [vectorizer.vocabulary_[token] for token in graph.to_plain()["constants"]["1"]["tokens"]]
    got = np.array(graph.apply(table)["t"].to_pylist())
    np.testing.assert_allclose(got, expected[:, order], rtol=1e-7, atol=0)


def test_bad_norm():
    """Another norm has a name that is not known."""
    with pytest.raises(UnknownName, match="l2"):
        TfIdf(norm="l3")
