"""ops.multi_hot: several categories in one text, as a vector with a 1 for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headrace.model.graph import GraphBuilder, Value
from headrace.transformation.ops._tokens import TokenOp

__all__ = ["MultiHot"]


@dataclass(frozen=True)
class MultiHot(TokenOp):
    """`ops.multi_hot(x.tags, separator="|", top_k=100)`: 1 in the place of every token the text holds, 0 elsewhere.

    The tokens stand in one text, as "news|sport", which is how a column that is asked of by JSON and CSV alike can hold
    several. Columns follow the number of texts that hold the token, in the rows the transform is fitted on, descending;
    then the token's bytes.

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

    Nulls: null is all 0, like '' and a text of unknown tokens. Where there was no token to fit on, there is one column
    of 0.

    Raises InvalidInput for kinds other than text, for parameters out of range, and for more than 10,000 tokens.
    Cost: one fold that cuts every distinct text; six nodes, and about 1 us a token of a row.

    Examples
    --------
    >>> from headrace.transformation import ops, trace
    >>> trace(lambda x: {"tags": ops.multi_hot(x.tags, separator="|")}).text(1)
    "multi_hot(x.tags, separator='|')"

    Source: as scikit-learn's MultiLabelBinarizer, and CountVectorizer(binary=True) for words.
    """

    def build(self, builder: GraphBuilder, inputs: Sequence[Value], constants: Mapping[str, Any]) -> Value:
        """Count, at most once."""
        counts, width = self.count(builder, inputs[0], constants)
        return Value(builder.node("Min", [counts, builder.number(1.0)]), "number", width=width)
