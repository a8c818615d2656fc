"""Every metric that ranks queries, found by name, keeps the contract."""

import pyarrow as pa
import pytest

from headrace.errors import Misuse, UnknownName
from headrace.evaluation import evaluate, evaluate_predictions
from headrace.testing.query_metric_cases import QueryMetricCases


class TestEveryQueryMetric(QueryMetricCases):
    """The conformance suite over all of them."""


def test_without_queries_it_is_refused():
    """Which rows are one list must be said."""
    table = pa.table({"y": [0, 1], "p": [0.1, 0.9]})
    with pytest.raises(Misuse, match=r"'ndcg' ranks the rows of each query.*query='session'"):
        evaluate_predictions(table, label="y", prediction="p", metrics=["ndcg"])


def test_beside_other_metrics_and_slices():
    """A slice ranks what it has of each query; other metrics are what they are without queries."""
    table = pa.table(
        {"y": [1, 0, 0, 1], "p": [0.1, 0.9, 0.2, 0.8], "q": ["a", "a", "b", "b"], "c": ["x", "y", "x", "x"]}
    )
    found = evaluate_predictions(
        table, label="y", prediction="p", query="q", metrics=["mean_reciprocal_rank", "roc_auc"], slices=["c"]
    )
    assert found["mean_reciprocal_rank"].value == 0.75
    assert found.slice({"c": "x"})["mean_reciprocal_rank"].value == 1.0
    alone = evaluate_predictions(table, label="y", prediction="p", metrics=["roc_auc"])
    assert found["roc_auc"].value == alone["roc_auc"].value


@pytest.mark.parametrize("query", ["carrier", "hour"])
def test_of_a_model_it_is_what_it_is_of_its_predictions(make_model, dataset, query):
    """Lists are the equal values of a column of the data set, nulls one of them; champion and slices rank them too."""
    asked = {"metrics": ["ndcg", "roc_auc"], "slices": ["is_night"], "query": query}
    found = evaluate(make_model(), dataset, champion=make_model(-1.0), **asked)
    rows = dataset.to_arrow("eval")
    kept = rows.filter(rows["y"].is_valid())
    table = kept.append_column("p", found.predictions["prediction"])
    assert table["y"].to_pylist() == found.predictions["label"].to_pylist()
    alone = evaluate_predictions(table, label="y", prediction="p", **asked)
    for one, other in zip(alone.cells, found.cells, strict=True):
        assert one.slice == other.slice
        for name in ("ndcg", "roc_auc"):
            assert one[name].value == other[name].value
        assert (one["ndcg"].lower, one["ndcg"].upper) == (other["ndcg"].lower, other["ndcg"].upper)
    assert found.champion["ndcg"].value < found["ndcg"].value
    assert "query" not in found.predictions.column_names


def test_of_a_column_that_is_not_there(make_model, dataset):
    """The nearest name is told."""
    with pytest.raises(UnknownName, match="did you mean 'hour'"):
        evaluate(make_model(), dataset, metrics=["ndcg"], query="hours")
