"""Proof: the clients that people have of the Open Inference Protocol get the evaluated predictions from our server.

Triton's client (HTTP in JSON and in binary, gRPC, compressed by gzip and deflate, asynchronous) and KServe's (REST and
gRPC), each of their own release and in an environment of its own, ask a server of two workers with a token set: health,
metadata, and requests of 1 to 400 rows in every form. Each answer must be, bit for bit, what the model was evaluated
with; each wrong call must have the status that the protocol gives it. The messages of gRPC are compared, field by
field, with the description that Triton's client ships.

    python proofs/inference_protocol.py [--share 50] [--seed 1]      --share N: 1/N of the requests
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.adapters.grpc.test_listener import free_port  # noqa: E402  # of this checkout, found by the line above
from tests.serving.asked import DATATYPES, values_of  # noqa: E402
from tests.serving.conftest import Pushed, running  # noqa: E402

PYTHON = ROOT / ".venvs" / "inference-clients" / "bin" / "python"
TURNS = 1000
TOKEN = "s3cret"


def columns_of(table: Any) -> dict[str, np.ndarray]:
    """The columns as the clients send them, and the companions of those that have nulls."""
    found: dict[str, np.ndarray] = {}
    for name, datatype in DATATYPES.items():
        values = values_of(table, name)
        present = np.array([value is not None for value in values])
        if datatype == "FP64":
            found[name] = np.array([np.nan if value is None else value for value in values])
            continue
        dtype, null = {"BYTES": (np.str_, ""), "BOOL": (np.bool_, False)}.get(datatype, (np.int64, 0))
        found[name] = np.array([null if value is None else value for value in values], dtype)
        if not present.all():
            found[f"{name}:present"] = present
    return found


def ask(script: str, folder: Path) -> dict[str, Any]:
    """What one script of clients found."""
    done = subprocess.run([str(PYTHON), str(ROOT / "proofs" / script), str(folder)], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"{script} ended with {done.returncode}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Start a server, let the clients ask, and say what they got."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    subprocess.run(["sh", str(ROOT / "tools" / "environment.sh"), "inference-clients"], check=True)
    folder = Path(tempfile.mkdtemp(prefix="headrace-inference-"))
    try:
        pushed = Pushed(folder / "home")
        np.savez(folder / "columns.npz", **columns_of(pushed.table))
        np.save(folder / "expected.npy", pushed.expected.astype(np.float32))
        port = free_port()
        environment = {"HEADRACE_TOKEN": TOKEN}
        with running(pushed.home, "--grpc-port", str(port), workers=2, environment=environment) as (client, process):
            told = {
                "url": str(client.base_url).rstrip("/"),
                "grpc": f"127.0.0.1:{port}",
                "token": TOKEN,
                "turns": max(10, TURNS // arguments.share),
            }
            (folder / "told.json").write_text(json.dumps(told))
            done = [ask(name, folder) for name in ("_inference_clients.py", "_inference_kserve.py")]
            is_alive = process.poll() is None
        if not is_alive:
            raise SystemExit("the server is gone")
        counts = {name: count for one in done for name, count in one["counts"].items()}
        problems = [text for one in done for text in one["problems"]]
        print(
            json.dumps({"case": "inference_protocol", "checks": sum(counts.values()), "problems": problems, **counts})
        )
        if problems:
            raise SystemExit(1)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
