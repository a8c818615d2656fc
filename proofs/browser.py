"""Proof: the story in a real browser, over the real flights: Debian's chromium, driven by Playwright.

Somebody logs in, uploads the flights pipeline, runs it with another max_depth and watches it; opens the failed step
of a broken pipeline, puts it right and resumes; divides the endpoint's traffic by Thompson's policy; month 7 arrives,
and its run waits for a person, who finds it in the inbox, reads the evaluation and approves; version 2 takes part,
earns more from customers of a real server, takes the traffic, and is promoted; an alert begins and ends; two runs are
compared; month 8 arrives broken, is refused, and says why; the finding is let pass, in a person's name; the endpoint is
rolled back. Then a picture of every page, light and dark, and on a narrow screen. There is no error on the console, no
request to anybody else, and no page is wider than its window. One JSON line; the pictures are in .cache/browser.

    python proofs/browser.py [--share 50] [--seed 1]      --share N: nothing; tests/web/test_browser.py is the small one
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "flights"
SHOTS = ROOT / ".cache" / "browser"
MONTHS = [f"2013-{month:02d}" for month in range(1, 7)]


def load(name: str) -> Any:
    """A module of the example, by its file."""
    found = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLE / f"{name}.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def main() -> None:
    """Prepare the project, and have the story told."""
    parser = argparse.ArgumentParser(description="browser")
    parser.add_argument("--share", type=int, default=1, help="above 1: nothing is done here")
    parser.add_argument("--seed", type=int, default=0, help="of nothing: there is no chance in it")
    arguments = parser.parse_args()
    if arguments.share > 1:
        print(json.dumps({"case": "browser", "skipped": "the small story is tests/web/test_browser.py"}))
        return
    sys.path.insert(0, str(ROOT))
    import pyarrow.parquet as pq
    from tests.web.browser.teller import ALERTS, find_chromium, plain_rows, tell, up

    from headrace.access import Tokens

    subprocess.run(["sh", str(ROOT / "tools" / "environment.sh"), "browser"], check=True)
    if find_chromium() is None:
        raise SystemExit("there is no chromium: apt-get install chromium")
    prepare = load("prepare")
    shutil.rmtree(SHOTS, ignore_errors=True)
    SHOTS.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="headrace-browser-") as text:
        project, beside = Path(text) / "flights", Path(text) / "beside"
        coming, data = Path(text) / "coming", project / "data" / "flights"
        data.mkdir(parents=True)
        beside.mkdir()
        coming.mkdir()
        prepare.prepare(coming)
        for month in MONTHS:
            shutil.copy(coming / f"{month}.parquet", data)
        pq.write_table(prepare.broken(pq.read_table(coming / "2013-08.parquet")), beside / "2013-08.parquet")
        (project / "headrace.toml").write_text('home = ".headrace"\n' + ALERTS)
        shutil.copy(EXAMPLE / "flights.py", beside)
        _, secret = Tokens(project / ".headrace").add("ada", "admin")
        with up(project) as addresses:
            seen = tell(
                project,
                addresses,
                beside,
                rows=plain_rows(pq.read_table(data / "2013-06.parquet")),
                secret=secret,
                shots=str(SHOTS),
                file=str(beside / "flights.py"),
                pipeline="flights",
                parameter="max_depth",
                value="4",
                endpoint="late",
                good=[str(coming / "2013-07.parquet"), str(data / "2013-07.parquet")],
                bad=[str(beside / "2013-08.parquet"), str(data / "2013-08.parquet")],
            )
    version = subprocess.run([str(find_chromium()), "--version"], capture_output=True, text=True, check=False).stdout
    print(json.dumps({"case": "browser", "chromium": version.strip(), **seen}))
    if seen["faults"]:
        raise SystemExit(f"{len(seen['faults'])} faults")


if __name__ == "__main__":
    main()
