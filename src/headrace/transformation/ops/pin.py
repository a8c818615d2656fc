"""ops.pin: what an earlier transform was fitted to, kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headrace.errors import InvalidInput
from headrace.model.graph import GraphBuilder, Value
from headrace.transformation._contract import Op, ValueType
from headrace.transformation.expressions import Expressions

__all__ = ["Pin"]


@dataclass(frozen=True)
class Pin(Op):
    """`ops.pin(ops.vocabulary(x.carrier), graph=earlier)`: the expression with what `earlier` was fitted to in it.

    Where a code, a boundary or a mean must not move though the data do: because another model was trained on it, or
    because what is fitted above it would have to be fitted anew. Every op in the expression that `earlier` has, of
    equal inputs and parameters, keeps that transform's constants; an op that it has not is fitted as ever.

    Parameters
    ----------
    graph : TransformGraph
        A transform that was fitted before. Its constants become part of the features: nothing of it is read later.

    Nulls: as the expression has them.

    Raises InvalidInput for what is no transform graph, and where it has nothing that is fitted in the expression.
    Cost: no row is read for what is pinned.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from headrace.dataset import Dataset
    >>> from headrace.transformation import ops, trace, transform
    >>> table = pa.table({"a": [1.0, 3.0]})
    >>> earlier = transform(lambda x: {"a": ops.z_score(x.a)}, Dataset.from_arrow(table))
    >>> trace(lambda x: {"a": ops.pin(ops.z_score(x.a), graph=earlier)}).text(1)
    'z_score(x.a, pinned)'
    """

    graph: Any

    def __post_init__(self) -> None:
        if self.kept is None:
            raise InvalidInput(f"graph is {type(self.graph).__name__}", expected="what hr.transform returned")

    @property
    def kept(self) -> dict[str, Mapping[str, Any]] | None:
        """Key of a fitted expression to its constants; None for what is no transform graph."""
        try:
            plain = self.graph.to_plain()
            expressions, constants = Expressions.from_plain(plain["expressions"]), plain["constants"]
        except (AttributeError, KeyError, TypeError, InvalidInput):
            return None
        keys = expressions.keys()
        return {keys[int(index)]: found for index, found in constants.items()}

    def infer(self, inputs: Sequence[ValueType]) -> ValueType:
        """Never asked: what is recorded is the expression itself."""
        return inputs[0]

    def build(self, builder: GraphBuilder, inputs: Sequence[Value], constants: Mapping[str, Any]) -> Value:
        """Never asked."""
        return inputs[0]
