"""Model: a codec and one ONNX graph, transform included, under one canonical execution."""

from headrace.model._model import Model
from headrace.model.codec import Codec
from headrace.model.columns import LANES, NULL_TEXT, InputColumn, Layout, columns_of, layout_of
from headrace.model.graph import GraphBuilder, Value
from headrace.model.session import open_session
from headrace.model.signature import Signature

__all__ = [
    "LANES",
    "NULL_TEXT",
    "Codec",
    "GraphBuilder",
    "InputColumn",
    "Layout",
    "Model",
    "Signature",
    "Value",
    "columns_of",
    "layout_of",
    "open_session",
]
