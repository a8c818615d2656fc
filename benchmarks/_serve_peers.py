"""Peers of case `serve`: other servers of Python over the same ONNX bytes, each in an environment of its own.

`serving` starts one and yields where it is asked and with what body; this file, copied to a folder of its own, is what
runs in the peer's environment. Each is written as its own pages advise: one process that answers, access log off. They
check as much as their frameworks do by themselves (FastAPI and BentoML: that rows are objects), and keep no log.
MLServer and Triton (`_serve_triton.py`) speak the V2 protocol: the lanes come as tensors, to Triton in binary, so that
they have less to do than the others.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = tuple(os.environ.get("SERVE_PEERS", "fastapi,bentoml,litserve,mlserver,ray,triton").split(","))
PATHS = {"mlserver": "/v2/models/late/infer", "triton": "/v2/models/late/infer", "ray": "/"}
# What makes a body of rows, and the headers it needs beside JSON's.
Bodies = Callable[[list[dict[str, Any]]], tuple[bytes, dict[str, str] | None]]
START_S = 120.0


@contextmanager
def serving(name: str, root: Path, folder: Path, model: Any, row: dict[str, Any]) -> Iterator[tuple[str, Bodies]]:
    """A peer that answers: its address and what makes the body to send.

    Raises RuntimeError with the reason where it is not installed or does not come up.
    """
    made = subprocess.run(
        ["sh", str(root / "tools" / "environment.sh"), f"serve-peers-{name}"],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    binaries = root / ".venvs" / f"serve-peers-{name}" / "bin"
    if made.returncode or not (binaries / "python").exists():
        raise RuntimeError(f"not installed: {made.stderr.strip()[-300:]}")
    place = folder / name
    place.mkdir()
    shutil.copy(__file__, place / "peer.py")
    (place / "model.onnx").write_bytes(model.onnx)
    layout = {lane: list(getattr(model.codec.layout, lane)) for lane in ("number", "integer", "text", "present")}
    (place / "layout.json").write_text(json.dumps(layout))
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    port, *more = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    command = {
        "bentoml": [str(binaries / "bentoml"), "serve", "peer:Late", "--host", "127.0.0.1", "--port", str(port)],
        "mlserver": [str(binaries / "mlserver"), "start", "."],
    }.get(name, [str(binaries / "python"), "peer.py", name, str(port)])
    if name == "triton":
        found = importlib.util.spec_from_file_location("serve_triton", Path(__file__).with_name("_serve_triton.py"))
        assert found is not None
        assert found.loader is not None
        triton = importlib.util.module_from_spec(found)
        found.loader.exec_module(triton)
        (site,) = binaries.parent.glob("lib/python*/site-packages")
        command = triton.make(place, site, model.onnx, layout, (port, *more))
    if name == "mlserver":
        quiet = {"debug": False, "parallel_workers": 0, "metrics_endpoint": None, "host": "127.0.0.1"}
        ports = {"http_port": port, "grpc_port": 0, "metrics_port": 0}
        (place / "settings.json").write_text(json.dumps({**quiet, **ports}))
        (place / "model-settings.json").write_text(json.dumps({"name": "late", "implementation": "peer.Late"}))
    environment = {
        **os.environ, "PEER": name, "PYTHONPATH": ".", "BENTOML_DO_NOT_TRACK": "True", "BENTOML_HOME": str(place),
        "RAY_USAGE_STATS_ENABLED": "0", "PATH": f"{binaries}:{os.environ['PATH']}",
    }  # fmt: skip
    log = place / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=place, env=environment, stdout=output, stderr=output, start_new_session=True
        )
    try:
        url = f"http://127.0.0.1:{port}{PATHS.get(name, '/predict')}"

        def bodies(rows: list[dict[str, Any]]) -> tuple[bytes, dict[str, str] | None]:
            return body_of(name, layout, rows)

        body, headers = bodies([row])
        deadline = time.monotonic() + START_S
        while True:
            try:
                request = urllib.request.Request(url, body, headers or {"content-type": "application/json"})
                with urllib.request.urlopen(request, timeout=10) as answer:
                    answer.read()
                break
            except OSError as error:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"did not come up ({error}): {log.read_text()[-600:]}") from error
                time.sleep(0.2)
        yield url, bodies
    finally:
        # The group it was started as the leader of: what it started itself ends with it.
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def body_of(name: str, layout: dict[str, list[str]], rows: list[dict[str, Any]]) -> tuple[bytes, dict[str, str] | None]:
    """Rows as the peer takes them, and the headers they need beside JSON's."""
    if name not in ("mlserver", "triton"):
        return json.dumps({"instances": rows}).encode(), None
    kinds = {"number": "FP64", "integer": "INT64", "text": "BYTES", "present": "BOOL"}
    inputs: list[dict[str, Any]] = []
    data = b""
    for lane, columns in layout.items():
        if not columns:
            continue
        values = [value_of(lane, row.get(column)) for row in rows for column in columns]
        told: dict[str, Any] = {"name": lane, "shape": [len(rows), len(columns)], "datatype": kinds[lane]}
        inputs.append(told)
        if name == "mlserver":
            told["data"] = [None if value != value else value for value in values]
            continue
        if lane == "text":
            texts = [value.encode() for value in values]
            part = b"".join(struct.pack("<I", len(text)) + text for text in texts)
        else:
            letter = {"number": "d", "integer": "q", "present": "?"}[lane]
            part = struct.pack(f"<{len(values)}{letter}", *values)
        told["parameters"] = {"binary_data_size": len(part)}
        data += part
    if name == "mlserver":
        return json.dumps({"inputs": inputs}).encode(), None
    head = json.dumps({"inputs": inputs, "parameters": {"binary_data_output": True}}).encode()
    length = {"content-type": "application/octet-stream", "inference-header-content-length": str(len(head))}
    return head + data, length


def value_of(lane: str, value: Any) -> Any:
    """What a lane holds of a value."""
    if lane == "present":
        return value is not None
    return {"number": math.nan, "integer": 0, "text": "\x00null"}[lane] if value is None else value


class Predictor:
    """ONNX Runtime over rows, the same for all peers."""

    def __init__(self) -> None:
        import numpy as np
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            Path("model.onnx").read_bytes(), options, providers=["CPUExecutionProvider"]
        )
        self.layout = json.loads(Path("layout.json").read_text())
        self.kinds = {"number": np.float64, "integer": np.int64, "text": object, "present": np.bool_}
        self.array = np.array

    def __call__(self, rows: list[dict[str, Any]]) -> list[float]:
        lanes = {
            lane: self.array([[value_of(lane, row.get(c)) for c in columns] for row in rows], self.kinds[lane])
            for lane, columns in self.layout.items() if columns
        }  # fmt: skip
        return self.run(lanes)

    def run(self, lanes: dict[str, Any]) -> list[float]:
        """The predictions of lanes."""
        found: list[float] = self.session.run(["prediction"], lanes)[0][:, 0].tolist()
        return found


def fastapi(port: int) -> None:
    """FastAPI under uvicorn, with the quicker loop and parser."""
    import uvicorn
    from fastapi import FastAPI
    from pydantic import create_model

    predict = Predictor()
    application = FastAPI()
    rows = create_model("Rows", instances=(list[dict], ...))

    async def answer(body: Any) -> dict[str, list[float]]:
        return {"predictions": predict(body.instances)}

    answer.__annotations__ = {"body": rows}
    application.post("/predict")(answer)
    uvicorn.run(application, host="127.0.0.1", port=port, access_log=False, log_level="warning")


def litserve(port: int) -> None:
    """LitServe, one worker."""
    import litserve as litserve_
    from peer import Late as Own  # by its module's name: it is sent to a process of its own

    server = litserve_.LitServer(Own(), accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=port, generate_client_file=False, log_level="warning")


def ray(port: int) -> None:
    """Ray Serve, one replica."""
    import ray as ray_
    from ray import serve

    ray_.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    place = str(Path.cwd())

    @serve.deployment(num_replicas=1, ray_actor_options={"num_cpus": 0.5})
    class Late:
        def __init__(self) -> None:
            os.chdir(place)
            sys.path.insert(0, place)
            from peer import Predictor as Own

            self.model = Own()

        async def __call__(self, request: Any) -> Any:
            return {"predictions": self.model((await request.json())["instances"])}

    serve.run(Late.bind(), route_prefix="/")
    while True:
        time.sleep(1)


if os.environ.get("PEER") == "bentoml":
    import bentoml

    @bentoml.service(workers=1, traffic={"timeout": 60})
    class Late:
        """BentoML, one worker."""

        def __init__(self) -> None:
            self.model = Predictor()

        @bentoml.api
        async def predict(self, instances: list[dict]) -> dict:
            return {"predictions": self.model(instances)}


if os.environ.get("PEER") == "litserve":
    import litserve as litserve_

    class Late(litserve_.LitAPI):  # type: ignore[no-redef]
        """LitServe's interface."""

        def setup(self, device: str) -> None:
            self.model = Predictor()

        def decode_request(self, request):  # type: ignore[no-untyped-def]  # an annotation is a schema to it
            return request["instances"]

        def predict(self, rows: Any) -> Any:
            return self.model(rows)

        def encode_response(self, output: Any) -> Any:
            return {"predictions": output}


if os.environ.get("PEER") == "mlserver":
    import numpy as np
    from mlserver import MLModel
    from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput

    class Late(MLModel):  # type: ignore[no-redef]
        """MLServer, in its own process."""

        async def load(self) -> bool:
            self.model = Predictor()
            return True

        async def predict(self, payload: InferenceRequest) -> InferenceResponse:
            lanes = {}
            for one in payload.inputs:
                values = [value_of(one.name, value) for value in list(one.data)]
                lanes[one.name] = np.array(values, self.model.kinds[one.name]).reshape(one.shape)
            found = self.model.run(lanes)
            output = ResponseOutput(name="prediction", shape=[len(found)], datatype="FP32", data=found)
            return InferenceResponse(model_name="late", outputs=[output])


if __name__ == "__main__":
    {"fastapi": fastapi, "litserve": litserve, "ray": ray}[sys.argv[1]](int(sys.argv[2]))
