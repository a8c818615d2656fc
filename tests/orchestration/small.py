"""A whole pipeline over small months: what the tests of shapes, of comparing and of running twice share."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from headrace.orchestration.runner import run_pipeline

FLOW = """
    from headrace import ops

    def features(x):
        return {
            "delay": ops.z_score(x.delay),
            "city": ops.vocabulary(x.city, top_k=5),
            "n": x.n,
        }

    @hr.pipeline
    def flow(trees: int = 4):
        raw = hr.ingest("data/{span}.parquet", spans="last 3", label="late", key=["id"], split={"train": 8, "eval": 2})
        schema = hr.load_schema("schema.yaml", otherwise=hr.infer_schema(hr.analyze(raw)))
        examples = hr.validate(raw, schema, previous=hr.previous(raw)).accepted
        graph = hr.transform(features, examples)
        model = hr.train(hr.XGBoost(n_estimators=trees, max_depth=2), graph, examples)
        report = hr.evaluate(model, examples, champion=hr.champion("late"), slices=["city"], metrics=["roc_auc"])
        verdict = hr.gate(model, report, rules=["roc_auc >= 0.6"])
        hr.push(model, verdict, endpoint="late")
"""
STEPS = ["ingest", "analyze", "infer_schema", "validate", "transform", "train", "evaluate", "gate", "push"]


def month(number, rows=400):
    """The rows of a month: delay makes late, city and n do not; each column has a null but key and label."""
    random = np.random.default_rng([number, rows])
    delay = random.exponential(20, rows).round(2)
    at = random.integers(0, 10**6, rows) * 10**6 + number * 10**12

    def with_null(values):
        return pa.array([None, *values.tolist()[1:]])

    return pa.table(
        {
            "id": pa.array(random.integers(0, 2**40, rows)),
            "at": with_null(at).cast(pa.timestamp("us", "UTC")),
            "city": with_null(np.array(["A", "B", "C"])[random.integers(0, 3, rows)]),
            "delay": with_null(delay),
            "n": with_null(random.integers(0, 9, rows)).cast(pa.int32()),
            "late": pa.array(delay + random.normal(0, 5, rows) > 20),
        }
    )


def changed(table, name, values):
    """The table with other values in one column."""
    return table.set_column(table.column_names.index(name), name, values)


class Months:
    """A project whose months arrive as files."""

    def __init__(self, project):
        self.project = project
        self.folder = project.folder / "data"
        self.folder.mkdir()
        project.write(FLOW)

    def deliver(self, name, table):
        """A month arrives, or arrives again."""
        pq.write_table(table, self.folder / f"{name}.parquet")

    def rewrite(self, old, new):
        """Change the pipeline's file in one place."""
        source = self.project.file.read_text()
        assert old in source
        self.project.file.write_text(source.replace(old, new))
        self.project.forget()

    def plan(self, **parameters):
        """What a run would do now."""
        return self.project.pipeline().plan(**parameters)

    def run(self, *, waivers=(), **parameters):
        """Run it, in this process."""
        return run_pipeline(self.project.pipeline(), parameters, in_process=True, waivers=waivers)


def actions(plan):
    """Step -> what would be done with it."""
    return {step.name: step.action for step in plan.steps}


def reasons(plan):
    """Step -> why, in words."""
    return {step.name: list(step.why) for step in plan.steps if step.why}


def states(result):
    """Step -> state, those that were looked up left out."""
    return {name: step.state for name, step in result.steps.items() if step.state != "looked up"}
