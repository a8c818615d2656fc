"""ops.tf_idf: how much each token says of a text, as a vector."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from headrace.errors import UnknownName
from headrace.model.graph import GraphBuilder, Value
from headrace.transformation.ops._tokens import TokenOp

__all__ = ["TfIdf"]

_NORMS = ("l2", "none")
_GRID = 2.0**30
_MOST_TIMES = 32_768.0  # its square, times the largest weight, times many tokens, stays within 64 bits


@dataclass(frozen=True)
class TfIdf(TokenOp):
    """`ops.tf_idf(x.comment, top_k=1000)`: how often a token is in the text, times how rare it is in all of them.

    The weight of a token is ln((1 + n) / (1 + m)) + 1, where n of the texts the transform is fitted on were not null
    and m of them hold the token. Counts, parameters and the order of columns are those of `ops.bag_of_words`.

    Parameters
    ----------
    norm : str
        "l2": each text's vector has length 1 (or is 0); "none": count times weight.
    top_k, min_count, separator, ngrams
        See `ops.bag_of_words`.

    Nulls: null is all 0, like '' and a text of unknown tokens.

    The length is a sum of whole numbers, the squared weights being rounded to 2^-30, so that no order of adding shows;
    a count beyond 32,768 adds to it what 32,768 does.

    Raises InvalidInput for kinds other than text, for parameters out of range, and for more than 10,000 tokens;
    UnknownName for another norm. Cost: one fold that cuts every distinct text; eleven nodes, and about 1 us a token.

    Examples
    --------
    >>> from headrace.transformation import ops, trace
    >>> trace(lambda x: {"words": ops.tf_idf(x.comment, top_k=500)}).text(1)
    'tf_idf(x.comment, top_k=500)'

    Source: as scikit-learn's TfidfVectorizer. TFX Transform's tfidf has the same weights, but divides counts by the
    number of the text's tokens and not by a length.
    """

    norm: str = "l2"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.norm not in _NORMS:
            raise UnknownName("norm of ops.tf_idf", str(self.norm), _NORMS)

    def build(self, builder: GraphBuilder, inputs: Sequence[Value], constants: Mapping[str, Any]) -> Value:
        """Mul, and for the length a sum of int64."""
        counts, width = self.count(builder, inputs[0], constants)
        texts = [math.log((1 + constants["num_rows"]) / (1 + item)) + 1.0 for item in constants["num_texts"]] or [1.0]
        weights = np.array([texts], dtype=np.float64)
        weighted = builder.node("Mul", [counts, builder.constant(weights)])
        if self.norm == "none":
            return Value(weighted, "number", width=width)
        few = builder.cast(builder.node("Min", [counts, builder.number(_MOST_TIMES)]), np.int64)
        squares = builder.constant(np.rint(weights * weights * _GRID).astype(np.int64))
        terms = builder.node("Mul", [builder.node("Mul", [few, few]), squares])
        total = builder.cast(builder.node("ReduceSum", [terms, builder.integer(1)], keepdims=1), np.float64)
        length = builder.node("Sqrt", [builder.node("Div", [total, builder.number(_GRID)])])
        safe = builder.where(builder.compare("==", total, builder.number(0.0)), builder.number(1.0), length)
        return Value(builder.node("Div", [weighted, safe]), "number", width=width)
