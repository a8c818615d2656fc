"""What a trial is judged by: features computed once and shared through files, a fit, and one metric on rows held out.

Rows to judge on: the data set's `validation` split where it has one, which trainers then stop early on, as they will
in `train`; else a fifth of the rows of `train`, drawn by a hash of each row's id. Then nothing stops a fit early,
because nothing will in `train`. Rows of `eval` are never read.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace import disk
from headrace.canonical import from_canonical, to_canonical
from headrace.dataset import Dataset
from headrace.dataset.hashing import keyed_uniform
from headrace.dataset.rows import to_array
from headrace.errors import InvalidInput, Misuse, UnknownName
from headrace.evaluation import Metric, fold_of, make_metrics
from headrace.fold import Rows
from headrace.model import GraphBuilder, InputColumn
from headrace.model.answers import to_column
from headrace.model.session import open_session
from headrace.training import FeatureColumn, Features, Group, Journal, Predictor, Trainer
from headrace.training._materialise import materialise
from headrace.training.classes import classed

__all__ = ["Objective", "held_out_rows", "predict"]

_SHARE = 0.2
_BATCH_ROWS = 65_536
_ARRAYS = ("matrix", "label", "weight", "row_id")


@dataclass(frozen=True)
class Objective:
    """Rows to fit on, rows to judge on, and the metric.

    Parameters
    ----------
    fitted, judged : Features
        Rows with a label, none in both.
    has_validation : bool
        Whether `judged` is the data set's own `validation` split, on which `train` will stop early too.
    metric : Metric
        What is measured on `judged`.
    """

    fitted: Features
    judged: Features
    has_validation: bool
    metric: Metric

    def value(self, trainer: Trainer, params: Mapping[str, Any], journal: Journal) -> float:
        """Fit with these parameters and measure; NaN where the metric is not defined for what came out.

        Raises whatever the trainer raises. Cost: a fit, and a prediction of the rows to judge on.
        """
        params = dict(params)
        if not self.has_validation and any(field.name == _EARLY for field in dataclasses.fields(trainer)):
            params.setdefault(_EARLY, 0)
        predictor = trainer.fit(self.fitted, self.judged, params=params, group=Group(), journal=journal)
        return measure(self.metric, self.judged, predict(predictor, self.judged.matrix, len(self.judged.classes)))

    @property
    def loss_sign(self) -> float:
        """What the metric is multiplied by so that smaller is better."""
        return -1.0 if self.metric.higher_is_better else 1.0

    @classmethod
    def make(
        cls,
        graph: Any,
        dataset: Dataset,
        *,
        metric: Any = None,
        max_rows: int | None = None,
        num_threads: int = 0,
        takes_classes: bool = False,
    ) -> Objective:
        """Compute the features of a data set's rows.

        Parameters
        ----------
        graph, dataset : TransformGraph, Dataset
            As for `train`.
        metric : str or Metric, optional
            By default "roc_auc" where every label is 0 or 1, "log_loss" for classes, else "root_mean_squared_error".
        max_rows : int, optional
            Fit on at most so many rows, drawn by a hash of each row's id; judge on at most a quarter of that.
        num_threads : int
            0 = one for each core. The result is the same for any number.
        takes_classes : bool
            Whether whole numbers are classes, as `Trainer.takes_classes` says.

        Raises InvalidInput where there are no rows, one label alone, or labels the metric cannot use.
        """
        names = dataset.split_names
        split = None if names == (None,) else "train"
        if split is not None and split not in names:
            raise UnknownName("split", split, [str(name) for name in names], where="tuning")
        found = materialise(graph, dataset, split, num_threads=num_threads).features
        found = classed(found, takes_classes=takes_classes)
        validation = None
        if "validation" in names:
            validation = materialise(
                graph, dataset, "validation", num_threads=num_threads, classes=found.classes
            ).features
        if validation is not None and validation.num_rows:
            fitted, judged = found, validation
        else:
            validation = None
            held_out = held_out_rows(found)
            fitted, judged = found.select(~held_out), found.select(held_out)
        if max_rows is not None:
            fitted, judged = _few(fitted, max_rows), _few(judged, max(1, max_rows // 4))
        chosen = _metric(metric, found)
        for features, words in ((fitted, "to fit on"), (judged, "to judge trials by")):
            _check_labels(features, words, chosen, dataset.roles.label)
        return cls(fitted, judged, validation is not None, chosen)

    def save(self, folder: Path) -> None:
        """Write all that another process needs to judge trials, into an existing folder."""
        plain: dict[str, Any] = {"has_validation": self.has_validation, "metric": None}
        for part, features in (("fitted", self.fitted), ("judged", self.judged)):
            arrays = {name: getattr(features, name) for name in _ARRAYS if getattr(features, name) is not None}
            plain[part] = sorted(arrays)
            for name, array in arrays.items():
                with disk.open_to_write(folder / f"{part}.{name}.npy", sync=False) as file:
                    # np.save would seek, to ask where it is.
                    whole = np.ascontiguousarray(array)
                    np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(whole))
                    file.write(whole.tobytes())
        plain["classes"] = list(self.fitted.classes)
        plain["columns"] = [dataclasses.astuple(column) for column in self.fitted.columns]
        disk.write_file(folder / "objective.json", to_canonical(plain), sync=False)

    @classmethod
    def load(cls, folder: Path, metric: Metric) -> Objective:
        """The same, its arrays mapped from the files: processes share one copy in memory."""
        plain = from_canonical((folder / "objective.json").read_bytes())
        columns = tuple(FeatureColumn(*column) for column in plain["columns"])

        def features(part: str) -> Features:
            arrays = {
                name: np.load(folder / f"{part}.{name}.npy", mmap_mode="r", allow_pickle=False) for name in plain[part]
            }
            found = {name: np.asarray(array) for name, array in arrays.items()}
            return Features(columns, **found, classes=tuple(plain["classes"]))

        return cls(features("fitted"), features("judged"), plain["has_validation"], metric)


_EARLY = "early_stopping_rounds"


def held_out_rows(features: Features) -> npt.NDArray[np.bool_]:
    """bool[num_rows]: the fifth of the rows that trials are judged by, the same for every seed and every study."""
    row_id = features.row_id if features.row_id is not None else np.arange(features.num_rows, dtype=np.uint64)
    return np.asarray(keyed_uniform(row_id, "tuning") < np.uint64(int(_SHARE * 2**64)))


def _few(features: Features, most: int) -> Features:
    if features.num_rows <= most:
        return features
    row_id = features.row_id if features.row_id is not None else np.arange(features.num_rows, dtype=np.uint64)
    keep = np.zeros(features.num_rows, np.bool_)
    keep[np.argsort(keyed_uniform(row_id, "tuning sample"), kind="stable")[:most]] = True
    return features.select(keep)


def _metric(given: Any, features: Features) -> Metric:
    if given is None:
        is_binary = bool(((features.label == 0.0) | (features.label == 1.0)).all())
        given = "log_loss" if features.classes else "roc_auc" if is_binary else "root_mean_squared_error"
    if isinstance(given, (list, tuple)):
        raise Misuse("a search has one metric", expected="metric='log_loss', one name or one metric")
    return make_metrics([given], num_classes=len(features.classes), classes=features.classes)[0]


def _check_labels(features: Features, words: str, metric: Metric, label: str | None) -> None:
    where = f"label {label!r}"
    if not features.num_rows:
        raise InvalidInput(f"there is no row {words}", where=where, expected="rows whose label is not null")
    first = features.label[0]
    if bool((features.label == first).all()):
        raise InvalidInput(
            f"the label is {first:g} in all {features.num_rows:,} rows {words}",
            where=where,
            expected="at least two values: with one, every trial is as good as the other",
        )
    if (
        not features.classes
        and metric.is_binary
        and not bool(((features.label == 0.0) | (features.label == 1.0)).all())
    ):
        raise InvalidInput(
            f"metric {metric.name!r} needs labels 0 and 1", where=where, fix="metric='root_mean_squared_error'"
        )


def predict(predictor: Predictor, matrix: npt.NDArray[np.float32], num_classes: int = 0) -> npt.NDArray[np.float32]:
    """What the model made of this predictor will answer, by the same graph and execution.

    float32[num_rows]; of several classes [num_rows, num_classes].
    """
    width = max(1, num_classes)
    builder = GraphBuilder([InputColumn(f"x{index}", "number") for index in range(matrix.shape[1])])
    built = predictor.build(builder, builder.cast("number", np.float32))
    session = open_session(builder.finish({"prediction": (built["prediction"], np.float32, width)}))
    pieces = [
        session.run(["prediction"], {"number": matrix[start : start + _BATCH_ROWS].astype(np.float64)})[0]
        for start in range(0, len(matrix), _BATCH_ROWS)
    ]
    found = np.concatenate([np.zeros((0, width), np.float32), *pieces])
    return found[:, 0] if width == 1 else found


def measure(metric: Metric, judged: Features, prediction: npt.NDArray[np.float32]) -> float:
    """One metric of one column of predictions."""
    batch = pa.RecordBatch.from_arrays([to_array(judged.label), to_column(prediction)], ["label", "prediction"])
    fold = fold_of(metric, "label", "prediction", len(judged.classes))
    state = fold.add(fold.create(1), Rows(batch, None, judged.weight), None)
    result = fold.extract(state)
    value = float(np.asarray(metric.value(result), np.float64)[0])
    return float("nan") if result.num_invalid[0] else value
