"""Is this an 8? Grey values in, a served model out: ink by row and column, symmetry, and loops are features."""

import functools
import operator

import headrace as hr

SIZE = range(8)


def total(parts: list[hr.Expression]) -> hr.Expression:
    return functools.reduce(operator.add, parts)


def features(x: hr.Columns) -> dict[str, hr.Expression]:
    ink = {(row, column): x[f"p{row}{column}"] / 16.0 for row in SIZE for column in SIZE}
    grey = {f"p{row}{column}": ink[row, column] for row in SIZE for column in SIZE}
    rows = {f"row {row}": total([ink[row, column] for column in SIZE]) for row in SIZE}
    columns = {f"column {column}": total([ink[row, column] for row in SIZE]) for column in SIZE}
    mirrored = total([abs(ink[row, column] - ink[row, 7 - column]) for row in SIZE for column in range(4)])
    upside_down = total([abs(ink[row, column] - ink[7 - row, column]) for row in range(4) for column in SIZE])
    return {
        **grey,
        **rows,
        **columns,
        "ink": total(list(ink.values())),
        "mirrored": mirrored,
        "upside down": upside_down,
        "waist": rows["row 3"] + rows["row 4"] - rows["row 1"] - rows["row 6"],
    }


@hr.pipeline
def digits() -> None:
    raw = hr.ingest("data/digits.parquet", label="digit", positive=8, key=["picture"], split={"train": 8, "eval": 2})
    schema = hr.infer_schema(hr.analyze(raw))
    pictures = hr.validate(raw, schema).accepted
    graph = hr.transform(features, pictures)
    model = hr.train(hr.XGBoost(n_estimators=80, max_depth=4), graph, pictures)
    report = hr.evaluate(model, pictures, metrics=["roc_auc", "log_loss"])
    verdict = hr.gate(model, report, rules=["roc_auc >= 0.97 by value"])
    hr.push(model, verdict, endpoint="eight")
