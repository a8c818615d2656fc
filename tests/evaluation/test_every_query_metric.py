"""Every metric that ranks queries, found by name, keeps the contract."""

import pyarrow as pa
import pytest

from headrace.errors import Misuse
from headrace.evaluation import evaluate_predictions
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
