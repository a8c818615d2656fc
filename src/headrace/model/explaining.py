"""Explaining: what each raw column of a row adds to a model's answer, beside rows of the data it was fitted on.

A model whose answer is one sum of trees is explained exactly (`headrace.model.shapley`): the contributions of a row and
the base add up to its margin. Any other model, and one of more than a million tests on its trees' paths, is explained
by occlusion: what the answer loses, on average, when one column is given the values of background rows; where columns
act together these do not add up, and `rest` says by how much.

Features are traced back to raw columns (`headrace.model.provenance`), and what one column's features add, one-hot ones
among them, is one number. A feature of several columns, such as a crossed one, is named by all of them, `origin x
dest`: no split of it between the two would be more than a convention.

The background is the real rows among the golden rows: at most 100 rows of the data the model was fitted on (32 for
occlusion), evenly spaced, which come with the model wherever it goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from headrace.model._rows import Lanes
from headrace.model.columns import LANES, InputColumn, layout_of
from headrace.model.provenance import columns_of_features
from headrace.model.shapley import TreeShap

__all__ = ["Explainer", "Explanations"]

_BACKGROUND_ROWS = 100
_OCCLUSION_ROWS = 32
_MOST_CELLS = 4_000_000  # of rows that are made up at a time: 32 MB


@dataclass(frozen=True)
class Explanations:
    """Why a model says what it says of some rows.

    Parameters
    ----------
    method : "tree_shap" or "occlusion"
        tree_shap: Shapley values, exact and additive.
    output : "margin" or "prediction"
        What is explained: of a probability by trees the margin, its logarithm of the odds.
    columns : tuple of str
        What contributes: raw columns, and `a x b` for features made of several.
    base : float64[num_outputs]
        The output's mean over the background.
    contributions : float64[num_rows, num_columns, num_outputs]
        What each adds to the base.
    outputs : float64[num_rows, num_outputs]
        The model's output; for trees base + contributions are within 1e-9 of the sum that it is rounded from.
    predictions : float32[num_rows, num_outputs]
        What the model answers.
    features : tuple of str
        The features' names; () for occlusion.
    by_feature : float64[num_rows, num_features, num_outputs]
        What each feature adds; without features for occlusion.
    classes : tuple of str or of int
        Of several classes whose each output is, in order; () for one output.

    `num_outputs` is 1, or one for each class.
    """

    method: Literal["tree_shap", "occlusion"]
    output: Literal["margin", "prediction"]
    columns: tuple[str, ...]
    base: npt.NDArray[np.float64]
    contributions: npt.NDArray[np.float64]
    outputs: npt.NDArray[np.float64]
    predictions: npt.NDArray[np.float32]
    features: tuple[str, ...]
    by_feature: npt.NDArray[np.float64]
    classes: tuple[str | int, ...] = ()

    def __len__(self) -> int:
        return len(self.outputs)

    def to_plain(self) -> list[dict[str, Any]]:
        """A record a row, as `:explain` answers: a number each, or a list with one for each of `classes`.

        `method`, `output`, `classes` (where there are several), `base`, `contributions` by column, `rest` (what they
        do not add up to; for trees that is the margin's rounding), the output under its name, `prediction`, and for
        trees `features`, what each adds.
        """
        found = []
        for row in range(len(self)):
            parts = self.contributions[row]
            one = {
                "method": self.method,
                "output": self.output,
                **({"classes": list(self.classes)} if self.classes else {}),
                "base": _plain(self.base),
                "contributions": {name: _plain(values) for name, values in zip(self.columns, parts, strict=True)},
                "rest": _plain(self.outputs[row] - self.base - parts.sum(axis=0)),
                self.output: _plain(self.outputs[row]),
                "prediction": _plain(self.predictions[row].astype(np.float64)),
            }
            if self.features:
                named = zip(self.features, self.by_feature[row], strict=True)
                one["features"] = {name: _plain(values) for name, values in named}
            found.append(one)
        return found


def _plain(values: npt.NDArray[np.float64]) -> Any:
    """One number, or a list; what is not finite is None, as in answers."""
    found = [value if np.isfinite(value) else None for value in values.tolist()]
    return found[0] if len(found) == 1 else found


class Explainer:
    """What explains one model's answers; made once a model, which takes up to a second.

    Parameters
    ----------
    model : Model
        Loaded.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._output: Literal["margin", "prediction"] = (
            "margin" if "margin" in model.signature.outputs else "prediction"
        )
        background = _background(model, _BACKGROUND_ROWS)
        self._lanes: Lanes = model.codec.from_batch(background)
        self._trees: TreeShap | None = None
        if "features" in model.signature.outputs:
            features = model.predict_lanes(self._lanes, ("features",))["features"]
            self._trees = TreeShap.of(model.onnx, features)
        if self._trees is None:
            self._columns = tuple(column.name for column in model.columns)
            few = np.linspace(0, background.num_rows - 1, min(_OCCLUSION_ROWS, background.num_rows)).astype(int)
            self._lanes = {name: lane[few] for name, lane in self._lanes.items()}
            self._places = [_places_of(column, model.columns) for column in model.columns]
            self._base = self._ask(self._lanes).mean(axis=0)
            return
        sources = columns_of_features(model.onnx, model.columns, len(model.feature_names))
        named = [" x ".join(one) or "(none)" for one in sources]
        order = {column.name: place for place, column in enumerate(model.columns)}
        self._columns = tuple(sorted(dict.fromkeys(named), key=lambda name: (" x " in name, order.get(name, 0))))
        self._place = np.array([self._columns.index(name) for name in named], np.int64)
        self._base = self._trees.base

    @property
    def method(self) -> Literal["tree_shap", "occlusion"]:
        """How answers are explained."""
        return "occlusion" if self._trees is None else "tree_shap"

    def explain(self, lanes: Lanes) -> Explanations:
        """Why the model says what it says of the rows of these lanes, which its codec made.

        Cost: 2 ms a row for 200 trees of depth 6; by occlusion that of 32 rows a column.
        """
        model, names = self._model, ["prediction"]
        if self._output == "margin":
            names.append("margin")
        if self._trees is not None:
            names.append("features")
        answers = model.predict_lanes(lanes, names)
        predictions = _wide(answers["prediction"])
        outputs = _wide(answers[self._output]).astype(np.float64)
        if self._trees is None:
            by_feature = np.zeros((len(outputs), 0, outputs.shape[1]))
            contributions = np.empty((len(outputs), len(self._columns), outputs.shape[1]))
            for row in range(len(outputs)):
                contributions[row] = self._occlude(lanes, row, outputs[row])
            features: tuple[str, ...] = ()
        else:
            by_feature = self._trees.explain(answers["features"])
            contributions = np.zeros((len(outputs), len(self._columns), outputs.shape[1]))
            for place, column in enumerate(self._place.tolist()):
                contributions[:, column] += by_feature[:, place]
            features = model.feature_names
        return Explanations(
            self.method,
            self._output,
            self._columns,
            self._base,
            contributions,
            outputs,
            predictions,
            features,
            by_feature,
            model.signature.classes,
        )

    def _ask(self, lanes: Lanes) -> npt.NDArray[np.float64]:
        return _wide(self._model.predict_lanes(lanes, (self._output,))[self._output]).astype(np.float64)

    def _occlude(self, lanes: Lanes, row: int, output: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """float64[num_columns, num_outputs]: the output less its mean with each column from the background."""
        number = len(next(iter(self._lanes.values())))
        width = sum(lane.shape[1] for lane in lanes.values())
        step = max(1, _MOST_CELLS // (number * width))
        found = np.empty((len(self._places), len(output)))
        for first in range(0, len(self._places), step):
            places = self._places[first : first + step]
            whole = {name: np.repeat(lane[row : row + 1], number * len(places), axis=0) for name, lane in lanes.items()}
            for place, parts in enumerate(places):
                mine = slice(place * number, (place + 1) * number)
                for name, columns in parts.items():
                    whole[name][mine, columns] = self._lanes[name][:, columns]
            found[first : first + step] = self._ask(whole).reshape(len(places), number, -1).mean(axis=1)
        lost: npt.NDArray[np.float64] = output - found
        return lost


def _wide(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return values if values.ndim == 2 else values[:, np.newaxis]


def _places_of(column: InputColumn, columns: Sequence[InputColumn]) -> dict[str, list[int]]:
    """Lane -> the places in it that hold the column, its present bit, and what is derived from it."""
    layout = layout_of(columns)
    names = {column.name, *(derived.name for derived in column.derived_columns)}
    found = {lane: [place for place, name in enumerate(getattr(layout, lane)) if name in names] for lane in LANES}
    return {lane: places for lane, places in found.items() if places}


def _background(model: Any, most: int) -> Any:
    """Real rows, evenly spaced; golden rows of edge values where a model has no others."""
    real = model.real_rows()
    table = real if real.num_rows else model.golden.select([column.name for column in model.columns]).slice(0, 1)
    if table.num_rows <= most:
        return table
    return table.take([place * table.num_rows // most for place in range(most)])
