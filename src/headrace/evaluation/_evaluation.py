"""Evaluation: the noun, how good a model was on some rows, and which predictions say so."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa

from headrace import canonical, disk
from headrace.dataset.digest import RowsDigest
from headrace.errors import InvalidInput, StoreTooNew
from headrace.evaluation._best_threshold import BestThreshold, best_threshold
from headrace.evaluation._comparing import Comparison, compare_slices
from headrace.evaluation._results import Results, SliceResults
from headrace.evaluation._weak_slices import WeakSlice, plain_slices, read_slices
from headrace.lookup import Shown
from headrace.model import Model
from headrace.rules import Measurements, Value

__all__ = ["Evaluation"]

_FORMAT = 3  # 2: intervals; 3: what standard errors rest on, and weak slices
_FILE = "evaluation.json"
_PREDICTIONS = "predictions.parquet"


@dataclasses.dataclass(frozen=True, eq=False)
class Evaluation(Results, Shown):
    """What `evaluate` found; `evaluation["roc_auc"].value`, `evaluation.slice({"carrier": "AA"})["roc_auc"].value`.

    Parameters
    ----------
    cells : tuple of SliceResults
        See `Results`.
    metrics : tuple of dict
        name, metric, parameters and higher_is_better of each metric.
    num_rows, num_dropped : int
        Rows judged, and rows left out because they have no label.
    predictions : pyarrow.Table
        The rows judged, in source order: span text, row_id uint64, label float64, weight float64 (where there is one),
        prediction float32, champion float32 (where there is one). Of `evaluate_predictions` without span and row_id.
    model_digest, champion_digest : str or None
        The models.
    parts : dict of str to str
        "span/split" to digest of the rows judged.
    champion : Results or None
        The champion on the same rows.
    champion_reason : str
        Why it is None though there is a champion: it does not take these rows.
    baseline : Results
        A constant, the mean label of all rows judged, on the same rows.
    weak_slices : tuple of WeakSlice, or None
        On which rows the model is worse than on the others, the costliest first; () where none is sure, None where
        nobody looked (`find_slices`).
    has_intervals : bool
        Whether values come with intervals where they can; False of one saved before there were any.
    classes : tuple of str or of int
        Of a model of several classes, what it chooses from: `label` is a place in it (the number of classes for any
        other value), `prediction` a list of a probability for each. Rows may have several: `label` is a list, too.
    champion_model : Model or None
        The champion itself, for limits that measure it beside the model; not saved, so None of one that was loaded.
    """

    kind: ClassVar[str] = "evaluation"

    metrics: tuple[Mapping[str, Any], ...]
    num_rows: int
    num_dropped: int
    predictions: pa.Table
    model_digest: str | None = None
    champion_digest: str | None = None
    parts: Mapping[str, str] = dataclasses.field(default_factory=dict)
    champion: Results | None = None
    baseline: Results = dataclasses.field(default_factory=lambda: Results(()))
    champion_reason: str = ""
    weak_slices: tuple[WeakSlice, ...] | None = None
    has_intervals: bool = True
    classes: tuple[str | int, ...] = ()
    champion_model: Model | None = dataclasses.field(default=None, repr=False)

    def __repr__(self) -> str:
        found = ", ".join(f"{name} {value.value:.4f}" for name, value in self.cells[0].values.items())
        return f"<Evaluation {found}; {self.num_rows:,} rows, {self.num_slices} slices>"

    @property
    def measurements(self) -> Measurements:
        """What rules judge."""
        champion = None if self.champion is None else self.champion.table
        return Measurements(self.table, champion, self.baseline.table, self.champion_reason, self.has_intervals)

    @property
    def summary(self) -> dict[str, Any]:
        """The few figures a person looks for first, as plain data."""
        return {
            "num_rows": self.num_rows,
            "num_dropped": self.num_dropped,
            "num_slices": self.num_slices,
            "metrics": {name: value.value for name, value in self.cells[0].values.items()},
        }

    @property
    def has_labels(self) -> bool:
        """Whether a row may have several labels: `label` is then a list, of 0 or 1 for each of `classes`."""
        return bool(pa.types.is_fixed_size_list(self.predictions.schema.field("label").type))

    def best_threshold(self, *, fp: float = 1.0, fn: float = 1.0, tp: float = 0.0, tn: float = 0.0) -> BestThreshold:
        """The threshold at which decisions cost least, over all rows judged.

        Parameters
        ----------
        fp, fn : float
            What a false positive and a false negative cost.
        tp, tn : float
            What a row costs that is decided rightly; below 0 where it earns.

        Raises InvalidInput where labels are not 0 and 1, or a prediction is missing.

        Source: `headrace.evaluation._best_threshold`.
        """
        if self.classes:
            raise InvalidInput("several classes have no threshold", where="best_threshold", expected="labels 0 and 1")
        columns = {
            name: np.asarray(self.predictions[name].combine_chunks().cast(pa.float64()), np.float64)
            for name in ("label", "prediction", "weight")
            if name in self.predictions.column_names
        }
        label, prediction = columns["label"], columns["prediction"]
        return best_threshold(label, prediction, columns.get("weight"), tp=-tp, fp=-fp, fn=-fn, tn=-tn)

    def compare(self, metric: str, left: Mapping[str, Any], right: Mapping[str, Any]) -> Comparison:
        """How a metric of one slice differs from that of another: `compare("brier", {"carrier": "AA"}, {})`.

        Parameters
        ----------
        metric : str
            Which.
        left, right : dict of str to value
            Slices of this evaluation, as `slice` takes them; {} is all rows.

        Raises UnknownName for a slice or metric that is not there.
        """
        return compare_slices(metric, self.slice(left), self.slice(right))

    def to_plain(self) -> dict[str, Any]:
        """As plain data, predictions as their digest."""
        return {
            "format": _FORMAT,
            "model_digest": self.model_digest,
            "champion_digest": self.champion_digest,
            "parts": dict(self.parts),
            "metrics": [dict(metric) for metric in self.metrics],
            "num_rows": self.num_rows,
            "num_dropped": self.num_dropped,
            "predictions": _table_digest(self.predictions),
            "cells": _plain_cells(self.cells),
            "champion": None if self.champion is None else _plain_cells(self.champion.cells),
            "baseline": _plain_cells(self.baseline.cells),
            **({"champion_reason": self.champion_reason} if self.champion_reason else {}),
            **({} if self.weak_slices is None else {"weak_slices": plain_slices(self.weak_slices)}),
            **({"classes": list(self.classes)} if self.classes else {}),
        }

    @property
    def digest(self) -> str:
        """sha256 of the canonical form, which holds the digest of the predictions."""
        return canonical.digest(self.to_plain())

    def save(self, folder: Path) -> None:
        """Write evaluation.json and predictions.parquet into an existing folder."""
        import pyarrow.parquet as pq

        with disk.open_to_write(Path(folder) / _PREDICTIONS) as file:
            pq.write_table(self.predictions, file)
        disk.write_file(Path(folder) / _FILE, canonical.to_canonical(self.to_plain()))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote. Raises InvalidInput for damaged files, StoreTooNew for a later format."""
        import pyarrow.parquet as pq

        file = Path(folder) / _FILE
        try:
            plain = canonical.from_canonical(file.read_bytes())
            if plain["format"] > _FORMAT:
                raise StoreTooNew(f"evaluation format {plain['format']}", where=str(file), fix="upgrade headrace")
            champion = plain["champion"]
            with (Path(folder) / _PREDICTIONS).open("rb") as stream:
                predictions = pq.ParquetFile(stream).read()
            if _table_digest(predictions) != plain["predictions"]:
                raise InvalidInput("the predictions are not those of the evaluation", where=str(folder))
            return cls(
                _read_cells(plain["cells"]),
                metrics=tuple(plain["metrics"]),
                num_rows=plain["num_rows"],
                num_dropped=plain["num_dropped"],
                predictions=predictions,
                model_digest=plain["model_digest"],
                champion_digest=plain["champion_digest"],
                parts=plain["parts"],
                champion=None if champion is None else Results(_read_cells(champion)),
                champion_reason=plain.get("champion_reason", ""),
                has_intervals=plain["format"] > 1,
                weak_slices=read_slices(plain["weak_slices"]) if "weak_slices" in plain else None,
                classes=tuple(plain.get("classes", ())),
                baseline=Results(_read_cells(plain["baseline"])),
            )
        except FileNotFoundError as error:
            raise InvalidInput("there is no evaluation here", where=str(error.filename)) from None
        except InvalidInput:
            raise
        except (KeyError, TypeError, ValueError, pa.ArrowException) as error:
            raise InvalidInput(f"not an evaluation: {error}", where=str(folder)) from error


def _table_digest(table: pa.Table) -> str:
    digest = RowsDigest(table.schema, ["place"])
    for batch in table.to_batches():
        digest.add(batch, None)
    return digest.finish()


def _plain_cells(cells: Sequence[SliceResults]) -> list[dict[str, Any]]:
    # Pairs, not a mapping: the order of a cross's columns is part of the slice's name.
    return [
        {
            "slice": [[column, value] for column, value in cell.slice.items()],
            "values": [[name, _plain_value(value)] for name, value in cell.values.items()],
        }
        for cell in cells
    ]


def _read_cells(plain: Sequence[Mapping[str, Any]]) -> tuple[SliceResults, ...]:
    return tuple(
        SliceResults(
            dict(cell["slice"]),
            {name: _read_value(value) for name, value in cell["values"]},
        )
        for cell in plain
    )


def _plain_value(value: Value) -> dict[str, Any]:
    """What is not there is left out, but for what the first format wrote always."""
    plain = dataclasses.asdict(value)
    always = ("value", "num_rows", "lower", "upper", "reason")
    return {name: one for name, one in plain.items() if one is not None or name in always}


def _read_value(plain: Mapping[str, Any]) -> Value:
    limits = plain.get("limits")
    return Value(**{**plain, "limits": None if limits is None else (limits[0], limits[1])})
