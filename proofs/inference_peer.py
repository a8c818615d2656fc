"""Proof: the Open Inference Protocol means the same here and in MLServer, with the same ONNX bytes behind both.

Requests of 1 to 64 rows, JSON flat and nested, and gRPC in contents and raw, go to both servers: where both answer, the
predictions must be the same bits, and the ids. Then requests made wrong by a seed go to both over HTTP. Which of the
two refuses is counted; ours may refuse more (it knows its columns and their types), never answer 500, and where both
answer they must agree.

    python proofs/inference_peer.py [--share 50] [--seed 1]      --share N: 1/N of the requests
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "proofs"))

import grpc  # noqa: E402
import httpx  # noqa: E402
import numpy as np  # noqa: E402
from _mutations import mutate_json  # noqa: E402
from tests.adapters.grpc.test_listener import contents_request, free_port, raw_request  # noqa: E402
from tests.serving.asked import json_request  # noqa: E402
from tests.serving.conftest import Pushed, running  # noqa: E402

from headrace.adapters.grpc.messages import message  # noqa: E402

ENVIRONMENT = "serve-peers-mlserver"
REQUESTS = 1000
WRONG = 2000
PATH = "/v2/models/late/infer"
METHOD = "/inference.GRPCInferenceService/ModelInfer"
START_S = 120.0


@contextmanager
def mlserver(folder: Path, model: Any) -> Iterator[tuple[str, str]]:
    """MLServer with that model: where it speaks HTTP and gRPC."""
    folder.mkdir()
    shutil.copy(ROOT / "proofs" / "_inference_mlserver.py", folder / "peer.py")
    (folder / "model.onnx").write_bytes(model.onnx)
    layout = {lane: list(getattr(model.codec.layout, lane)) for lane in ("number", "integer", "text", "present")}
    (folder / "layout.json").write_text(json.dumps(layout))
    http, rpc = free_port(), free_port()
    settings = {"debug": False, "parallel_workers": 0, "metrics_endpoint": None, "host": "127.0.0.1"}
    (folder / "settings.json").write_text(json.dumps({**settings, "http_port": http, "grpc_port": rpc}))
    (folder / "model-settings.json").write_text(json.dumps({"name": "late", "implementation": "peer.Late"}))
    binaries = ROOT / ".venvs" / ENVIRONMENT / "bin"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [str(binaries / "mlserver"), "start", "."],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": "."},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + START_S
        while True:
            try:
                if httpx.get(f"http://127.0.0.1:{http}/v2/models/late/ready", timeout=5).status_code == 200:
                    break
            except httpx.TransportError:
                pass
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"MLServer did not come up: {(folder / 'log').read_text()[-1000:]}")
            time.sleep(0.2)
        yield f"http://127.0.0.1:{http}", f"127.0.0.1:{rpc}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def prediction_of(body: Any) -> bytes:
    """The float32 of an answer in JSON."""
    output = next(one for one in body["outputs"] if one["name"] == "prediction")
    return np.array(output["data"], np.float32).reshape(-1).tobytes()


def prediction_of_message(data: bytes) -> bytes:
    """The float32 of an answer of gRPC, raw or in contents."""
    answer = message("ModelInferResponse").FromString(data)
    if answer.raw_output_contents:
        return bytes(answer.raw_output_contents[0])
    return np.array(answer.outputs[0].contents.fp32_contents, np.float32).tobytes()


def ask(clients: dict[str, httpx.Client], body: bytes) -> dict[str, httpx.Response]:
    """Both servers' answers; one that cuts the connection answers 500."""
    found = {}
    for name, client in clients.items():
        try:
            found[name] = client.post(PATH, content=body, headers={"content-type": "application/json"})
        except httpx.TransportError as error:
            found[name] = httpx.Response(500, json={"error": repr(error)})
    return found


def main() -> None:
    """Ask both, and say where they differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    subprocess.run(["sh", str(ROOT / "tools" / "environment.sh"), ENVIRONMENT], check=True)
    folder = Path(tempfile.mkdtemp(prefix="headrace-mlserver-"))
    draw, counts, problems = random.Random(arguments.seed), Counter[str](), []
    try:
        pushed = Pushed(folder / "home")
        table = pushed.table
        for name in table.column_names:
            table = table.filter(table[name].is_valid())
        port = free_port()
        with (
            mlserver(folder / "peer", pushed.model) as (url, place),
            running(pushed.home, "--grpc-port", str(port)) as (ours, _),
            httpx.Client(base_url=url, timeout=60) as theirs,
        ):
            clients = {"ours": ours, "theirs": theirs}
            calls = [grpc.insecure_channel(one).unary_unary(METHOD) for one in (f"127.0.0.1:{port}", place)]
            for number in range(max(10, REQUESTS // arguments.share)):
                size = draw.choice((1, 2, 7, 64))
                part = table.slice(draw.randrange(table.num_rows - size), size)
                kind = ("flat", "nested", "contents", "raw")[number % 4]
                if kind in ("flat", "nested"):
                    plain = json_request(part, id=str(number))
                    for one in plain["inputs"] if kind == "nested" else ():
                        if one["datatype"] != "BYTES":  # MLServer 1.7.1 reads each nested text as ""
                            one["shape"], one["data"] = [size, 1], [[value] for value in one["data"]]
                    answers = [one.json() for one in ask(clients, json.dumps(plain).encode()).values()]
                    found = [(prediction_of(one), one["id"]) for one in answers]
                else:
                    request = contents_request(part) if kind == "contents" else raw_request(part)
                    found = [prediction_of_message(call(request.SerializeToString(), timeout=60)) for call in calls]
                counts[f"{kind}, both answer"] += 1
                if found[0] != found[1]:
                    problems.append(f"number {number}, {kind}: {found}"[:300])
            for number in range(max(20, WRONG // arguments.share)):
                body = mutate_json(json_request(table.slice(number % table.num_rows, 2)), draw)
                answers = ask(clients, body)
                status = {name: answer.status_code for name, answer in answers.items()}
                said = {name: "answers" if code == 200 else "refuses" for name, code in status.items()}
                counts[f"wrong: ours {said['ours']}, theirs {said['theirs']}"] += 1
                counts["wrong: theirs 500"] += status["theirs"] >= 500
                both = set(said.values()) == {"answers"}
                if status["ours"] >= 500 or (both and len({prediction_of(one.json()) for one in answers.values()}) > 1):
                    problems.append(f"wrong {number}: {status} {body[:600]!r}")
        line = {"case": "inference_peer", "peer": "MLServer 1.7.1", "problems": problems[:10], "num": len(problems)}
        print(json.dumps({**line, "counts": dict(sorted(counts.items()))}))
        if problems:
            raise SystemExit(1)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
