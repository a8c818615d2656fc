"""Which digit is this? A picture in, a served model of ten classes out, by its pixels, rows, columns and parts."""

import headrace as hr
from headrace import ops


def features(x: hr.Columns) -> dict[str, hr.Expression]:
    return {
        "pixels": ops.normalize_image(ops.image(x.picture, height=8, width=8), scale=240.0),
        "rows": ops.image(x.picture, height=8, width=1),  # brought to one size by areas: the mean grey of each row
        "columns": ops.image(x.picture, height=1, width=8),
        "parts": ops.image(x.picture, height=3, width=3),
        "ink": ops.image(x.picture, height=1, width=1),
    }


@hr.pipeline
def digits() -> None:
    raw = hr.ingest("data/digits.parquet", label="digit", key=["scan"], split={"train": 8, "eval": 2})
    schema = hr.infer_schema(hr.analyze(raw))
    pictures = hr.validate(raw, schema).accepted
    graph = hr.transform(features, pictures)
    trainer = hr.XGBoost(objective="multi:softprob", n_estimators=60, max_depth=4)  # ten classes, not a number
    model = hr.train(trainer, graph, pictures)
    report = hr.evaluate(model, pictures, metrics=["accuracy", "f1_macro", "log_loss", "roc_auc_ovr"])
    verdict = hr.gate(model, report, rules=["accuracy >= 0.9", "f1_macro >= baseline + 0.5"])
    hr.push(model, verdict, endpoint="digit")
