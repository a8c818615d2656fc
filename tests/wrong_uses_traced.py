"""What people do wrong in a pipeline, and the exact answer, given while it is traced: before anything runs.

A row is (what is wrong, code, answer). The code stands below `raw = hr.ingest("data/{span}.parquet", label="late")`
and `model = hr.train(hr.XGBoost(), hr.transform(features, raw), raw)`; LINE is where it stands.
"""

from __future__ import annotations

from tests.wrong_uses import TRAINERS

INSIDE = (
    "its value does not exist while the pipeline is traced (LINE); do it in a function with @hr.step, which gets the"
    " value"
)

PIPELINES: list[tuple[str, str, str]] = [
    ("a handle in if", "if raw:\n        pass", f"the handle of step 'ingest' cannot be used as a condition: {INSIDE}"),
    ("a handle in for", "for row in raw:\n        pass", f"the handle of step 'ingest' cannot be iterated: {INSIDE}"),
    ("a handle indexed", "raw['late']", f"the handle of step 'ingest' cannot be indexed: {INSIDE}"),
    ("a handle in a text", "f'{raw}'", f"the handle of step 'ingest' cannot be formatted: {INSIDE}"),
    ("a handle compared", "raw == 3", f"the handle of step 'ingest' cannot be compared: {INSIDE}"),
    ("a handle measured", "len(raw)", f"the handle of step 'ingest' cannot be measured: {INSIDE}"),
    (
        "an output that is none",
        "raw.num_rows",
        "the handle of step 'ingest' has no output 'num_rows' (LINE); expected one of its declared outputs: .dataset;"
        " to work with the value itself, do it in a function with @hr.step",
    ),
    (
        "data from outside",
        "hr.analyze('x.parquet')",
        "dataset of hr.analyze is the text 'x.parquet', not a handle (LINE); expected a data set that another verb or"
        " step of this pipeline returned; data come in by hr.ingest, or by a function with @hr.step",
    ),
    (
        "a validation, not what it accepted",
        "hr.analyze(hr.validate(raw, hr.load_schema('s.yaml')))",
        "dataset of hr.analyze is a validation (validate.validation) (LINE); expected a data set; .accepted is the data"
        " set that passed",
    ),
    (
        "an argument of a verb",
        "hr.train(hr.XGBoost(), hr.transform(features, raw), dataste=raw)",
        "hr.train() got an unexpected keyword argument 'dataste' (LINE); did you mean 'dataset'?",
    ),
    (
        "another library's model",
        "hr.train(__import__('fractions').Fraction(1), hr.transform(features, raw), raw)",
        f"trainer of hr.train is a fractions.Fraction (LINE); expected {TRAINERS}; another trainer is one file:"
        " docs/extending/trainer.md",
    ),
    (
        "a trainer without brackets",
        "hr.train(hr.XGBoost, hr.transform(features, raw), raw)",
        "trainer of hr.train is the class XGBoost (LINE); call it: hr.XGBoost()",
    ),
    (
        "a metric, before anything runs",
        "hr.evaluate(model, raw, metrics=['roc_acu'])",
        "no metric named 'roc_acu' (LINE); did you mean 'roc_auc'?",
    ),
    (
        "a rule's metric, before anything runs",
        "hr.gate(model, hr.evaluate(model, raw, metrics=['roc_auc']), rules=['roc_acu >= 0.8'])",
        "no metric named 'roc_acu' (LINE, rule 'roc_acu >= 0.8'); did you mean 'roc_auc'? (there are: roc_auc)",
    ),
    (
        "a rule's text, before anything runs",
        "hr.gate(model, hr.evaluate(model, raw, metrics=['roc_auc']), rules=['roc_auc => 0.8'])",
        "cannot read the rule 'roc_auc => 0.8': '=>' is not what comes here (LINE, character 9); expected >=, >, <= or"
        " <; did you mean '>='?\n    roc_auc => 0.8\n            ^",
    ),
    (
        "limits that are a dict, before anything runs",
        "hr.gate(model, hr.evaluate(model, raw, metrics=['roc_auc']), rules=['roc_auc >= 0.8'], limits={'load_s': 2})",
        "limits of hr.gate is a dict (LINE); expected an hr.Limits; hr.Limits(load_s=2)",
    ),
    (
        "an evaluation, not a verdict",
        "hr.push(model, hr.evaluate(model, raw, metrics=['roc_auc']), endpoint='late')",
        "verdict of hr.push is an evaluation (evaluate.evaluation) (LINE); expected a verdict",
    ),
    (
        "a champion's endpoint",
        "hr.champion('late model')",
        "'late model' is not an endpoint's name (LINE); expected 1 to 63 letters, digits, '-' or '_', a letter or digit"
        " first",
    ),
]
