"""What every trainer must keep: the same features give the same bytes, and a row never sees its batch."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from headrace.canonical import to_canonical
from headrace.dataset import Dataset
from headrace.engine.reference import build, describe
from headrace.errors import InvalidInput, UnknownName
from headrace.model import Codec, GraphBuilder, InputColumn, Model
from headrace.training import FeatureColumn, Features, Group, Journal, Trainer, assemble, train

__all__ = ["NumberGraph", "TrainerCases", "numbers_table", "random_features"]

_BATCHES = (1, 2, 3, 7, 31, 100)


class NumberGraph:
    """The smallest transform: number columns x0, x1 ... as they are, rounded to float32.

    It has what training asks of a transform graph, so a trainer can be tested without fitting one.
    """

    def __init__(self, num_features: int) -> None:
        self.feature_names = tuple(f"x{index}" for index in range(num_features))
        self.matrix_names = self.feature_names
        self.feature_kinds = ("numeric",) * num_features
        self.feature_widths = (1,) * num_features
        self.columns = tuple(InputColumn(name, "number") for name in self.feature_names)
        self.codec = Codec(self.columns)
        self.is_out_of_fold = False

    def build(self, builder: GraphBuilder) -> str:
        """The features tensor, float32 [N, num_features]."""
        pieces = [builder.column(name).name for name in self.feature_names]
        return builder.cast(builder.node("Concat", pieces, axis=1), np.float32)

    def matrix(self, lanes: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[np.float32]:
        """The same without a graph: one cast."""
        return np.asarray(lanes["number"].astype(np.float32))

    def matrix_of(self, table: Any) -> npt.NDArray[np.float32]:
        """The same, of a table."""
        return self.matrix(self.codec.from_batch(table))

    def training_matrix(
        self, lanes: Mapping[str, npt.NDArray[Any]], row_id: npt.NDArray[np.uint64]
    ) -> npt.NDArray[np.float32]:
        """The same: nothing is fitted to labels."""
        return self.matrix(lanes)


def random_features(
    num_rows: int,
    *,
    num_features: int = 5,
    is_binary: bool = True,
    seed: int = 0,
    has_missing: bool = True,
    classes: tuple[str | int, ...] = (),
) -> Features:
    """Rows with a signal, a twentieth of the values missing, and among them columns of few values and of zeros.

    With classes the signal, cut at as many quantiles, says which.
    """
    random = np.random.default_rng(seed)
    matrix = random.normal(size=(num_rows, num_features)).astype(np.float32)
    matrix[:, 1] = np.round(matrix[:, 1])
    signal = matrix[:, 0] + 0.5 * matrix[:, 1] + random.normal(scale=0.5, size=num_rows)
    matrix[:, -1] = 0.0
    is_missing = random.random(matrix.shape) < 0.05
    if has_missing:
        matrix[is_missing] = np.nan
    label = (signal > 0.3).astype(np.float64) if is_binary else signal.astype(np.float64) * 100.0
    if classes:
        label = (np.argsort(np.argsort(signal)) * len(classes) // num_rows).astype(np.float64)
    columns = tuple(FeatureColumn(f"x{index}") for index in range(num_features))
    return Features(columns, matrix, label, None, np.arange(num_rows, dtype=np.uint64), classes)


def numbers_table(matrix: npt.NDArray[np.float32]) -> pa.Table:
    """The matrix as raw columns for `NumberGraph`: NaN becomes null."""
    names = [f"x{index}" for index in range(matrix.shape[1])]
    return pa.table([pa.array(column.astype(np.float64), from_pandas=True) for column in matrix.T], names)


def _bytes_of(table: pa.Table) -> bytes:
    """`equals` would say that NaN differs from itself."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


class TrainerCases:
    """Inherit in a test class and give `trainer`: small, so that 400 rows fit in a moment.

    Parameters
    ----------
    trainer : Trainer
        What is tested.
    tasks : tuple of str
        The tasks it can do, of "binary", "regression" and "multiclass"; the last is of four classes.
    takes_missing : bool
        Whether it fits rows with missing values; one that does not says so, naming the feature and what to do.
    changed : (name, value) or None
        A parameter that a search may set, and a value it does not have; None = the first of its `limits`.
    diverging : tuple of (name, value)
        Parameters under which a fit of plain values diverges; () = it cannot.
    """

    trainer: ClassVar[Trainer]
    tasks: ClassVar[tuple[str, ...]] = ("binary", "regression")
    takes_missing: ClassVar[bool] = True
    changed: ClassVar[tuple[str, Any] | None] = None
    diverging: ClassVar[tuple[tuple[str, Any], ...]] = ()

    def rows(self, num_rows: int, *, task: str = "binary", seed: int = 0) -> Features:
        """Random rows that the trainer takes."""
        classes = ("a", "b", "c", "d") if task == "multiclass" else ()
        return random_features(
            num_rows, is_binary=task == "binary", seed=seed, has_missing=self.takes_missing, classes=classes
        )

    def fitted(self, task: str | None = None, *, trainer: Trainer | None = None, **options: Any) -> Model:
        """A model of the trainer on random rows; `options`: `params`, `validation`, `journal`."""
        task = task or self.tasks[0]
        features = self.rows(400, task=task)
        predictor = (trainer or self.trainer).fit(
            features,
            options.get("validation"),
            params=options.get("params", {}),
            group=Group(),
            journal=options.get("journal", Journal()),
        )
        assert predictor.task == task
        graph, sample = NumberGraph(len(features.columns)), numbers_table(features.matrix)
        return assemble(graph, predictor, sample=sample, classes=features.classes)

    def test_equal_rows_give_equal_bytes(self) -> None:
        """Fitting twice gives one model: graph, native files and golden rows."""
        for task in self.tasks:
            first, second = self.fitted(task), self.fitted(task)
            assert first.onnx == second.onnx
            assert first.native_files == second.native_files
            assert _bytes_of(first.golden) == _bytes_of(second.golden)
            assert first.digest == second.digest

    def test_a_row_does_not_see_its_batch(self) -> None:
        """Margin and prediction of a row are the same bytes in batches of 1, 2, 3, 7, 31, 100 and all."""
        rows = numbers_table(self.rows(300, seed=1).matrix)
        for task in self.tasks:
            model = self.fitted(task)
            whole = model.predict(rows)
            for size in _BATCHES:
                pieces = [model.predict(rows.slice(first, size)) for first in range(0, rows.num_rows, size)]
                assert pa.concat_tables(pieces).combine_chunks().equals(whole), (task, size)

    def test_threads_share_a_model(self) -> None:
        """Many threads on one session give what one gives."""
        rows = numbers_table(self.rows(200, seed=2).matrix)
        model = self.fitted(self.tasks[0])
        whole = model.predict(rows)
        with ThreadPoolExecutor(4) as threads:
            pieces = list(threads.map(lambda first: model.predict(rows.slice(first, 5)), range(0, 200, 5)))
        assert pa.concat_tables(pieces).combine_chunks().equals(whole)

    def test_missing_values_and_extremes_are_answered(self) -> None:
        """A row of nulls, and one beyond all training rows, get a finite prediction; a probability where binary.

        A trainer that takes no missing values has learnt nothing of them: their rows get none, that is NaN.
        """
        width = len(random_features(1).columns)
        matrix = np.array([[3e38] * width, [-3e38] * width, [0.0] * width], np.float32)
        nulls = np.full((1, width), np.nan, np.float32)
        if self.takes_missing:
            matrix = np.concatenate([nulls, matrix])
        else:
            for task in self.tasks:
                assert np.isnan(self.fitted(task)(numbers_table(nulls))).all()
        for task in self.tasks:
            prediction = self.fitted(task)(numbers_table(matrix))
            assert np.isfinite(prediction).all()
            assert task == "regression" or ((prediction >= 0.0) & (prediction <= 1.0)).all()
            if task == "multiclass":
                np.testing.assert_allclose(prediction.sum(axis=1), 1.0, atol=1e-6)

    def test_it_learns(self) -> None:
        """On rows with a plain signal, predictions order the labels far better than chance."""
        for task in self.tasks:
            judged = self.rows(400, task=task, seed=3)
            prediction = self.fitted(task)(numbers_table(judged.matrix))
            if task == "multiclass":  # of ordered classes, the one to be expected
                prediction = (prediction @ np.arange(prediction.shape[1])).astype(np.float32)
            assert np.corrcoef(prediction, judged.label)[0, 1] > 0.5

    def test_the_journal_can_stop_it(self) -> None:
        """`report` answering False ends the fit early, with a model."""

        class Impatient(Journal):
            def __init__(self) -> None:
                self.steps: list[int] = []

            def report(self, step: int, values: Mapping[str, float]) -> bool:
                self.steps.append(step)
                return False

        journal = Impatient()
        model = self.fitted(self.tasks[0], journal=journal)
        assert len(journal.steps) <= 1
        assert model.predict(numbers_table(random_features(3).matrix)).num_rows == 3

    def test_rows_that_may_not_be_written_are_taken(self) -> None:
        """Rows are not to be changed, and trials map them from files: the same bytes come of them."""
        task = self.tasks[0]
        rows = self.rows(400, task=task)
        rows = dataclasses.replace(rows, weight=np.ones(400))
        frozen = dataclasses.replace(rows)
        for name in ("matrix", "label", "weight"):
            array = getattr(rows, name).copy()
            array.flags.writeable = False
            object.__setattr__(frozen, name, array)
        models = [
            assemble(NumberGraph(5), self.trainer.fit(each, None, params={}, group=Group(), journal=Journal()))
            for each in (rows, frozen)
        ]
        assert models[0].onnx == models[1].onnx

    def test_a_validation_split_is_taken(self) -> None:
        """With validation rows it fits, the same bytes each time."""
        validation = self.rows(100, task=self.tasks[0], seed=4)
        first = self.fitted(self.tasks[0], validation=validation)
        assert first.onnx == self.fitted(self.tasks[0], validation=validation).onnx

    def test_values_outside_their_limits_are_refused(self) -> None:
        """Both ends of every limit are fine, a step beyond is not, nor is another type."""
        for name, low, high in self.trainer.limits:
            dataclasses.replace(self.trainer, **{name: low})
            dataclasses.replace(self.trainer, **{name: high})
            for value in (low - 1, high + 1, "1", None, True, float("nan")):
                with pytest.raises(InvalidInput, match=name):
                    dataclasses.replace(self.trainer, **{name: value})

    def test_params_override_fields(self) -> None:
        """What a search suggests is the same as setting it; an unknown name is answered with the nearest."""
        if self.changed is None:
            name, low, high = self.trainer.limits[0]
            value = min(max(low, 3), high)
        else:
            name, value = self.changed
        changed = self.trainer.replace({name: value})
        assert self.fitted(params={name: value}).onnx == self.fitted(trainer=changed).onnx
        with pytest.raises(UnknownName, match="parameter"):
            self.fitted(params={f"{name}_": value})

    def test_it_travels_as_plain_data(self) -> None:
        """To a step's process, and into its key: described and built again it is equal, and says the same of itself."""
        there = build(json.loads(json.dumps(describe(self.trainer))))
        assert there == self.trainer
        assert to_canonical(there.to_plain()) == to_canonical(self.trainer.to_plain())

    def test_what_a_search_varies_can_be_set(self) -> None:
        """Both ends of each range are values that the trainer takes; what is set is varied no more."""
        known = self.trainer.parameters()
        for name, domain in self.trainer.free_space().items():
            assert name in known
            for value in (domain.at(0.0), domain.at(1.0)):
                changed = self.trainer.replace({name: value})
                assert changed.parameters()[name] == value
                assert name not in changed.free_space() or value == known[name]

    # --- what cannot be learnt from, through `headrace.train`

    def trained(
        self, label: npt.NDArray[np.float64], *, features: Features | None = None, trainer: Trainer | None = None
    ) -> Model:
        """A model of the trainer, fitted through `headrace.train` on these labels."""
        features = features or self.rows(len(label))
        table = numbers_table(features.matrix).append_column("label", pa.array(label, from_pandas=True))
        return train(
            trainer or self.trainer, NumberGraph(len(features.columns)), Dataset.from_arrow(table, label="label")
        )

    def test_a_constant_label_is_refused(self) -> None:
        """One value in all rows teaches nothing; the error names the label and the value."""
        for value in (0.0, 1.0, 7.5):
            with pytest.raises(InvalidInput, match=rf"every label is {value:g}.*'label'"):
                self.trained(np.full(50, value))

    def test_missing_labels_are_refused(self) -> None:
        """Rows without any label: the error names the label."""
        with pytest.raises(InvalidInput, match=r"no row to fit on.*'label'"):
            self.trained(np.full(50, np.nan))

    def test_infinite_labels_are_refused(self) -> None:
        """An infinity among the labels makes no model."""
        label = self.rows(50).label
        label[3] = np.inf
        with pytest.raises(InvalidInput, match="label"):
            self.trained(label)

    def test_a_run_that_diverges_is_an_error(self) -> None:
        """One clear error, that it diverges or what its library says of it, and no model that answers infinity."""
        if self.diverging:
            label = self.rows(300, task=[task for task in self.tasks if task != "multiclass"][-1]).label
            with pytest.raises(InvalidInput, match=r"diverge|overflow|non-finite"):
                self.trained(label, trainer=self.trainer.replace(dict(self.diverging)))

    def test_labels_beyond_float32_are_refused(self) -> None:
        """Predictions are float32: what they cannot hold cannot be learnt."""
        with pytest.raises(InvalidInput, match=r"a label is .*e\+3.*'label'.*scale"):
            self.trained(self.rows(50, task="regression").label * 1e300)

    def test_missing_features_are_named(self) -> None:
        """Where its library takes none, the error names the feature and what to do."""
        if self.takes_missing:
            return
        features = self.rows(50)
        features.matrix[7, 2] = np.nan
        with pytest.raises(InvalidInput, match=r"missing.*'x2'.*fill_null"):
            self.trained(features.label, features=features)

    def test_infinite_features_are_named(self) -> None:
        """A feature that is infinite is refused by name, or makes no infinite answer."""
        features = self.rows(50)
        features.matrix[7, 2] = np.inf
        try:
            model = self.trained(features.label, features=features)
        except InvalidInput as error:
            assert "'x2'" in str(error)  # either is right
            return
        assert np.isfinite(np.array(model.predict(numbers_table(self.rows(50).matrix))["prediction"])).all()
