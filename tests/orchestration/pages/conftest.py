"""One of every noun, made from one awkward table: names that attack a page, nulls everywhere, a sensitive column."""

import numpy as np
import pyarrow as pa
import pytest

import headrace as hr
from headrace import ops
from headrace.orchestration.values import TableFile, TrainerFile, Value
from headrace.report import Context, document, page_of
from headrace.tuning import Trial, Tuning

SCRIPT = "<script>alert('x')</script>"
HEBREW = "\u05e2\u05d9\u05e8 \u202e"
LONG = "a very long name " * 20
SECRET = "somebody@example.org"
MOMENT = pa.timestamp("us", tz="UTC")


def awkward(num_rows=600, *, shift=0.0, secret=SECRET):
    """Rows whose label follows x; `shift` moves x."""
    random = np.random.default_rng(3)
    x = random.normal(shift, 1.0, num_rows)
    late = (x + random.normal(0, 0.8, num_rows) > shift).astype(np.int64)

    def some_null(values):
        return pa.array(list(values), mask=random.random(num_rows) < 0.05)

    return pa.table(
        {
            "id": np.arange(num_rows),
            "x": some_null(x.tolist()),
            SCRIPT: some_null(random.integers(0, 9, num_rows).tolist()),
            HEBREW: some_null(random.choice(["<marquee>", "\u05d7", "", "null"], num_rows).tolist()),
            LONG: some_null((random.random(num_rows) < 0.2).tolist()),
            "when": pa.array(
                (random.integers(0, 90, num_rows) * 86_400_000_000).tolist(), pa.timestamp("us", tz="UTC")
            ),
            "nothing": pa.nulls(num_rows),
            "empty": pa.nulls(num_rows, pa.float64()),
            "email": pa.array([f"{at}{secret}" for at in range(num_rows)]),
            "late": some_null(late.tolist()),
        }
    )


def features(x):
    """One feature of each sort."""
    return {
        "x": ops.z_score(x.x),
        SCRIPT: ops.bucketize(x[SCRIPT], num_buckets=3),
        HEBREW: ops.vocabulary(x[HEBREW]),
        "both": ops.vocabulary(ops.cross(x[HEBREW], x[SCRIPT]), num_oov=2),
        "far": ops.where(x.x > 1.5, 1, 0),
    }


def tuning(trainer):
    """Trials of every state."""
    space = {"max_depth": hr.Int(2, 9), "objective": hr.Choice("binary:logistic", None)}
    ended = [("succeeded", 0.7, ""), ("failed", None, SCRIPT), ("stopped", 0.6, "behind"), ("succeeded", 0.8, "")]
    trials = [
        Trial(number, {"max_depth": number + 2, "objective": None}, state, value, {0: 0.5}, (), reason)
        for number, (state, value, reason) in enumerate(ended)
    ]
    return Tuning(trainer, space, "roc_auc", True, tuple(trials), searcher="Random", num_rows=80, num_judged=20)


@pytest.fixture(scope="session")
def nouns():
    """Kind -> an object of it."""
    dataset = hr.Dataset.from_arrow(
        awkward(), label="late", key=["id"], sensitive=["email"], split={"train": 6, "validation": 2, "eval": 2}
    )
    statistics = hr.analyze(dataset, slices=[HEBREW])
    schema = hr.infer_schema(statistics)
    validation = hr.validate(dataset, schema)
    graph = hr.transform(features, validation.accepted.with_schema(None))
    trainer = hr.XGBoost(n_estimators=12, max_depth=3)
    model = hr.train(trainer, graph, dataset)
    champion = hr.train(trainer.replace({"n_estimators": 2}), graph, dataset)
    slices = [HEBREW, [HEBREW, SCRIPT]]
    metrics = ["roc_auc", "log_loss", "precision"]
    evaluation = hr.evaluate(model, dataset, metrics=metrics, slices=slices, champion=champion)
    rules = ["roc_auc >= 0.55", "log_loss <= champion + 0.01", "roc_auc >= 0.999"]
    verdict = hr.gate(model, evaluation, rules=rules)
    return {
        "dataset": dataset,
        "statistics": statistics,
        "feature_statistics": statistics[SCRIPT],
        "schema": schema,
        "validation": validation,
        "transform_graph": graph,
        "graph_diff": graph.diff(hr.transform(features, hr.Dataset.from_arrow(awkward(shift=1.0))), awkward(50)),
        "model": model,
        "evaluation": evaluation,
        "inspection": hr.inspect(model, dataset, max_rows=200),
        "verdict": verdict,
        "value": Value({"a": [1, SCRIPT], "b": None}),
        "table": TableFile(awkward(8)),
        "trainer": TrainerFile(trainer),
        "tuning": tuning(trainer),
    }


def page(kind, noun, **context):
    """The whole page of an object."""
    return document(page_of(kind).report(noun, Context(**context)))
