"""What people do wrong, and the exact answer: one row each, in the order of a first day.

A row is (what is wrong, code, answer). Code runs in `wrong.py`, below `import headrace as hr`, with these at hand:

    table      pyarrow.Table: distance, hour, carrier, is_new, late, flight
    data       a data set of it: label late, key flight, train and eval
    features, graph, model, evaluation, verdict, refused, schema: made of it; `refused` is a verdict that said no
    folder     an empty folder

LINE is the line of the wrong call. `wrong_uses_traced` has what is wrong in pipelines.
"""

from __future__ import annotations

from headrace.lookup import class_names, names

COLUMNS = "(there are: carrier, distance, flight, hour, is_new, late)"
# What there is of these kinds grows by files; the list in the answer has to.
TRAINERS = " or ".join(f"hr.{name}(...)" for name in class_names("trainer"))
_WRITTEN = [f"ops.{name}" for name in names("op") if name not in ("arithmetic", "comparison", "logic", "power")]
OPS = f"use operators and {', '.join(_WRITTEN)}, or compute the column before it comes here"
TRUTH = (
    "has no truth value while features are traced (LINE); write & | ~ for and, or, not; ops.where(condition, a, b) for"
    " if, min and max; (x == 1) | (x == 2) for in; (a < x) & (x < b) for a < x < b"
)
TABLE = "expected a pyarrow.Table, or a DataFrame of pandas 2.2 or later, Polars, DuckDB: with __arrow_c_stream__"
DATASET = "expected a data set; hr.Dataset.from_arrow(table, label=...) makes one"


def feature(expression: str) -> str:
    """A feature function with one feature."""
    return f"hr.transform(lambda x: {{'a': {expression}}}, data)"


EAGER: list[tuple[str, str, str]] = [
    # Names that are nearly right.
    (
        "a column in features",
        feature("ops.z_score(x.distnace)"),
        f"no column named 'distnace' (LINE); did you mean 'distance'? {COLUMNS}",
    ),
    (
        "a column in slices",
        "hr.analyze(data, slices=['carier'])",
        f"no column named 'carier' (slice carier); did you mean 'carrier'? {COLUMNS}",
    ),
    (
        "the label's column",
        "hr.Dataset.from_arrow(table, label='lat')",
        f"no column named 'lat' (roles of the data set, label); did you mean 'late'? {COLUMNS}",
    ),
    (
        "a key column",
        "hr.Dataset.from_arrow(table, key=['flihgt'])",
        f"no column named 'flihgt' (roles of the data set, key); did you mean 'flight'? {COLUMNS}",
    ),
    (
        "a feature in statistics",
        "hr.analyze(data)['distnace']",
        f"no feature named 'distnace'; did you mean 'distance'? {COLUMNS}",
    ),
    (
        "a slice's value",
        "evaluation.slice({'carrier': 'AAA'})",
        "no slice named 'carrier=AAA' (the evaluation); did you mean 'carrier=AA'? (there are: carrier=AA, carrier=UA)",
    ),
    (
        "a metric",
        "hr.evaluate(model, data, metrics=['roc_acu'])",
        "no metric named 'roc_acu' (LINE); did you mean 'roc_auc'?",
    ),
    (
        "a metric that was not measured",
        "evaluation['log_loss']",
        "no metric named 'log_loss' (the evaluation); there are: roc_auc",
    ),
    (
        "an op",
        feature("ops.zscore(x.distance)"),
        "no op named 'zscore'; did you mean 'z_score'?",
    ),
    (
        "a parameter of an op",
        feature("ops.bucketize(x.distance, num_bucket=10)"),
        "no parameter of ops.bucketize named 'num_bucket' (LINE); did you mean 'num_buckets'?"
        " (there are: boundaries, num_buckets)",
    ),
    (
        "a parameter of a trainer",
        "hr.XGBoost(max_dept=3)",
        "hr.XGBoost() got an unexpected keyword argument 'max_dept' (LINE); did you mean 'max_depth'?",
    ),
    (
        "a parameter of a metric",
        "hr.CostWeightedError(fpp=1)",
        "hr.CostWeightedError() got an unexpected keyword argument 'fpp' (LINE); did you mean 'fp'?",
    ),
    (
        "an argument of a verb",
        "hr.train(hr.XGBoost(), graph, dataest=data)",
        "hr.train() got an unexpected keyword argument 'dataest' (LINE); did you mean 'dataset'?",
    ),
    (
        "an option of @hr.step",
        "@hr.step(retires=3)\ndef s(x):\n    return x",
        "hr.step() got an unexpected keyword argument 'retires' (LINE); did you mean 'retries'?",
    ),
    (
        "an option of @hr.pipeline",
        "@hr.pipeline(scedule='0 6 * * *')\ndef p():\n    pass",
        "hr.pipeline() got an unexpected keyword argument 'scedule' (LINE); did you mean 'schedule'?",
    ),
    # Values that cannot be.
    (
        "a parameter's value",
        "hr.XGBoost(max_depth=-1)",
        "max_depth = -1 (XGBoost); expected a whole number from 1 to 30",
    ),
    (
        "a rule's text",
        "hr.gate(model, evaluation, rules=['roc_auc > = 0.8'])",
        "cannot read the rule 'roc_auc > = 0.8': '=' is not what comes here (LINE, character 11); expected a number,"
        " champion or baseline; here:\n    roc_auc > = 0.8\n              ^",
    ),
    (
        "limits that are a dict",
        "hr.gate(model, evaluation, rules=['roc_auc >= 0.5'], limits={'memory_mb': 512})",
        "limits of hr.gate is a dict (LINE); expected an hr.Limits; hr.Limits(memory_mb=512)",
    ),
    (
        "the class of limits",
        "hr.gate(model, evaluation, rules=['roc_auc >= 0.5'], limits=hr.Limits)",
        "limits of hr.gate is the class Limits (LINE); expected an hr.Limits; call it: hr.Limits(memory_mb=512)",
    ),
    (
        "a limit's name",
        "hr.gate(model, evaluation, rules=['roc_auc >= 0.5'], limits=hr.Limits(memory=512))",
        "hr.Limits() got an unexpected keyword argument 'memory' (LINE); did you mean 'memory_mb'?",
    ),
    (
        "a limit's value",
        "hr.Limits(memory_mb='512')",
        "memory_mb = '512' (Limits); expected a number from 1 to 10,000,000",
    ),
    (
        "limits on predictions alone",
        "hr.gate(None, evaluation, rules=['roc_auc >= 0.5'], limits=hr.Limits(memory_mb=512))",
        "limits of hr.gate are on a model, and predictions alone are judged (LINE); leave limits= out, or give it a"
        " model",
    ),
    (
        "shares for a split",
        "hr.Dataset.from_arrow(table, split={'train': 0.8, 'eval': 0.2})",
        "split 'train' has weight 0.8; expected a whole number, 1 to 1,000,000; 8 and 2 rather than 0.8 and 0.2",
    ),
    (
        "a list for a split",
        "hr.Dataset.from_arrow(table, split=[8, 2])",
        "split is [8, 2] (LINE); expected weights by name: {'train': 8, 'eval': 2}",
    ),
    (
        "other names for the splits",
        "other = hr.Dataset.from_arrow(table, label='late', split={'train': 8, 'test': 2})\n"
        "hr.evaluate(model, other, metrics=['brier'])",
        "no split named 'eval' (<Dataset all, 400 rows>); there are: test, train",
    ),
    (
        "a negative weight",
        "hr.analyze(hr.Dataset.from_arrow(pa.table({'w': [-1.0, 2.0], 'y': [0, 1]}), weight='w'))",
        "weight 'w' holds -1.0 (span all); expected finite numbers, none below 0",
    ),
    (
        "two columns of one name",
        "hr.Dataset.from_arrow(pa.table([pa.array([1]), pa.array([2])], ['a', 'a']))",
        "two columns are named 'a' (the table); rename one of them",
    ),
    (
        "a schedule in words",
        "@hr.pipeline(schedule='every day')\ndef p():\n    pass",
        "schedule 'every day' has 2 fields; expected five, as cron has them: minute, hour, day of the month, month, day"
        ' of the week; each day at six: schedule="0 6 * * *"',
    ),
    (
        "an endpoint's name",
        "with hr.open_store(folder / 'home'):\n    hr.push(model, verdict, endpoint='late model')",
        "'late model' is not an endpoint's name (LINE); expected 1 to 63 letters, digits, '-' or '_', a letter or digit"
        " first",
    ),
    # Things in the place of others.
    ("a list, not a data set", "hr.analyze([1, 2])", f"dataset of hr.analyze is a list (LINE); {DATASET}"),
    (
        "a dict, not a table",
        "hr.Dataset.from_arrow({'a': [1]})",
        f"from_arrow got a dict (LINE); {TABLE}; pyarrow.table(...) makes one of columns",
    ),
    (
        "a list, not a table",
        "hr.Dataset.from_arrow([{'a': 1}])",
        f"from_arrow got a list (LINE); {TABLE}; pyarrow.Table.from_pylist(...) makes one of rows",
    ),
    (
        "a path, not a table",
        "hr.Dataset.from_arrow('data.parquet')",
        f"from_arrow got a str (LINE); {TABLE}; hr.Dataset.from_parquet and hr.Dataset.from_csv read files",
    ),
    (
        "a path, not a data set",
        "hr.analyze('x.parquet')",
        "dataset of hr.analyze is the text 'x.parquet' (LINE); expected a data set;"
        " hr.Dataset.from_parquet('x.parquet', label=...) reads one",
    ),
    (
        "a dict, not a schema",
        "hr.validate(data, {'distance': 'number'})",
        "schema of hr.validate is a dict (LINE); expected a schema; hr.infer_schema(statistics) makes one,"
        " hr.Schema.load(path) reads one",
    ),
    (
        "a data set, not statistics",
        "hr.infer_schema(data)",
        "statistics of hr.infer_schema is a data set (LINE); expected statistics; hr.analyze(dataset) makes them",
    ),
    (
        "a validation, not what it accepted",
        "hr.transform(features, hr.validate(data, schema))",
        "dataset of hr.transform is a validation (LINE); expected a data set; .accepted is the data set that passed",
    ),
    (
        "arguments swapped",
        "hr.transform(data, features)",
        f"dataset of hr.transform is the function features (LINE); {DATASET}",
    ),
    (
        "model and evaluation swapped",
        "hr.gate(evaluation, model, rules=['roc_auc >= 0.5'])",
        "model of hr.gate is an evaluation (LINE); expected a model; hr.train(trainer, graph, dataset) makes one,"
        " hr.Model.load(folder) reads one",
    ),
    (
        "a trainer without brackets",
        "hr.train(hr.XGBoost, graph, data)",
        "trainer of hr.train is the class XGBoost (LINE); call it: hr.XGBoost()",
    ),
    (
        "a trainer's name as text",
        "hr.train('xgboost', graph, data)",
        "trainer of hr.train is the text 'xgboost' (LINE); expected a trainer; did you mean hr.XGBoost()?",
    ),
    (
        "a metric without brackets",
        "hr.evaluate(model, data, metrics=[hr.CostWeightedError])",
        "metrics of hr.evaluate holds the class CostWeightedError (LINE); call it: hr.CostWeightedError()",
    ),
    (
        "an argument forgotten",
        "hr.train(hr.XGBoost(), data)",
        "hr.train() lacks dataset (LINE); expected hr.train(trainer, graph, dataset)",
    ),
    (
        "no metric",
        "hr.evaluate(model, data, metrics=[])",
        f"no metrics (LINE); expected at least one of {', '.join(names('metric'))}",
    ),
    # Features.
    (
        "an op without brackets",
        feature("ops.z_score"),
        "feature 'a' is the function z_score, not an expression (LINE);"
        " expected x.<column>, operators on it, or headrace.ops; call it: ops.z_score(x.<column>)",
    ),
    ("if", feature("1 if x.distance > 3 else 0"), f"(x.distance > 3) {TRUTH}"),
    ("and", feature("x.distance > 3 and x.hour > 2"), f"(x.distance > 3) {TRUTH}"),
    ("or", feature("x.is_new or x.late"), f"x.is_new {TRUTH}"),
    ("not", feature("not x.is_new"), f"x.is_new {TRUTH}"),
    ("in", feature("x.carrier in ['AA', 'UA']"), f"(x.carrier == 'AA') {TRUTH}"),
    ("a chain", feature("1 < x.hour < 3"), f"(x.hour > 1) {TRUTH}"),
    ("max()", feature("max(x.distance, 3)"), f"(x.distance < 3) {TRUTH}"),
    (
        "math.log",
        feature("math.log(x.distance)"),
        f"x.distance cannot be made a number: it has no value while features are traced (LINE); {OPS}",
    ),
    ("numpy.log", feature("np.log(x.distance)"), f"numpy.log cannot be recorded (LINE); {OPS}"),
    ("== None", feature("x.distance == None"), "a comparison with None is null for every row (LINE); write .is_null()"),
    (
        "a method of texts",
        feature("x.carrier.lower()"),
        "no method of an expression named 'lower' (LINE); did you mean 'str.lower'? (there are: cast, clip, dt.at,"
        " dt.day, dt.day_of_week, dt.day_of_year, dt.hour, dt.minute, dt.month, dt.quarter, dt.second, dt.year,"
        " fill_null, is_between, is_in, is_null, list.contains, list.first, list.get, list.join, list.length, list.max,"
        " list.mean, list.min, list.sum, str.contains, str.length, str.lower, str.matches, str.ngrams, str.parse_date,"
        " str.replace, str.slice, str.split, str.strip, str.upper)",
    ),
    (
        "a loop",
        feature("[v for v in x.distance]"),
        f"x.distance cannot be iterated: it has no value while features are traced (LINE); {OPS}",
    ),
    (
        "no return",
        "def f(x):\n    {'a': x.distance}\nhr.transform(f, data)",
        "features returned nothing (LINE); expected a dict of feature name: expression; end the function with"
        " return {...}",
    ),
    (
        "a list returned",
        "hr.transform(lambda x: [x.distance], data)",
        "features returned a list (LINE); expected a dict of feature name: expression",
    ),
    (
        "nothing in the dict",
        "hr.transform(lambda x: {}, data)",
        "features returned no feature (LINE); expected a dict of feature name: expression",
    ),
    (
        "a constant as a feature",
        feature("3"),
        "feature 'a' is the constant 3, not an expression (LINE); expected x.<column>, operators on it, or"
        " headrace.ops",
    ),
    (
        "two parameters",
        "hr.transform(lambda x, y: {'a': x.distance}, data)",
        "features takes (x, y) (LINE); expected one argument, the columns: features(x)",
    ),
    (
        "an op for numbers on text",
        feature("ops.z_score(x.carrier)"),
        "text has no z-score (LINE, in z_score(x.carrier)); expected a number, integer, boolean or timestamp",
    ),
    (
        "text to the trainer",
        f"hr.train(hr.XGBoost(n_estimators=2), {feature('x.carrier')}, data)",
        "feature 'a' is text: a model takes numbers (LINE, in x.carrier); look it up: ops.vocabulary(...)",
    ),
    (
        "the label as a feature",
        f"hr.train(hr.XGBoost(n_estimators=2), {feature('x.late')}, data)",
        "the label 'late' is used as a feature (LINE); leave it out: it is not known when serving",
    ),
    # What is not there.
    (
        "no label",
        "hr.train(hr.XGBoost(n_estimators=2), graph, hr.Dataset.from_arrow(table))",
        "this data set has no label, so nothing can be learnt (LINE); name one: label='...'",
    ),
    (
        "a table to the trainer",
        "hr.train(hr.XGBoost(n_estimators=2), graph, table)",
        "dataset of hr.train is a Table, which has no label (LINE);"
        ' hr.Dataset.from_arrow(table, label="...") makes a data set of a table of any package',
    ),
    (
        "a table to be judged on",
        "hr.evaluate(model, table, metrics=['roc_auc'])",
        "dataset of hr.evaluate is a Table, which has no label (LINE);"
        ' hr.Dataset.from_arrow(table, label="...") makes a data set of a table of any package',
    ),
    (
        "another library's model",
        "import fractions\nhr.train(fractions.Fraction(1), graph, data)",
        f"trainer of hr.train is a fractions.Fraction (LINE); expected {TRAINERS}; another trainer is one file:"
        " docs/extending/trainer.md",
    ),
    (
        "no rows",
        "hr.train(hr.XGBoost(n_estimators=2), graph, hr.Dataset.from_arrow(table.slice(0, 0), label='late'))",
        "there is no row to fit on (data set); expected rows whose label 'late' is not null",
    ),
    (
        "no file",
        "hr.Dataset.from_parquet(folder / 'none' / '*.parquet')",
        "no file found (FOLDER/none/*.parquet); expected at least one Parquet file; there is no folder FOLDER/none",
    ),
    (
        "a schema file that is not there",
        "hr.Schema.load(folder / 'schema.yaml')",
        "cannot read the schema file: No such file or directory (FOLDER/schema.yaml); write one with"
        " hr.infer_schema(hr.analyze(dataset)).save(path)",
    ),
    (
        "a schema file that is no YAML",
        "(folder / 's.yaml').write_text('a: [')\nhr.Schema.load(folder / 's.yaml')",
        "not YAML: expected the node content, but found '<stream end>' (FOLDER/s.yaml, line 1); correct that line",
    ),
    (
        "a key in a schema file",
        "schema.save(folder / 's.yaml')\ntext = (folder / 's.yaml').read_text().replace('kind:', 'knid:', 1)\n"
        "(folder / 's.yaml').write_text(text)\nhr.Schema.load(folder / 's.yaml')",
        "no key named 'knid' (FOLDER/s.yaml, line 6); did you mean 'kind'? (there are: allow_infinite, allow_nan,"
        " domain, domain_from, is_sensitive, is_unique, kind, limits, max, max_drift, max_length, max_skew, max_values,"
        " min, min_length, min_present, min_present_in, min_values, name, new_values, not_in, order, pattern, role,"
        " severity, stage, tolerance, values_kind)",
    ),
    (
        "a folder that holds no model",
        "hr.Model.load(folder / 'nothing')",
        "cannot read signature.json: No such file or directory (FOLDER/nothing/signature.json); expected the folder of"
        " a saved model",
    ),
    (
        "no store",
        "hr.push(model, verdict, endpoint='late')",
        "hr.push outside a pipeline needs a store (LINE); with hr.open_store(dir): hr.push(...)",
    ),
    # What was withheld.
    (
        "training rows judged",
        "hr.evaluate(model, hr.Dataset.from_arrow(data.to_arrow('train'), label='late', key=['flight'], span='all'),"
        " metrics=['brier'])",
        "the model was fitted on these rows (part all, in training all/train); expected rows held out from fitting,"
        " such as a data set made with split={'train': 8, 'eval': 2}; allow_training_rows=True judges them all the"
        " same",
    ),
    (
        "what was not accepted",
        "bad = table.set_column(2, 'carrier', pa.array(['ZZ'] * table.num_rows))\n"
        "hr.validate(hr.Dataset.from_arrow(bad, label='late'), schema).accepted",
        "the data set was not accepted: 1 error; column 'carrier' is outside its domain in 400 of 400 rows: 'ZZ'; the"
        " schema lists 2 values; correct the data or the schema, or set rows at fault aside with"
        " validate(..., quarantine=True)",
    ),
    (
        "a push that the gate forbids",
        "with hr.open_store(folder / 'home'):\n    hr.push(model, refused, endpoint='late')",
        "the gate said no: roc_auc > 1: overall: VALUE is not > 1; 95 % interval VALUE to VALUE (endpoint"
        " 'late'); train another model, or change the rules",
    ),
    (
        "a column that is missing when asked",
        "model.predict(table.drop_columns(['distance']))",
        "no column named 'distance' (table); there are: carrier, flight, hour, is_new, late",
    ),
    (
        "a column of another type when asked",
        "model.predict(table.set_column(0, 'distance', pa.array(['x'] * table.num_rows)))",
        "column 'distance' is string (table); expected number (a number)",
    ),
    # Pipelines and steps.
    (
        "a pipeline that is called",
        "@hr.pipeline\ndef p(depth: int = 3):\n    pass\np(depth=4)",
        "a pipeline is not called: p(depth=4) (LINE+3); run it with p.run(depth=4)",
    ),
    (
        "a parameter of a pipeline",
        "@hr.pipeline\ndef p(depth: int = 3):\n    pass\np.run(dept=4)",
        "no parameter named 'dept' (pipeline 'p'); did you mean 'depth'? (there are: depth)",
    ),
    (
        "a lambda as a step",
        "hr.step(lambda x: x)",
        "a lambda cannot be a step (LINE); expected a function defined at the top level of a module, so that another"
        " process can import it",
    ),
    (
        "a step in a function",
        "def outer():\n    @hr.step\n    def inner(x):\n        return x\nouter()",
        "outer.<locals>.inner is a nested function and cannot be a step (LINE+1); expected a function defined at the"
        " top level of a module, so that another process can import it",
    ),
]
