"""Will this flight arrive late? Raw flights in, a served model out."""

import headrace as hr
from headrace import ops


def features(x: hr.Columns) -> dict[str, hr.Expression]:
    return {
        "dep_delay": ops.z_score(x.dep_delay),
        "distance": ops.bucketize(x.distance, num_buckets=10),
        "carrier": ops.vocabulary(x.carrier, top_k=50),
        "route": ops.vocabulary(ops.cross(x.origin, x.dest), num_oov=16),
        "hour": x.hour,
        "temp": ops.z_score(x.temp.fill_null(55.0)),
        "windy": ops.where(x.wind_speed > 20.0, 1, 0),
        "visib": x.visib,
        "precip": x.precip,
        "seats": x.seats,
        "plane_age": 2013 - x.plane_year,
        "tailnum_missing": x.tailnum.is_null(),
    }


@hr.pipeline
def flights(max_depth: int = 8) -> None:
    raw = hr.ingest(
        "data/flights/{span}.parquet",
        spans="last 6",
        label="late",
        key=["time_hour", "carrier", "flight", "origin"],
        split={"train": 8, "eval": 2},
    )
    schema = hr.load_schema("schema.yaml", otherwise=hr.infer_schema(hr.analyze(raw)))
    examples = hr.validate(raw, schema, previous=hr.previous(raw)).accepted
    graph = hr.transform(features, examples)
    tuned = hr.tune(hr.XGBoost(max_depth=max_depth), graph, examples, trials=8, workers=2, max_rows=10_000)
    model = hr.train(tuned.best, graph, examples)
    report = hr.evaluate(
        model,
        examples,
        champion=hr.champion("late"),
        slices=["carrier", "origin"],
        metrics=["roc_auc", "log_loss", "brier", hr.CostWeightedError(fp=1, fn=5)],
    )
    verdict = hr.gate(
        model,
        report,
        limits=hr.Limits(memory_mb=512),
        rules=["roc_auc >= 0.85", "roc_auc >= champion - 0.02 on every carrier with 1000 rows"],
    )
    hr.push(model, verdict, endpoint="late")
