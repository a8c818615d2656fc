"""Fitting on several ranks: features as files that all of them map, the first one's native files back."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from headrace import lookup
from headrace.engine.reference import build, describe
from headrace.errors import InvalidInput, Misuse
from headrace.training._contract import Entry, FeatureColumn, Features, Group, Journal, Predictor, Trainer
from headrace.training.launchers._rank import RANK, RankJournal

__all__ = ["check_workers", "fit_on_ranks"]

_MOST_WORKERS = 256
_ARRAYS = ("matrix", "label", "weight", "row_id")


def check_workers(trainer: Trainer, workers: int) -> None:
    """Raise Misuse for a number of workers that cannot be, or a trainer that works alone."""
    if type(workers) is not int or not 1 <= workers <= _MOST_WORKERS:
        raise InvalidInput(f"workers = {workers!r}", expected=f"a whole number from 1 to {_MOST_WORKERS}")
    if workers == 1:
        return
    if not trainer.is_parallel:
        raise Misuse(
            f"{type(trainer).__name__} fits on one worker",
            expected="a trainer that fits on several: XGBoost, Torch",
            fix="leave workers= out",
        )
    if os.environ.get(RANK):
        raise Misuse(
            "hr.train was called while a worker imported this file",
            fix='put what the script does under `if __name__ == "__main__":`',
        )


def fit_on_ranks(
    trainer: Trainer, train: Features, validation: Features | None, workers: int, journal: Journal
) -> Predictor:
    """Fit on so many processes of this machine, each with its own rows; what the trainer's `fit` returns on one.

    Raises as `Launcher.run` does. Cost: writing the features to a file, once, and a process start a worker.
    """
    revive = trainer.reviver(train.matrix.shape[1])
    folder = Path(tempfile.mkdtemp(prefix="headrace-ranks-"))
    try:
        places = {"train": _keep(train, folder / "features" / "train")}
        if validation is not None:
            places["validation"] = _keep(validation, folder / "features" / "validation")
        arguments = {"trainer": describe(trainer), "features": places}
        launcher = lookup.find("launcher", "local")()
        resources = {"device": getattr(trainer, "device", "cpu")}
        entry = Entry("headrace.training._ranks:fit", arguments, str(folder))
        names = launcher.run(entry, workers, resources, journal=journal)
        files = {name: (folder / "answer" / name).read_bytes() for name in names}
        return revive(files)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def fit(arguments: Mapping[str, Any], group: Group, journal: RankJournal) -> list[str]:
    """One rank's part: the trainer's `fit` on mapped features. Returns the names of the native files it wrote."""
    trainer: Trainer = build(arguments["trainer"])
    places = arguments["features"]
    found = {name: _open(place) for name, place in places.items()}
    journal.loaded()
    predictor = trainer.fit(found["train"], found.get("validation"), params={}, group=group, journal=journal)
    if group.rank:
        return []
    folder = Path(group.rendezvous) / "answer"
    folder.mkdir()
    files = predictor.native_files()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return sorted(files)


def _keep(features: Features, folder: Path) -> dict[str, Any]:
    folder.mkdir(parents=True)
    kept = [name for name in _ARRAYS if getattr(features, name) is not None]
    for name in kept:
        np.save(folder / f"{name}.npy", getattr(features, name), allow_pickle=False)
    columns = [[item.name, item.kind, item.dtype, item.width] for item in features.columns]
    return {"folder": str(folder), "columns": columns, "arrays": kept}


def _open(place: Mapping[str, Any]) -> Features:
    arrays = {
        name: np.load(Path(place["folder"]) / f"{name}.npy", mmap_mode="r", allow_pickle=False)
        for name in place["arrays"]
    }
    columns = tuple(FeatureColumn(*item) for item in place["columns"])
    return Features(columns, **arrays)
