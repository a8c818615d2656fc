"""The page on training in parallel does what it shows, and a pipeline's keys know the module's code."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pages import ROOT, fences

pytestmark = [pytest.mark.torch, pytest.mark.slow]

PAGE = ROOT / "docs" / "how-to" / "train-in-parallel.md"


def typed(*command, folder):
    """What a command prints, in a folder of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run([sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_the_page_goes_as_shown(tmp_path):
    """Its files are written, its script run, and what it prints compared."""
    shown = ""
    for fence in fences(PAGE):
        if fence.file:
            (tmp_path / fence.file).write_text(fence.text, encoding="utf-8")
        elif fence.language == "text":
            shown = fence.text
    command, _, expected = shown.partition("\n")
    assert command == "$ python train.py"
    assert typed("train.py", folder=tmp_path) == expected


PIPELINE = """
import headrace as hr
from headrace import ops
from networks import Net

def features(x):
    return {"delay": ops.z_score(x.delay)}

@hr.pipeline
def late(workers: int = 1, hidden: int = 8):
    data = hr.ingest("data.csv", label="late", key=["id"], split={"train": 8, "eval": 2})
    graph = hr.transform(features, data)
    hr.train(hr.Torch(Net, module_params={"hidden": hidden}, epochs=1), graph, data, workers=workers)
"""


def test_the_key_knows_the_module_and_not_the_workers(tmp_path):
    """A second run is taken from the store, for any number of workers; after a change of the module it trains again."""
    for fence in fences(PAGE):
        if fence.file == "networks.py":
            (tmp_path / "networks.py").write_text(fence.text, encoding="utf-8")
    (tmp_path / "late.py").write_text(PIPELINE, encoding="utf-8")
    (tmp_path / "headrace.toml").write_text("", encoding="utf-8")
    rows = [f"{number},{number % 97},{int(number % 97 > 50)}" for number in range(600)]
    (tmp_path / "data.csv").write_text("\n".join(["id,delay,late", *rows, ""]), encoding="utf-8")

    def run(*options):
        found = json.loads(typed("-m", "headrace.cli", "run", "late.py", *options, "-o", "json", folder=tmp_path))
        return {step["step"]: step["state"] for step in found["steps"]}["train"]

    assert run() == "succeeded"
    assert run("--set", "workers=2") == "cached"
    file = Path(tmp_path / "networks.py")
    file.write_text(file.read_text().replace('"""Modules of this project."""', "# words alone"), encoding="utf-8")
    assert run() == "cached"
    file.write_text(file.read_text().replace("Dropout(0.1)", "Dropout(0.2)"), encoding="utf-8")
    assert run("--set", "workers=2") == "succeeded"
    text = typed("-m", "headrace.cli", "plan", "late.py", "--set", "hidden=9", folder=tmp_path)
    assert "trainer.module_params" in text or "hidden" in text
