"""ops.pin: what an earlier transform was fitted to, kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headrace.errors import InvalidInput
from headrace.model.graph import GraphBuilder, Value
from headrace.transformation._contract import Op, ValueType
from headrace.transformation._program import Program
from headrace.transformation._recording import Kept
from headrace.transformation.earlier import graph_of_version
from headrace.transformation.expressions import PINNED_KINDS

__all__ = ["Pin"]


@dataclass(frozen=True)
class Pin(Op):
    """`ops.pin(ops.vocabulary(x.carrier), from_version=12)`: the expression with what that version was fitted to in it.

    Where a code, a boundary or a mean must not move though the data do: because another model was trained on it, or
    because what is fitted above it would have to be fitted anew. Every op in the expression that learns from rows keeps
    the constants that the earlier transform has for it: the one of equal inputs and parameters.

    Parameters
    ----------
    graph : TransformGraph, optional
        A transform that was fitted before. Its constants become part of the features: nothing of it is read later. An
        op that it has not is fitted as ever, as long as it has one.
    from_version : int, optional
        Instead: the version of an endpoint whose model's transform it is. Looked up when features are traced, in the
        store of `with hr.open_store(dir):` or of the pipeline's project; it must have every op that learns.
    endpoint : str, optional
        Of `from_version`; may be left out where the store has one endpoint.

    Nulls: as the expression has them.

    Raises InvalidInput for what is no transform graph, where the earlier one has nothing that is fitted in the
    expression (or, by version, lacks any of it), and where an input is of another kind now; what
    `headrace.transformation.earlier.graph_of_version` raises.
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

    graph: Any = None
    from_version: int | None = None
    endpoint: str | None = None

    def __post_init__(self) -> None:
        if (self.graph is None) == (self.from_version is None):
            raise InvalidInput(
                f"graph is {type(self.graph).__name__}, from_version is {self.from_version!r}",
                expected="one of them: graph=<what hr.transform returned>, or from_version=12",
            )
        if self.endpoint is not None and self.from_version is None:
            raise InvalidInput(f"endpoint={self.endpoint!r} without a version", fix="from_version=12, endpoint='late'")
        if self.from_version is not None:
            if isinstance(self.from_version, bool) or not isinstance(self.from_version, int):
                raise InvalidInput(f"from_version = {self.from_version!r}", expected="a whole number, such as 12")
            object.__setattr__(self, "graph", graph_of_version(self.from_version, self.endpoint))
        if not isinstance(getattr(self.graph, "_program", None), Program):
            raise InvalidInput(f"graph is {type(self.graph).__name__}", expected="what hr.transform returned")

    @property
    def kept(self) -> Kept:
        """What the earlier transform has."""
        program = self.graph._program
        keys, nodes = program.expressions.keys(), program.expressions.nodes
        return Kept(
            {
                keys[index]: {**found, PINNED_KINDS: [program.types[item].kind for item in nodes[index].inputs]}
                for index, found in program.constants.items()
            },
            frozenset(keys),
            tuple(program.expressions.text(index, depth=3) for index in sorted(program.constants)),
            is_strict=self.from_version is not None,
        )

    def infer(self, inputs: Sequence[ValueType]) -> ValueType:
        """Never asked: what is recorded is the expression itself."""
        return inputs[0]

    def build(self, builder: GraphBuilder, inputs: Sequence[Value], constants: Mapping[str, Any]) -> Value:
        """Never asked."""
        return inputs[0]
