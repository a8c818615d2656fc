"""Proof: a server that loads a large model again and again takes no more memory than one that loaded it a few times.

Two models, each a table of 25 million numbers, 95 MiB as a file, are behind one endpoint; while two clients ask without
pause, a server with one worker is moved from one to the other and back, 300 times. Nothing is kept loaded: each move
reads 95 MiB, checks them, opens the graph, replays golden rows, flips, and frees the other. Every answer must be what
the version that its header names has at that place. After each move, once the other is freed, what is resident is
written down: from the tenth move to the last it may not grow by more than a hundredth of what was loaded meanwhile,
nor by more than 32 MiB.

    python proofs/loads.py [--share 50] [--seed 1]      --share N: 300/N loads, of models of 8 MiB
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from swap import ROOT, move, server, size_of

NUM_LOADS = 300
VALUES, FEW_VALUES = 25_000_000, 2_000_000
WARM_UP = 10
MAX_GROWTH_MB = 32.0
CLIENTS = 2


def table_of(seed: int, version: int, num_values: int) -> Any:
    """The numbers of a version."""
    return np.random.default_rng([seed, version]).normal(size=num_values).astype(np.float32)


def prepare(folder: Path, seed: int, num_values: int) -> float:
    """A store with versions 1 and 2 of endpoint `late`; the size of a model's file in MiB."""
    from onnx import TensorProto, helper, numpy_helper

    from headrace.model import InputColumn, Model
    from headrace.model.signature import Signature
    from headrace.rules import Verdict
    from headrace.store import Store

    size = 0.0
    with Store.open(folder / "home") as store:
        for version in (1, 2):
            number = numpy_helper.from_array(np.array(num_values, np.int64), "number")
            graph = helper.make_graph(
                [
                    helper.make_node("Mod", ["integer", "number"], ["place"]),
                    helper.make_node("Gather", ["table", "place"], ["prediction"]),
                ],
                "table",
                [helper.make_tensor_value_info("integer", TensorProto.INT64, [None, 1])],
                [helper.make_tensor_value_info("prediction", TensorProto.FLOAT, [None, 1])],
                [numpy_helper.from_array(table_of(seed, version, num_values), "table"), number],
            )
            onnx = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
            columns = (InputColumn("place", "integer", is_nullable=False),)
            model = Model(onnx.SerializeToString(), Signature(columns, "regression", outputs=("prediction",)))
            verdict = Verdict(ok=False, findings=(), model_digest=model.digest, evaluation_digest="0" * 64, rules=())
            store.save_artifact(model)
            store.save_artifact(verdict)
            store.push("late", model.digest, verdict.digest, expected_version=None if version == 1 else 1)
            size = len(model.onnx) / (1 << 20)
    return size


class Client(threading.Thread):
    """Asks for one place after another, and checks what it is told."""

    def __init__(self, port: int, tables: dict[int, Any], start: int) -> None:
        super().__init__(daemon=True)
        self.port, self.tables, self.start_at = port, tables, start
        self.num_asked = 0
        self.problems: list[str] = []
        self.stopping = False

    def run(self) -> None:
        """Until it is stopped."""
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        place, num_values = self.start_at, len(self.tables[1])
        while not self.stopping:
            place = (place * 48271 + 11) % num_values
            body = json.dumps({"instances": [{"place": place}]})
            try:
                link.request("POST", "/v1/models/late:predict", body)
                answer = link.getresponse()
                told = json.loads(answer.read())
                version = int(answer.headers["headrace-version"])
                if np.float32(told["predictions"][0]) != self.tables[version][place]:
                    self.problems.append(f"place {place} of version {version}: {told}")
            except Exception as error:  # whatever it is, the proof has failed
                self.problems.append(repr(error))
                return
            self.num_asked += 1
            time.sleep(0.002)


def main() -> None:
    """Prove, print, and end with 1 when memory grew or an answer was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=int, default=1, help="1/N of the loads, of smaller models")
    parser.add_argument("--seed", type=int, default=1, help="of the tables")
    arguments = parser.parse_args()
    started = time.monotonic()
    num_loads = max(4, NUM_LOADS // arguments.share)
    num_values = VALUES if arguments.share < 50 else FEW_VALUES
    with tempfile.TemporaryDirectory(prefix="headrace-loads-") as name:
        folder = Path(name)
        shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
        os.environ["PYTHONPATH"] = str(folder / "src")
        sys.path.insert(0, str(folder / "src"))
        size_mb = prepare(folder, arguments.seed, num_values)
        tables = {version: table_of(arguments.seed, version, num_values) for version in (1, 2)}
        resident, took = [], []
        with server(folder, 1, keep_previous_s="0", log_requests="false") as (url, (pid,)):
            clients = [Client(int(url.rpartition(":")[2]), tables, 7 + number) for number in range(CLIENTS)]
            for client in clients:
                client.start()
            for number in range(num_loads):
                begun, ended = move(folder, url, 1 + number % 2)
                took.append((ended - begun) / 1e9)
                time.sleep(0.15)  # the other is freed meanwhile
                resident.append(size_of(pid))
            for client in clients:
                client.stopping = True
            for client in clients:
                client.join(60)
    problems = [problem for client in clients for problem in client.problems]
    warm = [one["rss_mb"] for one in resident][min(WARM_UP, len(resident) // 2) :]
    growth_mb = float(np.median(warm[-5:]) - np.median(warm[:5]))
    allowed_mb = min(MAX_GROWTH_MB, max(8.0, size_mb * len(warm) / 100.0))
    more = {what: resident[-1][what] - resident[len(resident) // 2][what] for what in ("threads", "descriptors")}
    wrong = problems[:5]
    if growth_mb > allowed_mb:
        wrong.append(f"resident memory grew by {growth_mb:.1f} MiB")
    if more["threads"] > 0 or more["descriptors"] > 1:
        wrong.append(f"the worker grew: {more}")
    summary = {
        "proof": "loads",
        "summary": True,
        "loads": num_loads,
        "model_mb": round(size_mb, 1),
        "loaded_gb": round(size_mb * num_loads / 1024, 1),
        "requests": sum(client.num_asked for client in clients),
        "failed": len(problems),
        "seconds_to_serve": round(float(np.median(took)), 2),
        "rss_mb": [round(warm[0]), round(float(np.median(warm))), round(max(warm)), round(warm[-1])],
        "growth_mb": round(growth_mb, 1),
        "growth_kb_a_load": round(1024.0 * growth_mb / len(warm), 1),
        "violations": len(wrong),
        "wrong": wrong,
        "seed": arguments.seed,
        "share": arguments.share,
        "seconds": round(time.monotonic() - started),
    }
    print(json.dumps(summary), flush=True)
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
