"""Transformation: a function of columns becomes one fitted graph that training and serving both run."""

from headrace.transformation._contract import Op, ValueType
from headrace.transformation._graph import TransformGraph
from headrace.transformation._recording import Columns, Expression
from headrace.transformation._transform import transform
from headrace.transformation.diff import GraphDiff
from headrace.transformation.tracing import Expressions, trace

__all__ = [
    "Columns",
    "Expression",
    "Expressions",
    "GraphDiff",
    "Op",
    "TransformGraph",
    "ValueType",
    "trace",
    "transform",
]
