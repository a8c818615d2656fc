"""Triton as a peer of case `serve`: its server from a wheel, its Python backend over the same ONNX bytes.

`make` writes a model repository; this file, copied into it as `model.py`, is what the backend runs, in a process that
Triton starts. It is asked in the binary form of its own protocol: the lanes come as tensors, nothing is parsed.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

KINDS = {"number": "FP64", "integer": "INT64", "text": "STRING", "present": "BOOL"}


def make(place: Path, site: Path, onnx: bytes, layout: dict[str, list[str]], ports: tuple[int, int, int]) -> list[str]:
    """A repository of one model in a folder, and the command that serves it.

    `site` is where the packages of its environment lie: the backend's process does not look there by itself.
    """
    version = place / "models" / "late" / "1"
    version.mkdir(parents=True)
    inputs = [
        f'{{ name: "{lane}" data_type: TYPE_{KINDS[lane]} dims: [ {len(columns)} ] }}'
        for lane, columns in layout.items()
        if columns
    ]
    (version.parent / "config.pbtxt").write_text(
        f'name: "late"\nbackend: "python"\nmax_batch_size: 1024\ninput [ {", ".join(inputs)} ]\n'
        'output [ { name: "prediction" data_type: TYPE_FP32 dims: [ 1 ] } ]\n'
        "instance_group [ { count: 1 kind: KIND_CPU } ]\ndynamic_batching { }\n"
    )
    (version / "m.onnx").write_bytes(onnx)
    (version / "site.json").write_text(json.dumps(str(site)))
    shutil.copy(__file__, version / "model.py")
    server = site / "pytriton" / "tritonserver"
    backends = server / "backends"
    # The stub of this Python has to lie beside the backend, and finds its libraries from there alone.
    shutil.copy(server / "python_backend_stubs" / "3.11" / "triton_python_backend_stub", backends / "python")
    http, grpc, metrics = ports
    return [
        *(str(server / "bin" / "tritonserver"), "--model-repository", str(place / "models")),
        *("--backend-directory", str(backends), "--http-address", "127.0.0.1", "--http-port", str(http)),
        *("--grpc-address", "127.0.0.1", "--grpc-port", str(grpc), "--metrics-port", str(metrics)),
    ]


class TritonPythonModel:
    """What the backend asks for: all requests that are there together are one run."""

    def initialize(self, args: dict[str, Any]) -> None:
        """Open the model beside this file."""
        here = Path(__file__).parent
        sys.path.insert(0, json.loads((here / "site.json").read_text()))
        import numpy
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            (here / "m.onnx").read_bytes(), options, providers=["CPUExecutionProvider"]
        )
        self.names = [one.name for one in self.session.get_inputs()]
        self.numpy = numpy

    def execute(self, requests: list[Any]) -> list[Any]:
        """An answer for each."""
        import triton_python_backend_utils as backend

        parts = [
            {name: backend.get_input_tensor_by_name(one, name).as_numpy() for name in self.names} for one in requests
        ]
        lanes = {name: self.numpy.concatenate([part[name] for part in parts]) for name in self.names}
        if "text" in lanes:
            texts = [[text.decode() for text in row] for row in lanes["text"].tolist()]
            lanes["text"] = self.numpy.array(texts, object)
        found, answers, at = self.session.run(["prediction"], lanes)[0], [], 0
        for part in parts:
            end = at + len(next(iter(part.values())))
            answers.append(backend.InferenceResponse([backend.Tensor("prediction", found[at:end])]))
            at = end
        return answers
