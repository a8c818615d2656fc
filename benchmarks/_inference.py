"""Rows as requests of the Open Inference Protocol, and clients that ask as fast as they are answered.

python benchmarks/_inference.py http|grpc HOST:PORT DATA_FILE CONNECTIONS SECONDS
"""

from __future__ import annotations

import asyncio
import json
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

DATATYPES = {"number": "FP64", "integer": "INT64", "boolean": "BOOL", "text": "BYTES", "timestamp": "INT64"}
DTYPES = {"FP64": "<f8", "INT64": "<i8", "BOOL": "?"}
METHOD = "/inference.GRPCInferenceService/ModelInfer"


def _values(column: Any, rows: list[dict[str, Any]]) -> list[Any]:
    found = [row[column.name] for row in rows]
    if column.kind == "timestamp":
        found = [None if value is None else round(value.timestamp() * 1e6) for value in found]
    return found


def json_body(columns: Any, rows: list[dict[str, Any]]) -> bytes:
    """A request in JSON."""
    inputs = [
        {"name": one.name, "shape": [len(rows)], "datatype": DATATYPES[one.kind], "data": _values(one, rows)}
        for one in columns
    ]
    return json.dumps({"inputs": inputs}).encode()


def raw_tensors(columns: Any, rows: list[dict[str, Any]]) -> list[tuple[str, str, bytes]]:
    """(name, datatype, bytes) of each column, and of the companion of each with nulls, numbers apart."""
    found = []
    for one in columns:
        datatype, values = DATATYPES[one.kind], _values(one, rows)
        if datatype == "BYTES":
            texts = [(value or "").encode() for value in values]
            data = b"".join(struct.pack("<I", len(text)) + text for text in texts)
        else:
            null = float("nan") if datatype == "FP64" else 0
            data = np.array([null if value is None else value for value in values], DTYPES[datatype]).tobytes()
        found.append((one.name, datatype, data))
        if datatype != "FP64" and None in values:
            found.append((f"{one.name}:present", "BOOL", np.array([value is not None for value in values]).tobytes()))
    return found


def binary_body(columns: Any, rows: list[dict[str, Any]]) -> tuple[bytes, int]:
    """A request in binary, and the length of its JSON."""
    tensors = raw_tensors(columns, rows)
    inputs = [
        {"name": name, "shape": [len(rows)], "datatype": datatype, "parameters": {"binary_data_size": len(data)}}
        for name, datatype, data in tensors
    ]
    head = json.dumps({"inputs": inputs, "parameters": {"binary_data_output": True}}).encode()
    return head + b"".join(data for *_, data in tensors), len(head)


def grpc_message(columns: Any, rows: list[dict[str, Any]]) -> bytes:
    """A request of gRPC, its tensors raw."""
    from headrace.adapters.grpc.messages import message

    request = message("ModelInferRequest")(model_name="late")
    for name, datatype, data in raw_tensors(columns, rows):
        request.inputs.add(name=name, datatype=datatype, shape=[len(rows)])
        request.raw_input_contents.append(data)
    data: bytes = request.SerializeToString()
    return data


def measure(kind: str, place: str, data: bytes, *, connections: int, seconds: float) -> dict[str, float]:
    """{"rate": requests a second, "p50_us", "p99_us"} of asking the same again and again, by a process of its own.

    `kind` is "http", with a whole request as data, or "grpc", with a message.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "data"
        file.write_bytes(data)
        command = [sys.executable, __file__, kind, place, str(file), str(connections), str(seconds)]
        found: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        return found


async def _over_http(place: str, data: bytes) -> Any:
    host, _, port = place.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))

    async def ask() -> None:
        writer.write(data)
        head = await reader.readuntil(b"\r\n\r\n")
        lines = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
        await reader.readexactly(int(lines[b"content-length"]))
        assert head.startswith(b"HTTP/1.1 200"), head

    return ask


async def _over_grpc(place: str, data: bytes) -> Any:
    import grpc.aio

    channel = grpc.aio.insecure_channel(place, options=[("grpc.use_local_subchannel_pool", 1)])
    call = channel.unary_unary(METHOD)

    async def ask() -> None:
        await call(data, wait_for_ready=True)

    return ask


async def _ask(kind: str, place: str, data: bytes, connections: int, seconds: float) -> dict[str, float]:
    clients = [await (_over_http if kind == "http" else _over_grpc)(place, data) for _ in range(connections)]
    for client in clients:
        await client()
    latencies: list[float] = []
    end = time.perf_counter() + seconds

    async def one(ask: Any) -> None:
        while (start := time.perf_counter()) < end:
            await ask()
            latencies.append(time.perf_counter() - start)

    await asyncio.gather(*map(one, clients))
    latencies.sort()
    return {
        "rate": len(latencies) / seconds,
        "p50_us": latencies[len(latencies) // 2] * 1e6,
        "p99_us": latencies[len(latencies) * 99 // 100] * 1e6,
    }


if __name__ == "__main__":
    how, told, given, number, duration = sys.argv[1:]
    print(json.dumps(asyncio.run(_ask(how, told, Path(given).read_bytes(), int(number), float(duration)))))
