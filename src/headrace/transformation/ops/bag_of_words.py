"""ops.bag_of_words: how often each token is in a text, as a vector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headrace.model.graph import GraphBuilder, Value
from headrace.transformation.ops._tokens import TokenOp

__all__ = ["BagOfWords"]


@dataclass(frozen=True)
class BagOfWords(TokenOp):
    """`ops.bag_of_words(x.comment, top_k=1000)`: how often the text holds each of the most frequent tokens.

    Words are what stands between separators, as they are: bring them into one form before, as in
    `x.comment.lower().replace(pattern=r"[^\\p{L}\\p{N}]+", replacement=" ").strip()`. For n-grams of characters, count
    those of `ops.character_ngrams`.

    Parameters
    ----------
    top_k : int, optional
        Keep only the first so many, up to 10,000.
    min_count : int
        Keep only tokens that came in at least so many texts.
    separator : str
        What stands between tokens, whole and exactly. An empty token is none.
    ngrams : (int, int)
        (1, 2) has single tokens and pairs of neighbours; (2, 2) pairs alone. Up to 5.

    Columns follow the number of texts that hold the token, in the rows the transform is fitted on, descending; then the
    token's bytes.

    Nulls: null is all 0, like '' and a text of unknown tokens. Where there was no token to fit on, there is one column
    of 0.

    Raises InvalidInput for kinds other than text, for parameters out of range, and for more than 10,000 tokens.
    Cost: one fold that cuts every distinct text; five nodes, and about 1 us a token of a row.

    Examples
    --------
    >>> from headrace.transformation import ops, trace
    >>> trace(lambda x: {"words": ops.bag_of_words(x.comment, ngrams=(1, 2))}).text(1)
    'bag_of_words(x.comment, ngrams=[1, 2])'

    Source: as scikit-learn's CountVectorizer, whose columns stand in alphabetical order.
    """

    def build(self, builder: GraphBuilder, inputs: Sequence[Value], constants: Mapping[str, Any]) -> Value:
        """Count."""
        counts, width = self.count(builder, inputs[0], constants)
        return Value(counts, "number", width=width)
