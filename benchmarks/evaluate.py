"""Case `evaluate`: five metrics on 136 slices of 327,346 scored rows, alone and each with its 95 % interval.

Peers in the same run, on the same rows: scikit-learn's metric functions in a loop over the slices, with whose values
ours are compared first; and scikit-learn's area under the curve on 200 resamples of all rows: one interval, where ours
has 685 and as many of a baseline. `--tiny` takes 5,000 rows.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pyarrow as pa
from _evaluate_rows import METRICS, SLICES, make
from _lines import line, median_s, options

CASE = "evaluate"
NUM_REPLICATES = 200


def values_alone(table: pa.Table) -> dict[Any, list[float]]:
    """Ours without intervals and baseline: the groups, the folds, and what the metrics read off them; by slice."""
    from headrace.engine import LocalEngine
    from headrace.evaluation import make_metrics
    from headrace.evaluation._cuts import Cuts
    from headrace.evaluation._measure import judged_rows
    from headrace.slicing import parse_slices

    metrics = make_metrics(METRICS)
    specs = parse_slices([[], *([name] for name in SLICES)], table.column_names)
    judged = judged_rows(table, "late", ["p"], None, None)
    rows = Cuts.of(table, specs, judged, None, LocalEngine())
    results = rows.fold([metric.needs("late", "p") for metric in metrics])
    found = {}
    for spec, keys, of_cut in zip(specs, rows.keys, results, strict=True):
        values = zip(*(metric.value(one).tolist() for metric, one in zip(metrics, of_cut, strict=True)), strict=True)
        names = [((spec.columns[0], key),) for key in keys.column(0).to_pylist()] if spec.columns else [()]
        found.update(zip(names, map(list, values), strict=True))
    return found


def scikit_learn(table: pa.Table) -> list[list[float]]:
    """The five metrics of all rows, then of each slice, by scikit-learn."""
    from sklearn.metrics import brier_score_loss, log_loss, precision_score, recall_score, roc_auc_score

    label, scores = np.asarray(table["late"]), np.asarray(table["p"])
    masks = [np.ones(table.num_rows, bool)]
    for name in SLICES:
        values = np.asarray(table[name])
        masks += [values == value for value in np.unique(values)]
    found = []
    for mask in masks:
        y, p = label[mask], scores[mask]
        called = p >= 0.5
        found.append(
            [
                roc_auc_score(y, p),
                log_loss(y, p),
                brier_score_loss(y, p),
                precision_score(y, called),
                recall_score(y, called),
            ]
        )
    return found


def main() -> None:
    """Ours, and beside it scikit-learn's loop and its resampling."""
    given = options(__doc__.splitlines()[0])
    table = make(5_000 if given.tiny else 327_346)

    from headrace.evaluation import evaluate_predictions

    def ours() -> Any:
        return evaluate_predictions(table, label="late", prediction="p", metrics=METRICS, slices=list(SLICES))

    runs = 1 if given.tiny else 5
    took = median_s(ours, runs=runs)
    alone = median_s(lambda: values_alone(table), runs=runs)
    found = ours()
    for key, values in values_alone(table).items():
        assert values == [found.slice(dict(key))[metric].value for metric in METRICS]
    assert found.num_slices == sum(SLICES.values())
    peer_s = resampled_s = None
    note = f"{found.num_slices} slices"
    if not given.no_peers:
        start = time.perf_counter()
        expected = scikit_learn(table)
        peer_s = time.perf_counter() - start
        cells = [found.cells[0], *sorted(found.cells[1:], key=lambda cell: list(SLICES).index(next(iter(cell.slice))))]
        by_name = {tuple(cell.slice.items()): cell for cell in cells}
        order = [()] + [((name, value),) for name in SLICES for value in np.unique(np.asarray(table[name]))]
        worst = max(
            abs(by_name[key][metric].value - value)
            for key, values in zip(order, expected, strict=True)
            for metric, value in zip(METRICS, values, strict=True)
        )
        note += f"; largest difference from scikit-learn {worst:.1e}"
        from sklearn.metrics import roc_auc_score

        label, scores = np.asarray(table["late"]), np.asarray(table["p"])
        generator = np.random.default_rng(1)
        start = time.perf_counter()
        drawn = []
        for _ in range(NUM_REPLICATES if not given.tiny else 20):
            rows = generator.integers(0, len(label), len(label))
            drawn.append(roc_auc_score(label[rows], scores[rows]))
        resampled_s = time.perf_counter() - start
        spread = float(np.std(drawn))
        ratio = (found["roc_auc"].std_error or 0.0) / spread
        note_two = f"its standard error {spread:.5f}; ours is {ratio:.3f} times that"
        one = median_s(
            lambda: evaluate_predictions(table, label="late", prediction="p", metrics=["roc_auc"]), runs=runs
        )
        line(CASE, "one area with its interval", "s", one, "scikit-learn, 200 resamples", resampled_s, note=note_two)
    line(CASE, "5 metrics x 137 slices, values alone", "s", alone, "scikit-learn loop", peer_s, note=note)
    what = "5 metrics x 137 slices, with intervals and a baseline"
    line(CASE, what, "s", took, "scikit-learn loop, values only", peer_s, note=note)
    line(CASE, what, "s", took, "scikit-learn, 200 resamples of one area", resampled_s, note=note)


if __name__ == "__main__":
    main()
