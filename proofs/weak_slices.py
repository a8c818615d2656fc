"""Case `weak_slices`: a slice that is made weak is found, first; where there is none, none is.

Each data set is drawn by seed: 20,000 rows of ten columns (eight of eight values, a normal number, a whole number) and
a calibrated model of rows that are independent of them all. In 1 % of the rows its probabilities are turned round:
those of one value (depth 1), those where two values meet (depth 2), those of a range of the number and a value
(range), or nowhere (noise). Counted: data sets whose planted slice comes first, by its condition (of the range: whose
first slice has most of its rows planted), and data sets in which nothing was planted and nothing was found.

One JSON line a kind; exit code 1 where fewer than 95 of 100 are as they should be.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

import numpy as np
import pyarrow as pa

NUM_ROWS = 20_000
KINDS = ("noise", "depth 1", "depth 2", "range")


def draw(kind: str, seed: int) -> tuple[pa.Table, Any]:
    """Labels, predictions and columns; which rows were planted."""
    generator = np.random.default_rng([seed, KINDS.index(kind)])
    columns: dict[str, Any] = {
        f"c{n}": np.array([f"v{value}" for value in range(8)])[generator.integers(0, 8, NUM_ROWS)] for n in range(8)
    }
    columns |= {"x": generator.standard_normal(NUM_ROWS), "k": generator.integers(0, 10, NUM_ROWS)}
    score = generator.beta(1.2, 3.0, NUM_ROWS)
    label = (generator.random(NUM_ROWS) < score).astype(float)
    planted = np.zeros(NUM_ROWS, np.bool_)
    if kind == "depth 1":
        planted = generator.random(NUM_ROWS) < 0.01
        columns["c0"] = np.where(planted, "rare", columns["c0"])
    elif kind == "depth 2":
        one, other = generator.random(NUM_ROWS) < 0.1, generator.random(NUM_ROWS) < 0.1
        columns["c0"], columns["c1"] = np.where(one, "a", columns["c0"]), np.where(other, "b", columns["c1"])
        planted = one & other
    elif kind == "range":
        planted = (columns["x"] > 1.2816) & (columns["k"] == 7)
    score = np.where(planted, 1.0 - score, score)
    return pa.table({"y": label, "p": score.astype(np.float32), **columns}), planted


def is_as_it_should(kind: str, seed: int) -> bool:
    """Whether the first slice found is the planted one, or nothing was found where nothing is."""
    from headrace.evaluation import evaluate_predictions
    from headrace.slicing import parse_condition

    table, planted = draw(kind, seed)
    report = evaluate_predictions(table, label="y", prediction="p", metrics=["brier"], find_slices=True)
    found = report.weak_slices or ()
    if kind == "noise":
        return not found
    if not found:
        return False
    if kind == "range":
        columns = parse_condition(found[0].condition).columns
        held = np.asarray(parse_condition(found[0].condition).derive(table.combine_chunks().to_batches()[0]))
        return set(columns) == {"x", "k"} and bool((planted & held).sum() > 0.8 * held.sum())
    return found[0].condition == {"depth 1": "c0 == rare", "depth 2": "c0 == a and c1 == b"}[kind]


def main() -> int:
    """Count, print, and end with 1 where too few are as they should be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--share", type=int, default=1, help="a part of the seeds: 20 = 1/20")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    num_sets = max(3, 100 // options.share)
    is_well = True
    for kind in KINDS:
        right = sum(is_as_it_should(kind, 1000 * options.seed + number) for number in range(num_sets))
        ok = right >= 0.95 * num_sets or num_sets - right <= (num_sets < 20)
        is_well &= ok
        print(
            json.dumps({"proof": "weak_slices", "kind": kind, "sets": num_sets, "right": right, "ok": ok}), flush=True
        )
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
