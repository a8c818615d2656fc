"""The laws of ops: what is materialised is what is served, to the bit, and it is what the definition says."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headrace.dataset import Dataset
from headrace.model import InputColumn
from headrace.testing.codec_cases import as_moments, rows_of, table_of
from headrace.transformation import Expressions, TransformGraph, trace, transform

__all__ = ["BATCHES", "OpCases", "applied_matrix", "reference_matrix", "served_matrix"]

# Vector kernels work on 2, 4 or 8 values at once and finish the rest one by one: both paths, alone and together.
BATCHES = (1, 2, 3, 7, 31, 100)

_SETTINGS = settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.differing_executors, HealthCheck.too_slow, HealthCheck.data_too_large],
)

Row = dict[str, Any]


def served_matrix(graph: TransformGraph, rows: list[Row], batch_rows: int) -> npt.NDArray[np.float32]:
    """float32[num_rows, num_features] as a server computes it: Python rows, so many at a time."""
    requests = _requests(graph, rows)
    pieces = [
        graph.matrix(graph.codec.from_rows(requests[first : first + batch_rows]))
        for first in range(0, len(rows), batch_rows)
    ]
    return np.concatenate(pieces) if pieces else np.empty((0, len(graph.matrix_names)), np.float32)


def applied_matrix(graph: TransformGraph, table: Any) -> npt.NDArray[np.float32]:
    """The same as a data set is materialised: a whole table at once, vectors laid out beside the other features."""
    found = graph.apply(table)
    columns = []
    for column, width in zip(found.columns, graph.feature_widths, strict=True):
        flat = column.combine_chunks().flatten() if pa.types.is_fixed_size_list(column.type) else column
        columns.append(flat.to_numpy().reshape(found.num_rows, width))
    return np.concatenate(columns, axis=1)


def _requests(graph: TransformGraph, rows: list[Row]) -> list[Row]:
    """Rows as a client holds them: timestamps as datetimes."""
    times = [column.name for column in graph.columns if "timestamp" in (column.kind, column.values_kind)]
    names = [column.name for column in graph.columns]
    requests = [{name: row[name] for name in names} for row in rows]
    for row in requests:
        for name in times:
            row[name] = as_moments(row[name])
    return requests


def reference_matrix(graph: TransformGraph, rows: list[Row]) -> npt.NDArray[np.float32]:
    """The same by onnx.reference, which shares no code with ONNX Runtime (and knows no MurmurHash3)."""
    import onnx
    import onnx.reference

    evaluator = onnx.reference.ReferenceEvaluator(onnx.load_model_from_string(graph.onnx))
    lanes = graph.codec.from_rows(_requests(graph, rows))
    with np.errstate(all="ignore"):
        found: Any = evaluator.run(["features"], dict(lanes))
    return np.asarray(found[0])


class OpCases:
    """Inherit in a test class and say what to try and what it means; every law of ops then runs on it.

        class TestZScore(OpCases):
            columns = {"a": "number"}

            def features(self, x):
                return {"a": ops.z_score(x.a)}

            def define(self, rows, fitted):
                values = np.array([row["a"] for row in fitted if row["a"] is not None])
                ...
                return {"a": [...]}

    Parameters
    ----------
    columns : mapping of str to Kind, or "list of <Kind>"
        The columns of the random tables, all nullable.
    features : method
        A feature function.
    define : method
        The features of `rows` (dicts; None = null, timestamps int microseconds) where ops were fitted on the rows
        `fitted`: a dict of feature name to a list of float, None or NaN where null (of a vector: a list of lists). It
        says what the op means, in NumPy or plain Python, and shares no code with it.
    has_reference : bool
        False where onnx.reference cannot run the graph.
    values : mapping of str to strategy
        Strategies of a column's values, instead of any value of its kind.
    """

    columns: ClassVar[Mapping[str, str]]
    has_reference: ClassVar[bool] = True
    values: ClassVar[Mapping[str, st.SearchStrategy[Any]]] = {}

    features: Callable[[Any], Any]

    def define(self, rows: list[Row], fitted: list[Row]) -> Mapping[str, list[float | None]]:
        """What the features are; see the class."""
        raise NotImplementedError

    # --- drawing

    def _inputs(self) -> tuple[InputColumn, ...]:
        lists = {name: kind.partition(" of ")[2] for name, kind in self.columns.items()}
        return tuple(
            InputColumn(name, "list", values_kind=lists[name]) if lists[name] else InputColumn(name, kind)  # type: ignore[arg-type]  # kinds in texts
            for name, kind in self.columns.items()
        )

    def _draw(self, data: st.DataObject, max_rows: int = 12) -> list[Row]:
        rows: list[Row] = data.draw(rows_of(self._inputs(), max_rows=max_rows))
        for row in rows:
            for name, strategy in self.values.items():
                row[name] = data.draw(strategy | st.none())
            for name, kind in self.columns.items():
                if kind == "number" and row[name] is not None:
                    row[name] = float(row[name])
        return rows

    def _fit(self, rows: list[Row]) -> TransformGraph:
        return transform(self.features, Dataset.from_arrow(table_of(rows, self._inputs())))

    # --- laws

    @_SETTINGS
    @given(st.data())
    def test_it_means_what_the_definition_says(self, data: st.DataObject) -> None:
        """Fitted on some rows and applied to them and to others, every feature equals its definition."""
        fitted, others = self._draw(data), self._draw(data)
        graph = self._fit(fitted)
        rows = fitted + others
        got = served_matrix(graph, rows, 100)
        with np.errstate(all="ignore"):
            expected = self.define([_null_for_nan(row) for row in rows], [_null_for_nan(row) for row in fitted])
            first = 0
            for name, width in zip(graph.feature_names, graph.feature_widths, strict=True):
                wanted = np.array([np.nan if item is None else item for item in expected[name]], np.float64)
                part = got[:, first : first + width]
                np.testing.assert_array_equal(part, wanted.reshape(part.shape).astype(np.float32), err_msg=name)
                first += width

    @_SETTINGS
    @given(st.data())
    def test_materialised_is_served(self, data: st.DataObject) -> None:
        """A table's features have the bytes of the same rows served 1, 2, 3, 7, 31 or 100 at a time."""
        rows = self._draw(data, 8)
        graph = self._fit(rows)
        order = data.draw(st.randoms(use_true_random=False))
        many = rows * (104 // max(1, len(rows)))
        order.shuffle(many)
        whole = applied_matrix(graph, table_of(many, self._inputs()))
        for batch_rows in BATCHES:
            assert served_matrix(graph, many, batch_rows).tobytes() == whole.tobytes(), f"batch of {batch_rows}"

    @_SETTINGS
    @given(st.data())
    def test_the_order_of_rows_cannot_be_seen(self, data: st.DataObject) -> None:
        """Fitting on shuffled rows gives the same artifact."""
        rows = self._draw(data)
        shuffled = data.draw(st.permutations(rows))
        assert self._fit(list(shuffled)).digest == self._fit(rows).digest

    @settings(_SETTINGS, max_examples=8)
    @given(st.data())
    def test_onnx_reference_agrees(self, data: st.DataObject) -> None:
        """onnx.reference computes the same features."""
        if not self.has_reference:
            return
        rows = [*self._draw(data), dict.fromkeys(self.columns)]
        graph = self._fit(rows)
        np.testing.assert_array_equal(reference_matrix(graph, rows), served_matrix(graph, rows, 100))

    def test_no_rows_and_nothing_but_nulls(self) -> None:
        """Fitted on no row, or on nulls alone, it still transforms; no rows in, no rows out."""
        nulls: list[Row] = [dict.fromkeys(self.columns)] * 3
        for rows in ([], nulls):
            graph = self._fit(rows)
            assert graph.apply(table_of([], self._inputs())).num_rows == 0
            served = served_matrix(graph, nulls, 1)
            assert served.tobytes() == applied_matrix(graph, table_of(nulls, self._inputs())).tobytes()

    def test_it_travels(self) -> None:
        """As plain data, and through a folder, it stays what it was, to the byte."""
        expressions = trace(self.features)
        again = Expressions.from_plain(expressions.to_plain())
        assert (again, again.key) == (expressions, expressions.key)
        rows: list[Row] = [dict.fromkeys(self.columns)]
        graph = transform(again, Dataset.from_arrow(table_of(rows, self._inputs())))
        assert graph.digest == self._fit(rows).digest
        with tempfile.TemporaryDirectory() as folder:
            graph.save(Path(folder))
            loaded = TransformGraph.load(Path(folder))
        assert (loaded.digest, loaded.onnx, loaded.matrix_names) == (graph.digest, graph.onnx, graph.matrix_names)
        rebuilt = TransformGraph(loaded._program)
        assert rebuilt.onnx == graph.onnx


def _null_for_nan(row: Row) -> Row:
    return {name: None if item is None or item != item else item for name, item in row.items()}
