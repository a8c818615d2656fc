"""Proof: what a converter writes answers what its library answers, on flights, row by row.

Every trainer fits half of the first six months of flights (raw numbers with their nulls; filled for those that take
none), through `headrace.train`. Then, on rows of the seventh month: its margins beside the library's own float64
answers (rows that differ after one rounding to float32, and the largest difference), its probabilities, and whether a
row's margin is the same bytes in batches of 1, 2, 3, 7, 31, 100 and 1,000 as among all.

XGBoost adds in float32 itself: there the library is the one that rounds, and only a tolerance is asked.

    python proofs/converters.py [--share 50] [--seed 1]      --share N: 1/N of the rows
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import headrace as hr
from headrace.testing.trainer_cases import NumberGraph
from headrace.training import train

ROOT = Path(__file__).parent.parent
COLUMNS = ["dep_delay", "distance", "hour", "minute", "temp", "wind_speed", "visib", "precip", "seats", "plane_year"]
BATCHES = (1, 2, 3, 7, 31, 100, 1000)
XGBOOST_TOLERANCE = 1e-4
PROBABILITY_TOLERANCE = 1e-6
SETTINGS: dict[str, dict[str, Any]] = {
    "SGDClassifier": {"loss": "log_loss"},
    "MLPClassifier": {"hidden_layer_sizes": (64, 32), "max_iter": 20, "activation": "tanh"},
    "MLPRegressor": {"hidden_layer_sizes": (64,), "max_iter": 20},
    "LogisticRegression": {"max_iter": 300},
}


def trainers() -> Iterator[tuple[str, Any]]:
    """All of them."""
    from headrace.adapters.sklearn.estimators import ESTIMATORS

    for objective in (None, "regression"):
        yield f"LightGBM {objective or 'binary'}", hr.LightGBM(n_estimators=200, objective=objective)
    for objective in (None, "reg:squarederror"):
        yield f"XGBoost {objective or 'binary:logistic'}", hr.XGBoost(n_estimators=200, objective=objective)
    for name in ESTIMATORS:
        yield f"sklearn {name}", hr.Sklearn(name, SETTINGS.get(name, {}))


def rows_of(share: int, seed: int) -> tuple[pa.Table, pa.Table]:
    """What is fitted on, and what is asked: number columns x0, x1 ..., and the label."""
    sys.path.insert(0, str(ROOT / "examples" / "flights"))
    from prepare import flights

    table = flights()
    table = table.filter(pc.is_valid(table["late"]))
    random = np.random.default_rng(seed)
    found = []
    for is_asked in (False, True):
        month = table["month"]
        chosen = table.filter(pc.equal(month, 7) if is_asked else pc.less(month, 7))
        number = max(500, len(chosen) // 2 // share)
        chosen = chosen.take(pa.array(np.sort(random.choice(len(chosen), number, replace=False))))
        numbers = [chosen[name].cast(pa.float64()) for name in COLUMNS]
        names = [f"x{index}" for index in range(len(COLUMNS))]
        found.append(pa.table([*numbers, chosen["late"].cast(pa.float64())], [*names, "label"]))
    return found[0], found[1]


def filled(table: pa.Table) -> pa.Table:
    """Nulls as zeros, and numbers of about one size, for those that need it."""
    columns = [pc.divide(pc.fill_null(table[name], 0.0), 100.0) for name in table.column_names[:-1]]
    return pa.table([*columns, table["label"]], table.column_names)


def native(name: str, model: Any, trainer: Any, fitted: np.ndarray, label: np.ndarray, asked: np.ndarray) -> Any:
    """The library's own margins and predictions, float64."""
    if name.startswith("LightGBM"):
        import lightgbm

        booster = lightgbm.Booster(model_str=model.native_files["model.lightgbm.txt"].decode())
        return booster.predict(asked, raw_score=True), booster.predict(asked)
    if name.startswith("XGBoost"):
        import xgboost

        booster = xgboost.Booster()
        booster.load_model(bytearray(model.native_files["model.xgboost.json"]))
        matrix = xgboost.DMatrix(asked)
        return booster.predict(matrix, output_margin=True), booster.predict(matrix)
    from threadpoolctl import threadpool_limits

    from headrace.adapters.sklearn.estimators import ESTIMATORS, make

    known = ESTIMATORS[trainer.estimator]
    is_double = known.family in ("linear", "layers")
    estimator = make(trainer.estimator, trainer.params, seed=0, num_threads=2)
    with threadpool_limits({"blas": 1, "openmp": 2}):  # else it is another fit, where it stops before it converged
        estimator.fit(fitted.astype(np.float64) if is_double else fitted, label)
    if known.task == "regression":
        return (estimator.predict(asked.astype(np.float64)),) * 2
    probability = estimator.predict_proba(asked.astype(np.float64))[:, 1]
    if known.family == "layers":
        with np.errstate(divide="ignore"):
            return np.log(probability / (1 - probability)), probability
    has_margin = hasattr(estimator, "decision_function")
    return estimator.decision_function(asked.astype(np.float64)) if has_margin else probability, probability


def case(name: str, trainer: Any, fitted: pa.Table, asked: pa.Table) -> dict[str, Any]:
    """One trainer."""
    graph = NumberGraph(len(COLUMNS))
    started = time.monotonic()
    model = train(trainer, graph, hr.Dataset.from_arrow(fitted, label="label"))
    seconds = time.monotonic() - started
    batch = pa.Table.from_batches(asked.drop_columns(["label"]).combine_chunks().to_batches())
    lanes = model.codec.from_batch(batch.to_batches()[0])
    outputs = ("margin", "prediction")
    whole = model.predict_lanes(lanes, outputs)
    matrices = [
        graph.matrix(graph.codec.from_batch(table.combine_chunks().to_batches()[0])) for table in (fitted, asked)
    ]
    margin, prediction = native(name, model, trainer, matrices[0], np.array(fitted["label"]), matrices[1])
    differs = {}
    for size in BATCHES:
        last = min(asked.num_rows, 2000 * size)
        pieces = [
            model.predict_lanes(
                {key: values[first : min(first + size, last)] for key, values in lanes.items()}, outputs
            )
            for first in range(0, last, size)
        ]
        differs[size] = sum(
            int(
                (
                    np.concatenate([piece[key] for piece in pieces]).view(np.uint32)
                    != whole[key][:last].view(np.uint32)
                ).sum()
            )
            for key in outputs
        )
    found, answer = whole["margin"].ravel(), whole["prediction"].ravel().astype(np.float64)
    unequal = int((found != np.asarray(margin, np.float64).astype(np.float32)).sum())
    off, probability_off = float(np.abs(found - margin).max()), float(np.abs(answer - prediction).max())
    is_float32 = name.startswith("XGBoost")
    # Beyond what a row's two roundings can do: float64 sums in another order, rounded to float32.
    allowed = XGBOOST_TOLERANCE if is_float32 else float(np.spacing(np.float32(np.abs(margin).max())))
    wrong = [f"{count} values differ in batches of {size}" for size, count in differs.items() if count]
    wrong += [f"margins differ by {off}"] if off > allowed else []
    is_class = model.signature.task == "binary"
    wrong += (
        [f"predictions differ by {probability_off}"] if is_class and probability_off > PROBABILITY_TOLERANCE else []
    )
    return {
        "trainer": name,
        "rows_fitted": fitted.num_rows,
        "rows_asked": asked.num_rows,
        "margins_unequal": unequal,
        "margin_off": off,
        "prediction_off": probability_off,
        "batches_unequal": sum(differs.values()),
        "fit_s": round(seconds, 2),
        "wrong": wrong,
    }


def main() -> None:
    """Prove, print, and end with 1 when anything was not as it must be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=int, default=1, help="1/N of the rows")
    parser.add_argument("--seed", type=int, default=1, help="of the choice of rows")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # that twenty epochs were few
    started = time.monotonic()
    fitted, asked = rows_of(arguments.share, arguments.seed)
    num_wrong = num_cases = num_unequal = 0
    for name, trainer in trainers():
        needs_filling = name.startswith("sklearn") and not any(
            part in name for part in ("DecisionTree", "RandomForest", "ExtraTrees", "Hist")
        )
        tables = (filled(fitted), filled(asked)) if needs_filling else (fitted, asked)
        result = case(name, trainer, *tables)
        num_cases, num_wrong = num_cases + 1, num_wrong + bool(result["wrong"])
        num_unequal += 0 if name.startswith("XGBoost") else result["margins_unequal"]
        print(json.dumps({"proof": "converters", **result}), flush=True)
    summary = {
        "proof": "converters",
        "summary": True,
        "cases": num_cases,
        "violations": num_wrong,
        "margins_unequal": num_unequal,
        "rows_asked": asked.num_rows,
        "seed": arguments.seed,
        "share": arguments.share,
        "seconds": round(time.monotonic() - started),
    }
    print(json.dumps(summary), flush=True)
    raise SystemExit(1 if num_wrong else 0)


if __name__ == "__main__":
    main()
