"""ops.one_hot: a category as a vector with a single 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from headrace.errors import InvalidInput
from headrace.model.graph import GraphBuilder, Value
from headrace.transformation._contract import ValueType
from headrace.transformation.ops.vocabulary import Vocabulary

__all__ = ["OneHot"]

_MOST = 10_000


@dataclass(frozen=True)
class OneHot(Vocabulary):
    """`ops.one_hot(x.carrier, top_k=50)`: 1 in the place of the value's code in `ops.vocabulary`, 0 elsewhere.

    For linear models and neural networks; trees do better with `ops.vocabulary`. The parameters are those of
    `ops.vocabulary`: column i is its code i, so the most frequent value comes first, and with `num_oov` so many columns
    follow for what is outside the vocabulary.

    Nulls: null is all 0, and so is a value outside the vocabulary. To give null a column, fill it first:
    `x.carrier.fill_null("none")`. Where there was no value to fit on, there is one column of 0.

    Raises InvalidInput for kinds other than text, integer and boolean, and for more than 10,000 columns.
    Cost: one fold over the column; two nodes beyond the vocabulary's, one comparison a column and row.

    Examples
    --------
    >>> from headrace.transformation import ops, trace
    >>> trace(lambda x: {"carrier": ops.one_hot(x.carrier, top_k=50)}).text(1)
    'one_hot(x.carrier, top_k=50)'

    Source: as scikit-learn's OneHotEncoder(handle_unknown="ignore"), with other places for the values.
    """

    def infer(self, inputs: Sequence[ValueType]) -> ValueType:
        """A vector of numbers."""
        super().infer(inputs)
        return ValueType("number", is_vector=True)

    def constants(self, result: Any) -> dict[str, Any]:
        """The values that have a column."""
        found = super().constants(result)
        if len(found["values"]) + self.num_oov > _MOST:
            raise InvalidInput(
                f"{len(found['values']) + self.num_oov:,} columns", expected=f"at most {_MOST:,}", fix="give top_k"
            )
        return found

    def build(self, builder: GraphBuilder, inputs: Sequence[Value], constants: Mapping[str, Any]) -> Value:
        """The code, compared with every place; NaN equals none."""
        width = max(1, len(constants["values"]) + self.num_oov)
        places = builder.constant(np.arange(width, dtype=np.float64).reshape(1, -1))
        code = super().build(builder, inputs, constants)
        return Value(builder.cast(builder.compare("==", code.name, places), np.float64), "number", width=width)
