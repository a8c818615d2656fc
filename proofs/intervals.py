"""Case `intervals`: how often a 95 % interval holds the truth, and how often a gate that judges by it is wrong.

Each data set is drawn by seed from a population whose metrics are known (from 20 million rows of it): labels, a model's
scores and a champion's on the same rows, correlated as two models of one problem are. Counted, by size: data sets whose
interval holds the truth (of means, ratios, the area under the curve, and of differences from the champion; aim 93 to
97 % of 1,000), and gate decisions with the rules `roc_auc >= champion - 0.02` and `recall >= champion - 0.05`: an equal
candidate that is refused (5 % at the most from where so many rows can tell), and one that is so much worse that is
accepted (5 % at the most, at every size); and how often findings say that the first is refused, which must be so within
5 %. Where one row in 33 is positive a handful of rows decides: there an interval must hold the truth in 93 % and may
hold it more often. All data sets of one size are the slices of one evaluation.

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

METRICS = ("log_loss", "brier", "accuracy", "precision", "recall", "f1", "balanced_accuracy")
METRICS += ("matthews_corrcoef", "roc_auc")
SIZES = (200, 1000, 5000)
RARE_SIZES = (1000, 3000)
GATE_SIZES = (300, 1000, 2000, 5000, 10_000, 20_000)
SHARE, RARE, SHIFT = 0.3, 0.03, 1.6
_NORMAL = statistics.NormalDist()


def draw(
    generator: np.random.Generator, num_rows: int, worse: float, share: float = SHARE, shared: float = 0.9
) -> pa.Table:
    """Labels, the model's scores and the champion's; `worse` is how much less the model tells the classes apart."""
    label = (generator.random(num_rows) < share).astype(np.float64)
    common = generator.standard_normal(num_rows)
    columns: dict[str, Any] = {"y": label}
    for name, shift in (("p", SHIFT - worse), ("champion", SHIFT)):
        own = generator.standard_normal(num_rows)
        seen = shift * label + math.sqrt(shared) * common + math.sqrt(1.0 - shared) * own
        # The probability that follows from what was seen: a calibrated model.
        odds = shift * seen - shift * shift / 2.0 + math.log(share / (1.0 - share))
        columns[name] = (1.0 / (1.0 + np.exp(-odds))).astype(np.float32)
    return pa.table(columns)


def shift_for(loss: float) -> float:
    """How much less the classes must be apart for an area under the curve that is smaller by `loss`."""
    area = _NORMAL.cdf(SHIFT / math.sqrt(2.0)) - loss
    return SHIFT - _NORMAL.inv_cdf(area) * math.sqrt(2.0)


def judge(table: pa.Table, metrics: tuple[str, ...], num_sets: int = 0) -> tuple[Any, Any]:
    """Results of the model, with what it shares with the champion, and of the champion; by data set, if several."""
    from headrace.engine import LocalEngine
    from headrace.evaluation import make_metrics
    from headrace.evaluation._measure import measure
    from headrace.slicing import SliceSpec

    specs = []
    if num_sets:
        table = table.append_column("set", pa.array(np.arange(table.num_rows) % num_sets))
        specs = [SliceSpec(("set",))]
    found, _ = measure(table, make_metrics(metrics), specs, "y", ["p", "champion"], LocalEngine())
    return found[0], found[1]


def chunks(num_sets: int, size: int) -> list[int]:
    """How many data sets are drawn at once: a million rows or so."""
    most = max(1, 1_000_000 // size)
    return [min(most, num_sets - start) for start in range(0, num_sets, most)]


def coverage(num_sets: int, seed: int, worse: float, share: float, sizes: tuple[int, ...]) -> list[dict[str, Any]]:
    """How often each interval holds the truth."""
    from headrace.rules import Measurements, parse_rule
    from headrace.rules import judge as judge_rule

    truth_generator = np.random.default_rng([seed, 0])
    big = 20 if num_sets >= 500 else 2
    parts = [judge(draw(truth_generator, 1_000_000, worse, share), METRICS) for _ in range(big)]
    truth = {name: float(np.mean([one[name].value for one, _ in parts])) for name in METRICS}
    gap = {name: float(np.mean([one[name].value - other[name].value for one, other in parts])) for name in METRICS}
    lines = []
    for size in sizes:
        held, held_gap, width = (dict.fromkeys(METRICS, 0.0) for _ in range(3))
        told, told_gap = dict.fromkeys(METRICS, 0), dict.fromkeys(METRICS, 0)
        for turn, number in enumerate(chunks(num_sets, size)):
            table = draw(np.random.default_rng([seed, size, turn]), size * number, worse, share)
            found, champion = judge(table, METRICS, number)
            measured = Measurements(found.table, champion.table)
            for name in METRICS:
                for cell in found.cells[1:]:
                    value = cell[name]
                    if value.lower is not None and value.upper is not None:
                        told[name] += 1
                        held[name] += value.lower <= truth[name] <= value.upper
                        width[name] += value.upper - value.lower
                for finding in judge_rule(parse_rule(f"{name} >= champion - 0.02 on every set"), measured):
                    if finding.lower is not None and finding.upper is not None:
                        told_gap[name] += 1
                        held_gap[name] += finding.lower <= gap[name] <= finding.upper
        lines += [
            {
                "metric": name,
                "positive": share,
                "rows": size,
                "sets": told[name],
                "held": round(held[name] / max(told[name], 1), 4),
                "held_difference": round(held_gap[name] / max(told_gap[name], 1), 4),
                "mean_width": round(width[name] / max(told[name], 1), 4),
            }
            for name in METRICS
        ]
    return lines


def gates(num_sets: int, seed: int) -> list[dict[str, Any]]:
    """How often the gate is wrong about an equal candidate, and about one that is 0.02 worse.

    Beside it what findings say of themselves: how often an equal one is refused (the mean over the data sets), and how
    many rows it takes for that to be 5 % (the median).
    """
    from headrace.rules import Measurements, parse_rule
    from headrace.rules import judge as judge_rule
    from headrace.rules._power import power
    from headrace.rules._sure import compare

    lines = []
    for metric, margin, loss in (("roc_auc", 0.02, shift_for(0.02)), ("recall", 0.05, None)):
        rule = parse_rule(f"{metric} >= champion - {margin}")
        if loss is None:
            loss = shift_where(metric, margin, seed)
        for size in GATE_SIZES:
            wrong, said = [], []
            for place, worse in enumerate((0.0, loss)):
                accepted = 0
                for turn, number in enumerate(chunks(num_sets, size)):
                    table = draw(np.random.default_rng([seed, size, place, turn]), size * number, worse)
                    found, champion = judge(table, (metric,), number)
                    for cell, other in zip(found.cells[1:], champion.cells[1:], strict=True):
                        alone = Measurements({(): cell.values}, {(): other.values}, has_intervals=True)
                        accepted += all(finding.ok for finding in judge_rule(rule, alone))
                        if place == 0:
                            value, bound = cell[metric], other[metric]
                            told = compare(rule, value, bound.value - margin, bound, is_same_slice=True)
                            said.append(power(margin, told.std_error, size, freedom=told.freedom))
                wrong.append(accepted / num_sets)
            lines.append(
                {
                    "rule": str(rule),
                    "rows": size,
                    "sets": num_sets,
                    "equal_refused": round(1.0 - wrong[0], 4),
                    "equal_refused_told": round(statistics.fmean(one.refused for one in said), 4),
                    "rows_needed_told": statistics.median_low([one.rows_needed for one in said]),
                    "worse_accepted": round(wrong[1], 4),
                }
            )
    return lines


def shift_where(metric: str, margin: float, seed: int) -> float:
    """How much less the classes must be apart for a metric that is smaller by the margin."""
    low, high = 0.0, 1.0
    for _ in range(12):
        middle = (low + high) / 2.0
        model, champion = judge(draw(np.random.default_rng([seed, 77]), 1_000_000, middle), (metric,))
        low, high = (low, middle) if champion[metric].value - model[metric].value > margin else (middle, high)
    return (low + high) / 2.0


def main() -> int:
    """All figures as JSON lines; 1 where one is beyond its aim by more than chance explains."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--share", type=int, default=1, help="a part of the data sets: 50 = 1/50")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sets", type=int, default=1000, help="data sets of each size")
    options = parser.parse_args()
    num_sets = max(20, options.sets // options.share)
    lines = coverage(num_sets, options.seed, shift_for(0.01), SHARE, SIZES)
    lines += coverage(num_sets, options.seed, shift_for(0.01), RARE, RARE_SIZES)
    lines += gates(num_sets, options.seed)
    chance = 3.0 * math.sqrt(0.05 * 0.95 / num_sets)
    is_well = True
    for line in lines:
        if "metric" in line:
            most = 0.97 if line["positive"] == SHARE else 1.0
            missed = max(max(0.93 - share, share - most) for share in (line["held"], line["held_difference"]))
        else:
            apart = abs(line["equal_refused_told"] - line["equal_refused"])
            missed = max(line["worse_accepted"] - 0.05, apart - 0.05)
        line["ok"] = missed <= 0.0
        is_well &= missed <= chance
        print(json.dumps(line), flush=True)
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
