"""Which digit is this? Grey values in, a served model of ten classes out, by ink in rows and columns, and symmetry."""

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
    raw = hr.ingest("data/digits.parquet", label="digit", key=["picture"], split={"train": 8, "eval": 2})
    schema = hr.infer_schema(hr.analyze(raw))
    pictures = hr.validate(raw, schema).accepted
    graph = hr.transform(features, pictures)
    trainer = hr.XGBoost(objective="multi:softprob", n_estimators=60, max_depth=4)  # ten classes, not a number
    model = hr.train(trainer, graph, pictures)
    report = hr.evaluate(model, pictures, metrics=["accuracy", "f1_macro", "log_loss", "roc_auc_ovr"])
    verdict = hr.gate(model, report, rules=["accuracy >= 0.9", "f1_macro >= baseline + 0.5"])
    hr.push(model, verdict, endpoint="digit")
