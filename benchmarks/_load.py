"""Clients that ask as fast as they are answered: wrk where there is one, else a loop of our own in its own process.

python benchmarks/_load.py URL REQUEST_FILE CONNECTIONS SECONDS        prints {"rate", "p50_us", "p99_us", "failed"}
"""

import asyncio
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

UNITS = {"us": 1.0, "ms": 1e3, "s": 1e6}


def measure(url, body, *, connections, seconds, headers=None):
    """{"rate": requests a second, "p50_us", "p99_us", "failed"} of POSTing one body over keep-alive connections.

    `headers` are sent instead of a content-type of JSON; wrk is not asked then: it takes only texts for a body.
    """
    with tempfile.TemporaryDirectory() as folder:
        if headers is not None or shutil.which("wrk") is None:
            file = Path(folder) / "request"
            file.write_bytes(whole(url, body, headers or {"content-type": "application/json"}))
            command = [sys.executable, __file__, url, str(file), str(connections), str(seconds)]
            return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        script = Path(folder) / "post.lua"
        headers = 'wrk.headers["content-type"] = "application/json"'
        script.write_text(f'wrk.method = "POST"\nwrk.body = [==[{body.decode()}]==]\n{headers}\n')
        command = ["wrk", "-t1", f"-c{connections}", f"-d{round(seconds)}s", "--latency", "-s", str(script), url]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = {"rate": float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]), "failed": 0}
    for share in ("50", "99"):
        number, unit = re.search(rf"{share}%\s+([\d.]+)(us|ms|s)\b", text).groups()
        found[f"p{share}_us"] = float(number) * UNITS[unit]
    for pattern in (r"Non-2xx or 3xx responses: (\d+)", r"connect (\d+), read (\d+), write (\d+), timeout (\d+)"):
        match = re.search(pattern, text)
        found["failed"] += sum(map(int, match.groups())) if match else 0
    return found


def whole(url, body, headers):
    """A request as it goes over the wire."""
    place = urlsplit(url)
    told = {"host": place.netloc, "content-length": str(len(body)), **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    return f"POST {place.path} HTTP/1.1\r\n{lines}\r\n".encode() + body


class _Client(asyncio.Protocol):
    """One connection: the next request goes out when an answer is whole."""

    def __init__(self, request, latencies):
        self.request, self.latencies, self.data, self.failed = request, latencies, b"", 0

    def connection_made(self, transport):
        self.transport = transport
        self.send()

    def send(self):
        self.sent = time.perf_counter()
        self.transport.write(self.request)

    def data_received(self, data):
        self.data += data
        head, mark, rest = self.data.partition(b"\r\n\r\n")
        if not mark:
            return
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        if len(rest) < int(length[1]) if length else not rest.endswith(b"0\r\n\r\n"):  # in chunks
            return
        self.failed += not head.startswith(b"HTTP/1.1 200")
        self.latencies.append(time.perf_counter() - self.sent)
        self.data = b""
        self.send()


async def _ask(url, request, connections, seconds):
    place = urlsplit(url)
    latencies = []
    loop = asyncio.get_running_loop()
    made = [
        await loop.create_connection(lambda: _Client(request, latencies), place.hostname, place.port)
        for _ in range(connections)
    ]
    latencies.clear()
    await asyncio.sleep(seconds)
    found = sorted(latencies)
    for transport, _ in made:
        transport.abort()
    if not found:
        raise SystemExit(f"no answer within {seconds:g} s over {connections} connections")
    return {
        "rate": len(found) / seconds,
        "p50_us": found[len(found) // 2] * 1e6,
        "p99_us": found[len(found) * 99 // 100] * 1e6,
        "failed": sum(client.failed for _, client in made),
    }


if __name__ == "__main__":
    address, file, number, duration = sys.argv[1:]
    print(json.dumps(asyncio.run(_ask(address, Path(file).read_bytes(), int(number), float(duration)))))
