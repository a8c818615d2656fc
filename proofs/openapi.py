"""Proof: a running server asked by its own OpenAPI document: schemathesis asks what fits it, and what does not.

For every path and method that the document names: values that its schemas allow and values that they forbid, other
media types, methods and headers. No answer is a 500; every status is one that the document has, with the type and the
shape it says; what fits a row's schema is not refused, what does not fit is not answered. One JSON line.

    python proofs/openapi.py [--share 50] [--seed 1]      --share N: 1/N of 500 examples an operation and phase
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
SCHEMATHESIS = ROOT / ".venvs" / "schemathesis" / "bin" / "st"
NUM_EXAMPLES = 500
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "ignored_auth",
)
TOKEN = "a secret of this proof"


def main() -> None:
    """Serve one endpoint with a token, and have it asked."""
    parser = argparse.ArgumentParser(description="openapi")
    parser.add_argument("--share", type=int, default=1, help="1/N of the examples")
    parser.add_argument("--seed", type=int, default=1, help="of the examples")
    arguments = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    from tests.serving.conftest import Pushed, running

    subprocess.run(["sh", str(ROOT / "tools" / "environment.sh"), "schemathesis"], check=True)
    number = max(4, NUM_EXAMPLES // arguments.share)
    with tempfile.TemporaryDirectory(prefix="headrace-openapi-") as text:
        folder = Path(text)
        pushed = Pushed(folder / "home")
        with running(pushed.home, environment={"HEADRACE_TOKEN": TOKEN}) as (client, process):
            done = subprocess.run(
                [
                    str(SCHEMATHESIS),
                    "run",
                    f"{client.base_url}/openapi.json",
                    *("-H", f"Authorization: Bearer {TOKEN}"),
                    *("--checks", ",".join(CHECKS)),
                    *("--max-examples", str(number), "--seed", str(arguments.seed)),
                    *("--generation-database", "none", "--no-shrink", "--continue-on-failure", "--no-color"),
                    *("--warnings", "off", "--report-json-path", str(folder / "report.json")),
                    *(("--phases", "examples,coverage,fuzzing") if arguments.share == 1 else ("--phases", "fuzzing")),
                ],
                cwd=folder,
                capture_output=True,
                text=True,
                check=False,
            )
            headers = {"authorization": f"Bearer {TOKEN}"}
            is_alive = client.get("/health/ready").status_code == 200 and process.poll() is None
            document = client.get("/openapi.json", headers=headers).json()
        found = {
            "case": "openapi",
            "examples": number,
            "operations": sum(len(methods) for methods in document["paths"].values()),
            "ended": done.stdout.strip().splitlines()[-1].strip(" =") if done.stdout.strip() else done.stderr[-300:],
            "is_alive": is_alive,
            "ok": done.returncode == 0 and is_alive,
        }
        print(json.dumps(found), flush=True)
        if not found["ok"]:
            print(done.stdout[-8000:] + done.stderr[-2000:], file=sys.stderr)
            raise SystemExit(1)


if __name__ == "__main__":
    main()
