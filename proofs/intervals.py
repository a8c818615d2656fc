"""Case `intervals`: how often a 95 % interval holds the truth, and how often a gate that judges by it is wrong.

Each data set is drawn by seed from a population whose metrics are known (from 20 million rows of it): labels, a model's
scores and a champion's on the same rows, correlated as two models of one problem are. Counted, by size: data sets whose
interval holds the truth (of means, ratios, the area under the curve, and of differences from the champion; aim 93 to
97 % of 1,000), and gate decisions with the rule `roc_auc >= champion - 0.02`: an equal candidate that is refused, and
one that is 0.02 worse that is accepted.

One JSON line a metric and size, and one a gate and size, each with whether it met its aim; exit code 1 where one is
beyond its aim by more than chance explains (three standard errors of so many data sets).
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Floats = npt.NDArray[np.float64]

METRICS = ("log_loss", "brier", "accuracy", "precision", "recall", "matthews_corrcoef", "roc_auc")
SIZES = (200, 1000, 5000)
GATE_SIZES = (1000, 2000, 5000, 10_000, 20_000)
SHARE, SHIFT = 0.3, 1.6
_NORMAL = statistics.NormalDist()


def draw(generator: np.random.Generator, num_rows: int, worse: float, shared: float = 0.9) -> pa.Table:
    """Labels, the model's scores and the champion's; `worse` is how much less the model tells the classes apart."""
    label = (generator.random(num_rows) < SHARE).astype(np.float64)
    common = generator.standard_normal(num_rows)
    columns: dict[str, Any] = {"y": label}
    for name, shift in (("p", SHIFT - worse), ("champion", SHIFT)):
        own = generator.standard_normal(num_rows)
        seen = shift * label + math.sqrt(shared) * common + math.sqrt(1.0 - shared) * own
        # The probability that follows from what was seen: a calibrated model.
        odds = shift * seen - shift * shift / 2.0 + math.log(SHARE / (1.0 - SHARE))
        columns[name] = (1.0 / (1.0 + np.exp(-odds))).astype(np.float32)
    return pa.table(columns)


def shift_for(loss: float) -> float:
    """How much less the classes must be apart for an area under the curve that is smaller by `loss`."""
    area = _NORMAL.cdf(SHIFT / math.sqrt(2.0)) - loss
    return SHIFT - _NORMAL.inv_cdf(area) * math.sqrt(2.0)


def judge(table: pa.Table, metrics: tuple[str, ...]) -> tuple[Any, Any]:
    """Results of the model with what it shares with the champion, and those of the champion."""
    from headrace.engine import LocalEngine
    from headrace.evaluation import make_metrics
    from headrace.evaluation._measure import measure

    found, _ = measure(table, make_metrics(metrics), [], "y", ["p", "champion"], LocalEngine())
    return found[0], found[1]


def coverage(num_sets: int, seed: int, worse: float) -> list[dict[str, Any]]:
    """How often each interval holds the truth."""
    from headrace.rules import Measurements, parse_rule
    from headrace.rules import judge as judge_rule

    truth_generator = np.random.default_rng([seed, 0])
    big = 20 if num_sets >= 500 else 2
    parts = [judge(draw(truth_generator, 1_000_000, worse), METRICS) for _ in range(big)]
    truth = {name: float(np.mean([one[name].value for one, _ in parts])) for name in METRICS}
    gap = {name: float(np.mean([one[name].value - other[name].value for one, other in parts])) for name in METRICS}
    lines = []
    for size in SIZES:
        held = dict.fromkeys(METRICS, 0)
        held_gap = dict.fromkeys(METRICS, 0)
        width = dict.fromkeys(METRICS, 0.0)
        for number in range(num_sets):
            found, champion = judge(draw(np.random.default_rng([seed, size, number]), size, worse), METRICS)
            measured = Measurements(found.table, champion.table)
            for name in METRICS:
                value = found[name]
                if value.lower is None or value.upper is None:
                    continue
                held[name] += value.lower <= truth[name] <= value.upper
                width[name] += (value.upper - value.lower) / num_sets
                (finding,) = judge_rule(parse_rule(f"{name} >= champion - 0.02"), measured)
                if finding.lower is not None and finding.upper is not None:
                    held_gap[name] += finding.lower <= gap[name] <= finding.upper
        lines += [
            {
                "metric": name,
                "rows": size,
                "sets": num_sets,
                "held": round(held[name] / num_sets, 4),
                "held_difference": round(held_gap[name] / num_sets, 4),
                "mean_width": round(width[name], 4),
            }
            for name in METRICS
        ]
    return lines


def gates(num_sets: int, seed: int) -> list[dict[str, Any]]:
    """How often the gate is wrong about an equal candidate, and about one that is 0.02 worse."""
    from headrace.rules import Measurements, parse_rule
    from headrace.rules import judge as judge_rule

    rule = parse_rule("roc_auc >= champion - 0.02")
    lines = []
    for size in GATE_SIZES:
        wrong = []
        for place, loss in enumerate((0.0, 0.02)):
            accepted = 0
            for number in range(num_sets):
                table = draw(np.random.default_rng([seed, size, place, number]), size, shift_for(loss))
                found, champion = judge(table, ("roc_auc",))
                (finding,) = judge_rule(rule, Measurements(found.table, champion.table))
                accepted += finding.ok
            wrong.append(accepted / num_sets)
        lines.append(
            {
                "rule": str(rule),
                "rows": size,
                "sets": num_sets,
                "equal_refused": round(1.0 - wrong[0], 4),
                "worse_accepted": round(wrong[1], 4),
            }
        )
    return lines


def main() -> int:
    """All figures as JSON lines; 1 where one is beyond its aim by more than chance explains."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--share", type=int, default=1, help="a part of the data sets: 50 = 1/50")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    num_sets = max(20, 1000 // options.share)
    lines = coverage(num_sets, options.seed, shift_for(0.01)) + gates(num_sets, options.seed)
    chance = 3.0 * math.sqrt(0.05 * 0.95 / num_sets)
    is_well = True
    for line in lines:
        if "metric" in line:
            missed = max(max(0.93 - share, share - 0.97) for share in (line["held"], line["held_difference"]))
        else:
            missed = line["worse_accepted"] - 0.05
        line["ok"] = missed <= 0.0
        is_well &= missed <= chance
        print(json.dumps(line), flush=True)
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
