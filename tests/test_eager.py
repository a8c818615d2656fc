"""The whole way without a store: what a notebook does, from a table to a verdict and an answer."""

import numpy as np
import pyarrow as pa
import pytest

import headrace as hr
from headrace import ops


def features(x):
    """Of a customer."""
    return {"fee": ops.z_score(x.fee), "plan": ops.vocabulary(x.plan, top_k=5), "months": x.months}


def customers(rows=600):
    """Those with a high fee leave; every column but the label has a null."""
    random = np.random.default_rng(5)
    fee = random.gamma(4.0, 8.0, rows).round(2)
    return pa.table(
        {
            "fee": pa.array([None, *fee[1:].tolist()]),
            "plan": pa.array([None, *random.choice(["basic", "plus", "pro"], rows - 1).tolist()]),
            "months": pa.array([None, *random.integers(1, 72, rows - 1).tolist()], pa.int64()),
            "left": pa.array(fee + random.normal(0.0, 8.0, rows) > 35.0),
        }
    )


def test_from_a_table_to_an_answer(tmp_path):
    """Each verb takes what the one before gave; a saved model that is loaded again answers the same bytes."""
    table = customers()
    data = hr.Dataset.from_arrow(table, label="left", split={"train": 8, "eval": 2})
    schema = hr.infer_schema(hr.analyze(data))
    accepted = hr.validate(data, schema).accepted
    graph = hr.transform(features, accepted)
    model = hr.train(hr.XGBoost(n_estimators=20, max_depth=3), graph, accepted)
    report = hr.evaluate(model, accepted, metrics=["roc_auc"])
    assert hr.gate(model, report, rules=["roc_auc >= 0.7"]).ok
    assert not hr.gate(model, report, rules=["roc_auc >= 1.0"]).ok
    model.save(tmp_path / "model")
    rows = table.drop_columns(["left"])
    answers = hr.Model.load(tmp_path / "model").predict(rows)
    assert answers.equals(model.predict(rows)) and answers.num_rows == table.num_rows


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda: hr.Dataset.from_pandas, r"write hr.Dataset.from_arrow\(table, label=...\)"),
        (lambda: hr.Dataset.from_arrow(customers()).read_csv, r"write hr.ingest\(path, label=...\)"),
        (lambda: hr.Model.predict_proba, r"write model\(table\)"),
        (lambda: hr.Model.nothing, "type object 'Model' has no attribute 'nothing'"),
        (lambda: hr.Dataset.from_arrow(customers()).nothing, "'Dataset' object has no attribute 'nothing'"),
    ],
    ids=["from_pandas", "read_csv", "predict_proba", "class", "object"],
)
def test_names_of_other_libraries_are_answered(ask, told):
    """A name known from elsewhere is answered with what is written here; any other as Python does."""
    with pytest.raises(AttributeError, match=told):
        ask()
