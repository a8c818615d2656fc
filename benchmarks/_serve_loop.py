"""The peer of `serve.py`: what one writes by hand to serve one ONNX model with Granian, as fast as that can be.

It knows the model's columns by heart, checks nothing it is sent, keeps no log, and has one model for ever.
Arguments: the port, the model's ONNX file, and JSON that lists the columns of each input.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import orjson
import uvloop
from granian.constants import HTTPModes
from granian.server.embed import Server

PORT, FILE, LAYOUT = int(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3])
NUMBERS, INTEGERS, TEXTS, PRESENT = (LAYOUT.get(name, []) for name in ("number", "integer", "text", "present"))
NAN = math.nan
OUTPUTS = ["prediction"]
HEADERS = [("content-type", "application/json")]

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(FILE.read_bytes(), options, providers=["CPUExecutionProvider"])


def answer(body):
    """One row or many."""
    rows = orjson.loads(body)["instances"]
    lanes = {}
    if NUMBERS:
        lanes["number"] = np.array([[NAN if row[c] is None else row[c] for c in NUMBERS] for row in rows], np.float64)
    if INTEGERS:
        lanes["integer"] = np.array([[row[c] or 0 for c in INTEGERS] for row in rows], np.int64)
    if TEXTS:
        lanes["text"] = np.array([["\x00null" if row[c] is None else row[c] for c in TEXTS] for row in rows], object)
    if PRESENT:
        lanes["present"] = np.array([[row[c] is not None for c in PRESENT] for row in rows], np.bool_)
    return orjson.dumps({"predictions": session.run(OUTPUTS, lanes)[0][:, 0].tolist()})


class Application:
    """RSGI, Granian's own interface: ASGI through it costs more."""

    async def __rsgi__(self, scope, protocol):
        body = await protocol()
        protocol.response_bytes(200, HEADERS, answer(body))


async def main():
    server = Server(
        Application(),
        address="127.0.0.1",
        port=PORT,
        http=HTTPModes.http1,
        websockets=False,
        log_enabled=False,
        backlog=1024,
    )
    await server.serve()


uvloop.run(main())
