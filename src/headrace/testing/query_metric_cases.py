"""The conformance suite of metrics that rank the rows of each query."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from headrace import lookup
from headrace.evaluation import Metric, evaluate_predictions
from headrace.fold import Rows

__all__ = ["QUERY_METRICS", "QueryMetricCases"]

Floats = npt.NDArray[np.float64]

QUERY_METRICS = [name for name in lookup.names("metric") if lookup.find("metric", name).has_queries]


class QueryMetricCases:
    """Inherit in a test class; for one metric override `metric` and `of_query`, what it is of one query.

    Labels are 0 .. 3, scores have ties; queries have 1 to 12 rows.
    """

    @pytest.fixture(params=QUERY_METRICS)
    def metric(self, request: pytest.FixtureRequest) -> Metric:
        """The metric under test; override to test one."""
        made: Metric = lookup.find("metric", request.param)()
        return made

    def of_query(self, label: Floats, score: Floats) -> float:
        """The metric of one query, computed by something else; override, or no comparison is made."""
        pytest.skip("no oracle")

    @staticmethod
    def rows(num_queries: int = 40, seed: int = 0) -> tuple[Floats, Floats, npt.NDArray[np.uint64]]:
        """Labels, scores and queries."""
        generator = np.random.default_rng(seed)
        query = np.repeat(np.arange(num_queries), generator.integers(1, 13, num_queries)).astype(np.uint64)
        label = generator.integers(0, 4, len(query)) * (generator.random(len(query)) < 0.5)
        score: Any = np.round(generator.random(len(query)) + 0.1 * label, 1)
        return label.astype(np.float64), score, query

    @staticmethod
    def value(
        metric: Metric, label: Floats, score: Floats, query: npt.NDArray[np.uint64], weight: Floats | None = None
    ) -> float:
        """The metric, in one batch."""
        columns = {"y": pa.array(label), "p": pa.array(score), "@query": pa.array(query, pa.uint64())}
        fold = metric.needs("y", "p")
        state = fold.add(fold.create(1), Rows(pa.RecordBatch.from_pydict(columns), None, weight), None)
        return float(metric.value(fold.extract(state))[0])

    def test_it_is_the_mean_over_queries(self, metric: Metric) -> None:
        """Query by query as the oracle says; a query counts as much as its rows weigh."""
        label, score, query = self.rows()
        each = [self.of_query(label[query == one], score[query == one]) for one in np.unique(query)]
        assert self.value(metric, label, score, query) == pytest.approx(np.mean(each), abs=1e-12)
        weights: Any = np.arange(len(each)) % 3 + 0.0
        found = self.value(metric, label, score, query, weights[query.astype(np.int64)])
        assert found == pytest.approx(np.average(each, weights=weights), abs=1e-12)

    def test_order_of_rows_cannot_be_seen(self, metric: Metric) -> None:
        """Any permutation gives the same bits."""
        label, score, query = self.rows()
        order = np.random.default_rng(1).permutation(len(label))
        assert self.value(metric, label, score, query) == self.value(metric, label[order], score[order], query[order])

    def test_edges(self, metric: Metric) -> None:
        """No rows and no weight are NaN; nothing relevant is 0; all relevant, early, is 1; all is between 0 and 1."""
        nothing: Any = np.zeros(0)
        assert np.isnan(self.value(metric, nothing, nothing, nothing.astype(np.uint64)))
        one = np.ones(3), np.arange(3.0), np.zeros(3, np.uint64)
        assert np.isnan(self.value(metric, *one, np.zeros(3)))
        assert self.value(metric, np.zeros(3), *one[1:]) == 0.0
        label, score, query = self.rows(200, 5)
        assert 0.0 < self.value(metric, label, score, query) < 1.0

    def test_intervals_draw_whole_queries(self, metric: Metric) -> None:
        """Queries twice under other names are surer; rows twice in the same query are not surer than half as many."""
        label, score, query = self.rows(60, 2)
        errors = []
        for names in (query, np.concatenate([query, query + np.uint64(1000)])):
            times = len(names) // len(query)
            table = pa.table({"y": np.tile(label, times), "p": np.tile(score, times), "q": names})
            found = evaluate_predictions(table, label="y", prediction="p", query="q", metrics=[metric])[metric.name]
            assert found.std_error is not None and found.lower is not None and found.lower < found.value
            errors.append(found.std_error)
        assert errors[1] == pytest.approx(errors[0] / np.sqrt(2.0), rel=0.25)
