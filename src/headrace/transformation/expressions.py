"""The expression graph: what a feature function computes, as plain data that travels where code cannot."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from headrace.canonical import digest
from headrace.errors import InvalidInput
from headrace.model.weights import places_of, point

__all__ = ["PINNED", "PINNED_KINDS", "Expressions", "Node", "key_of", "node_text", "pinned_constants"]

PINNED = "@pinned"  # a parameter of any op: the constants of an earlier transform, which it keeps
PINNED_KINDS = "@kinds"  # among these: the kinds that its inputs had there

_LONGEST_VALUE = 400
_DEEPEST_TEXT = 8  # shared sub-expressions are written out each time: without an end, x = x + x doubles it


@dataclass(frozen=True)
class Node:
    """One node of an expression graph: "column", "literal" or an op's name, its parameters, and its inputs' indices."""

    op: str
    parameters: Mapping[str, Any]
    inputs: tuple[int, ...] = ()

    def to_plain(self) -> dict[str, Any]:
        """As plain data; empty parts are left out."""
        plain: dict[str, Any] = {"op": self.op}
        if self.parameters:
            plain["parameters"] = dict(self.parameters)
        if self.inputs:
            plain["inputs"] = list(self.inputs)
        return plain


@dataclass(frozen=True)
class Expressions:
    """A traced feature function: nodes in the order they are needed, equal ones once, and which one each feature is.

    Parameters
    ----------
    nodes : tuple of Node
        Inputs come before what uses them.
    features : tuple of (str, int)
        Feature name and node index, in the order of the returned dict.
    places : tuple of str
        The user's line of each node, for messages; neither compared nor in the key.

    >>> from headrace.transformation.tracing import trace
    >>> traced = trace(lambda x: {"twice": x.a * 2})
    >>> [node.op for node in traced.nodes]
    ['column', 'literal', 'arithmetic']
    >>> Expressions.from_plain(traced.to_plain()) == traced
    True
    """

    nodes: tuple[Node, ...]
    features: tuple[tuple[str, int], ...]
    places: tuple[str, ...] = field(default=(), compare=False)

    @property
    def column_names(self) -> tuple[str, ...]:
        """The raw columns read, in the order they are first needed."""
        return tuple(node.parameters["name"] for node in self.nodes if node.op == "column")

    def place_of(self, column: str) -> str:
        """The user's line where a column is read first; "" where it is not known."""
        for node, place in zip(self.nodes, self.places, strict=False):
            if node.op == "column" and node.parameters["name"] == column:
                return place
        return ""

    def to_plain(self) -> dict[str, Any]:
        """As plain data, places included: what a step's parameter holds.

        Where a pretrained part has weights apart, `weights` says in which files: no more in the key than places are.
        """
        apart = places_of(digest for node in self.nodes for digest in node.parameters.get("weights", ()))
        return {**self._core(), "places": list(self.places), **({"weights": apart} if apart else {})}

    def _core(self) -> dict[str, Any]:
        return {
            "format": 1,
            "nodes": [node.to_plain() for node in self.nodes],
            "features": [[name, index] for name, index in self.features],
        }

    @property
    def key(self) -> str:
        """sha256 of the canonical form without places: moving or commenting code does not change it."""
        return digest(self._core())

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Expressions:
        """Read what `to_plain` wrote, places or none. Raises InvalidInput when it is something else."""
        try:
            point(plain.get("weights", {}))
            if plain["format"] != 1:
                raise InvalidInput(f"expression graph of format {plain['format']!r}", expected="format 1")
            nodes = tuple(
                Node(item["op"], item.get("parameters", {}), tuple(item.get("inputs", ()))) for item in plain["nodes"]
            )
            features = tuple((str(name), int(index)) for name, index in plain["features"])
            for index, node in enumerate(nodes):
                if not all(0 <= item < index for item in node.inputs):
                    raise InvalidInput(f"node {index} uses a later node", where="expression graph")
            if not all(0 <= index < len(nodes) for _, index in features):
                raise InvalidInput("a feature names a node there is not", where="expression graph")
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, InvalidInput):
                raise
            raise InvalidInput(f"not an expression graph: {error!r}") from error
        return cls(nodes, features, tuple(plain.get("places", ())) or ("",) * len(nodes))

    def keys(self) -> list[str]:
        """A key for each node that says what it computes and not what it was fitted to: equal ones mean the same."""
        found: list[str] = []
        for node in self.nodes:
            found.append(key_of(node.op, node.parameters, [found[item] for item in node.inputs]))
        return found

    def text(self, index: int, *, depth: int = _DEEPEST_TEXT) -> str:
        """A node as the user would write it, "z_score(x.dep_delay)"; what lies deeper than `depth` is "...".

        >>> from headrace.transformation.tracing import trace
        >>> trace(lambda x: {"late": (x.delay > 15) & ~x.delay.is_null()}).text(5)
        '((x.delay > 15) & (~is_null(x.delay)))'
        """
        if depth == 0:
            return "..."
        node = self.nodes[index]
        return node_text(node, [self.text(item, depth=depth - 1) for item in node.inputs])


def key_of(op: str, parameters: Mapping[str, Any], inputs: Sequence[str]) -> str:
    """The key of a node of these inputs, whose keys are given."""
    return digest([op, {name: value for name, value in parameters.items() if name != PINNED}, list(inputs)])


def pinned_constants(node: Node) -> dict[str, Any]:
    """What a pinned node keeps."""
    return {name: value for name, value in node.parameters[PINNED].items() if name != PINNED_KINDS}


def _brief(value: Any) -> str:
    """A parameter as it is written; of a long one the beginning, and what tells it from others that begin so."""
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:60]}...{digest(value)[:8]}"


def node_text(node: Node, inputs: Sequence[str]) -> str:
    """One node as the user would write it, around its inputs' texts."""
    parameters = node.parameters
    if node.op == "column":
        name = parameters["name"]
        return f"x.{name}" if name.isidentifier() else f"x[{json.dumps(name, ensure_ascii=False)}]"
    if node.op == "literal":
        return repr(parameters["value"])
    if node.op in ("arithmetic", "comparison"):
        return f"({inputs[0]} {parameters['operator']} {inputs[1]})"
    if node.op == "logic":
        sign = {"and": "&", "or": "|", "not": "~"}[parameters["operator"]]
        return f"(~{inputs[0]})" if sign == "~" else f"({inputs[0]} {sign} {inputs[1]})"
    if node.op == "power":
        return f"({inputs[0]} ** {parameters['exponent']!r})"
    named = ["pinned" if name == PINNED else f"{name}={_brief(value)}" for name, value in parameters.items()]
    return f"{node.op}({', '.join([*inputs, *named])})"
