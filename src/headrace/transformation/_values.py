"""The values of chosen nodes for a batch, as Arrow arrays: what folds of derived columns and explanations read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.model.codec import Codec
from headrace.model.columns import NULL_TEXT
from headrace.model.graph import GraphBuilder
from headrace.model.session import open_session
from headrace.schema import Kind, arrow_type
from headrace.transformation._program import Program

__all__ = ["NodeValues", "values_as_arrow"]

_DTYPE: dict[str, npt.DTypeLike] = {"number": np.float64, "boolean": np.bool_, "text": object}


class NodeValues:
    """Run part of a program through ONNX Runtime: the same nodes that the features are made of.

    Parameters
    ----------
    program : Program
        Fitted as far as the wanted nodes need.
    wanted : iterable of int
        Node indices; literals have no column and are left out, and so is what lies inside a chain of the prelude.
    """

    def __init__(self, program: Program, wanted: Iterable[int]) -> None:
        nodes = program.expressions.nodes
        self.indices = [
            index for index in sorted(set(wanted)) if nodes[index].op != "literal" and program.has_value(index)
        ]
        self.kinds: dict[int, Kind] = {}
        builder = GraphBuilder(program.columns)
        outputs: dict[str, tuple[str, npt.DTypeLike, int | None]] = {}
        for index, value in program.emit(builder, self.indices).items():
            if index not in self.indices:
                continue
            self.kinds[index] = value.kind
            outputs[f"value {index}"] = (value.name, _DTYPE.get(value.kind, np.int64), value.width)
            if value.present is not None:
                outputs[f"present {index}"] = (value.present, np.bool_, None)
        self._names = list(outputs)
        self._session = open_session(builder.finish(outputs))
        self.codec = Codec(program.columns)

    def of_lanes(self, lanes: dict[str, Any]) -> dict[int, pa.Array]:
        """The nodes' values, null where null (a number's NaN too); each of its kind's canonical Arrow type.

        A vector is a list of fixed size.
        """
        found = dict(zip(self._names, self._session.run(self._names, lanes), strict=True))
        num_rows = len(next(iter(lanes.values())))
        return {
            index: values_as_arrow(self.kinds[index], found[f"value {index}"], found.get(f"present {index}"), num_rows)
            for index in self.indices
        }


def values_as_arrow(
    kind: Kind, values: npt.NDArray[Any], present: npt.NDArray[np.bool_] | None, num_rows: int
) -> pa.Array:
    """A graph's value [num_rows, width] in its kind's canonical Arrow type, null where null; a vector as a list."""
    if values.shape[1] > 1:
        return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1])
    values = values.reshape(-1)
    if present is not None:
        missing = ~np.broadcast_to(present.reshape(-1), (num_rows,))
    elif kind == "number":
        missing = np.isnan(values)
    elif kind == "text":
        missing = values == NULL_TEXT
    else:
        missing = np.zeros(num_rows, dtype=np.bool_)
    if kind == "text":
        items = [None if is_missing else item for item, is_missing in zip(values, missing, strict=True)]
        return pa.array(items, pa.large_string())
    storage = pa.array(values, mask=missing if missing.any() else None)
    return storage if kind in ("number", "integer", "boolean") else storage.view(arrow_type(kind))
