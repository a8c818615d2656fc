"""MLServer's half of the differential proof: a runtime over the same ONNX bytes, knowing nothing of headrace.

It lies beside `model.onnx` and `layout.json` (lane -> columns) in the folder that `mlserver start` is given.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Late(MLModel):
    """One tensor a column, stacked into the lanes that the graph takes; no value is null."""

    async def load(self) -> bool:
        """Open the graph."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(Path("model.onnx").read_bytes(), options)
        self._layout = json.loads(Path("layout.json").read_text())
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Answer a request."""
        found = {}
        for one in payload.inputs:
            if one.datatype == "BYTES":
                found[one.name] = np.array(StringCodec.decode_input(one), object).reshape(-1)
            else:
                found[one.name] = NumpyCodec.decode_input(one).reshape(-1)
        dtypes = {"number": np.float64, "integer": np.int64, "text": object}
        lanes = {
            lane: np.stack([found[name].astype(dtypes[lane]) for name in names], axis=1)
            for lane, names in self._layout.items()
            if names and lane != "present"
        }
        num_rows = len(next(iter(found.values())))
        if self._layout["present"]:
            lanes["present"] = np.ones((num_rows, len(self._layout["present"])), bool)
        (prediction,) = self._session.run(["prediction"], lanes)
        output = NumpyCodec.encode_output("prediction", prediction.reshape(-1))
        return InferenceResponse(model_name=self.name, id=payload.id, outputs=[output])
