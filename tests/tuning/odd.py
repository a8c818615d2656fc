"""A trainer that joins by an entry point, fits in a moment, and misbehaves when it is asked to."""

import numpy as np
import pyarrow as pa

import headrace as hr

MODULE = '''
"""One number to find: prediction = sigmoid(level * first feature)."""

import os, signal, time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from headrace.training import Features, Float, Predictor, Trainer


class Line(Predictor):
    task = "binary"

    def __init__(self, level):
        self.level = level

    def build(self, builder, features):
        first = builder.node("Gather", [features, builder.constant(np.array([0], np.int64))], axis=1)
        margin = builder.node("Mul", [first, builder.constant(np.array([[self.level]], np.float32))])
        return {"margin": margin, "prediction": builder.node("Sigmoid", [margin])}


@dataclass(frozen=True)
class Odd(Trainer):
    """Its modes: "", "raise", "hang", "nan", "die" (the first time it is tried, where flag is a file's name),
    "always die"; those apply to levels above `above`."""

    level: float = 1.0
    mode: str = ""
    above: float = 5.0
    flag: str = ""
    steps: int = 4
    pause_s: float = 0.0

    limits: ClassVar[Any] = (("level", -1e3, 1e3),)
    space: ClassVar[Any] = {"level": Float(0.05, 10.0, log=True)}

    def fit(self, train, validation, *, params, group, journal):
        me = self.replace(params)
        if me.level > me.above:
            if me.mode == "raise":
                raise RuntimeError("the level is too high")
            if me.mode == "hang":
                time.sleep(3600)
            if me.mode == "always die" or (me.mode == "die" and not Path(me.flag).exists()):
                if me.flag:
                    Path(me.flag).write_text("died")
                os.kill(os.getpid(), signal.SIGKILL)
            if me.mode == "nan":
                return Line(np.nan)
        for step in range(me.steps):
            time.sleep(me.pause_s)
            if not journal.report(step, {"validation": abs(me.level - 2.0) + 1.0 / (step + 1)}):
                break
        return Line(me.level)
'''


def install(folder, monkeypatch):
    """Put the package where Python, and whoever inherits its path, finds it; returns the class."""
    (folder / "odd_trainers.py").write_text(MODULE)
    info = folder / "odd_trainers-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: odd-trainers\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[headrace.trainer]\nodd = odd_trainers:Odd\n")
    monkeypatch.syspath_prepend(str(folder))
    import importlib

    return importlib.import_module("odd_trainers").Odd


def rows(num_rows=600, *, split=True, seed=0, label=None):
    """A data set and its transform graph: one number decides, a second is noise with nulls."""
    random = np.random.default_rng(seed)
    x = random.normal(size=num_rows)
    found = random.random(num_rows) < 1.0 / (1.0 + np.exp(-2.0 * x))
    table = pa.table(
        {
            "id": np.arange(num_rows),
            "x": x,
            "noise": pa.array(random.normal(size=num_rows), mask=random.random(num_rows) < 0.1),
            "label": pa.array(found if label is None else np.full(num_rows, label)),
        }
    )
    splits = {"train": 8, "eval": 2} if split is True else split or None
    dataset = hr.Dataset.from_arrow(table, label="label", key=["id"], split=splits)
    return hr.transform(lambda c: {"x": c.x, "noise": c.noise}, dataset), dataset
