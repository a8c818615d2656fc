"""Model: a codec and one ONNX graph, transform included, under one canonical execution."""

from headrace.model.codec import Codec
from headrace.model.columns import LANES, NULL_TEXT, InputColumn, Layout, columns_of, layout_of
from headrace.model.session import open_session

__all__ = ["LANES", "NULL_TEXT", "Codec", "InputColumn", "Layout", "columns_of", "layout_of", "open_session"]
