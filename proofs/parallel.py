"""Proof: a model fitted by several processes is the one that a single process fits.

PyTorch, in its own environment: the same rows by 1, 2 and 4 ranks as replicas (DDP), which must be the same bytes; by 2
ranks with each parameter in pieces (FSDP2), and with two layers in pieces (tensor parallel), whose largest differences
in loss curve, weights and predictions from one process are printed and held to a tolerance. XGBoost's collective: ROC
AUC of held-out flights by 1 and 2 ranks over 5 seeds, which may differ by 0.002.

    python proofs/parallel.py [--share 50] [--seed 1]      --share N: 1/N of the rows
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parent.parent
PYTHON = ROOT / ".venvs" / "torch" / "bin" / "python"
TOLERANCE = 1e-4  # of weights and predictions of pieces, whose gradients are summed in float32
MAX_AREA = 0.002
PLANS: list[tuple[str, Any, int]] = [
    ("DDP", None, 1),
    ("DDP", None, 2),
    ("DDP", None, 4),
    ("one process, plain layers", None, 1),
    ("FSDP2", "fsdp", 2),
    ("tensor parallel", {"second": "colwise", "third": "rowwise"}, 2),
]


def torch_cases(share: int, seed: int) -> list[str]:
    """Each plan against one process."""
    from headrace.adapters.torch.tensors import from_bytes
    from headrace.adapters.torch.trainer import Torch
    from headrace.testing.trainer_cases import NumberGraph, numbers_table, random_features
    from headrace.training import Group, assemble
    from headrace.training._ranks import fit_on_ranks
    from headrace.training.history import History

    num_rows = max(2000, 100_000 // share)
    train, judged = (random_features(num_rows, num_features=12, seed=seed + index) for index in range(2))
    table = numbers_table(judged.matrix)
    base = Torch("_networks:Table", epochs=4, batch_rows=512, learning_rate=0.01, fill=0.0, seed=seed)
    wrong, alone = [], {}
    for name, plan, workers in PLANS:
        is_plain = plan is not None or name.startswith("one")
        trainer = base.replace({"parallel": plan, "module_params": {"is_plain": is_plain}})
        history, start = History(), time.monotonic()
        if workers == 1:
            predictor = trainer.fit(train, judged, params={}, group=Group(), journal=history)
        else:
            predictor = fit_on_ranks(trainer, train, judged, workers, history)
        weights = from_bytes(predictor.native)[0]
        answers = np.array(assemble(NumberGraph(12), predictor).predict(table)["prediction"])
        losses = np.array([list(values.values()) for _, values in history.rounds])
        data = hashlib.sha256(b"".join(weights[key].tobytes() for key in sorted(weights))).hexdigest()[:16]
        if workers == 1:
            alone[is_plain] = (losses, weights, answers, data)
        before = alone[is_plain]
        found = {
            "loss": float(np.abs(losses - before[0]).max()),
            "weights": max(float(np.abs(weights[key] - value).max()) for key, value in before[1].items()),
            "predictions": float(np.abs(answers - before[2]).max()),
        }
        is_same = data == before[3]
        if plan is None and not is_same:
            wrong.append(f"{name} on {workers} ranks: other bytes than on one")
        if max(found.values()) > TOLERANCE:
            wrong.append(f"{name} on {workers} ranks differs by {found}")
        line = {"framework": "torch", "plan": name, "ranks": workers, "rows": num_rows, "epochs": len(losses)}
        took = round(time.monotonic() - start, 1)
        say({**line, "last_loss": losses[-1].tolist(), "largest_difference": found, "same_bytes": is_same, "s": took})
    return wrong


def xgboost_cases(share: int, seed: int) -> list[str]:
    """One and two ranks, on flights."""
    import headrace as hr

    module = importlib.util.spec_from_file_location("prepare", ROOT / "examples" / "flights" / "prepare.py")
    assert module is not None and module.loader is not None
    prepare = importlib.util.module_from_spec(module)
    module.loader.exec_module(prepare)
    table = prepare.flights()
    table = table.slice(0, max(20_000, table.num_rows // share))
    key = ["time_hour", "carrier", "flight", "origin"]
    data = hr.Dataset.from_arrow(table, label="late", key=key, split={"train": 8, "eval": 2})
    graph = hr.transform(lambda x: {"dep_delay": x.dep_delay, "distance": x.distance, "hour": x.hour}, data)
    wrong, found = [], []
    for number in range(5):
        trainer = hr.XGBoost(n_estimators=60, subsample=0.8, seed=seed + number)
        areas = []
        for workers in (1, 2):
            model = hr.train(trainer, graph, data, workers=workers)
            areas.append(hr.evaluate(model, data, metrics=["roc_auc"])["roc_auc"].value)
        found.append(areas)
        if abs(areas[0] - areas[1]) > MAX_AREA:
            wrong.append(f"XGBoost, seed {seed + number}: ROC AUC {areas[0]:.5f} on one rank, {areas[1]:.5f} on two")
    largest = max(abs(one - two) for one, two in found)
    line = {"framework": "xgboost", "ranks": [1, 2], "rows": table.num_rows, "roc_auc": found}
    say({**line, "largest_difference": largest, "allowed": MAX_AREA})
    return wrong


def say(line: dict[str, Any]) -> None:
    """One line of the result."""
    print(json.dumps({"proof": "parallel", **line}), flush=True)


def main() -> None:
    """Both parts; the first in PyTorch's environment."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--part", choices=("torch", "xgboost"))
    arguments = parser.parse_args()
    if arguments.part == "torch":
        wrong = torch_cases(arguments.share, arguments.seed)
    elif arguments.part == "xgboost":
        wrong = xgboost_cases(arguments.share, arguments.seed)
    else:
        subprocess.run(["sh", str(ROOT / "tools" / "environment.sh"), "torch"], check=True)
        rest = ["--share", str(arguments.share), "--seed", str(arguments.seed)]
        pythons = {"torch": str(PYTHON), "xgboost": sys.executable}
        codes = [
            subprocess.run([python, __file__, "--part", part, *rest]).returncode for part, python in pythons.items()
        ]
        raise SystemExit(max(codes))
    if wrong:
        raise SystemExit("; ".join(wrong))


if __name__ == "__main__":
    main()
