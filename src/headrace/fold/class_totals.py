"""ClassTotals: of each class the weight of rows that have it, are called it, and are rightly called it; exact.

What single decisions among several classes come to follows from these: accuracy, precision, recall, F1, kappa and the
correlation of Matthews, which needs no more of the confusion matrix than its margins and its diagonal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headrace.fold._class_scores import called_of, read_class_scores
from headrace.fold._contract import Fold, Groups, Rows, State
from headrace.fold._fixed_point import add_words, add_words_at, sum_by_group, to_float
from headrace.fold._scored import Floats

__all__ = ["ClassTotals", "ClassTotalsResult", "ClassTotalsState"]


@dataclass
class ClassTotalsState(State):
    """Weights as 128-bit integers, `high * 2^64 + low`, in units of 2^-40.

    `num_rows`, `num_invalid` int64[num_groups]; `high` int64 and `low` uint64 [num_groups, 3, num_classes + 1]: by
    label, by the class called, and of both alike; the last class is every label that is none of them.
    Size: 48 bytes a class and group.
    """

    num_rows: npt.NDArray[np.int64]
    num_invalid: npt.NDArray[np.int64]
    high: npt.NDArray[np.int64]
    low: npt.NDArray[np.uint64]

    @property
    def num_groups(self) -> int:
        """Groups in this state."""
        return len(self.num_rows)


@dataclass(frozen=True)
class ClassTotalsResult:
    """What `ClassTotals` knows of each group.

    Parameters
    ----------
    num_rows, num_invalid : int64[num_groups]
        Rows with a label, and those among them that could not be counted; where above 0 all that follows is NaN.
    weight, positive : float64[num_groups]
        Sum of the weights, the number of rows when there are none; `positive` is 0, no class being the one.
    labelled, called, right : float64[num_groups, num_classes + 1]
        Of each class the weight of rows that have it, are called it, and have it and are called it. The last is every
        label that is no class: it is never called.
    """

    num_rows: npt.NDArray[np.int64]
    num_invalid: npt.NDArray[np.int64]
    weight: Floats
    positive: Floats
    labelled: Floats
    called: Floats
    right: Floats


@dataclass(frozen=True)
class ClassTotals(Fold[ClassTotalsState, ClassTotalsResult]):
    """Exact weights by class.

    Parameters
    ----------
    label : str
        A column of classes' places, 0 .. num_classes - 1; num_classes is any other value. Null or NaN: left out.
    prediction : str
        A column of lists of `num_classes` probabilities. One that is null or NaN makes the row invalid.
    num_classes : int
        How many; a row is called the likeliest, of equally likely ones the first.

    Cost: about 10 ns a row and 2 ns a row and class; 48 bytes a class and group.

    >>> import pyarrow as pa
    >>> fold = ClassTotals(num_classes=3)
    >>> scores = pa.array([[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]], pa.list_(pa.float32(), 3))
    >>> rows = Rows(pa.RecordBatch.from_pydict({"label": [0, 2], "prediction": scores}))
    >>> fold.extract(fold.add(fold.create(1), rows, None)).right[0].tolist()
    [1.0, 0.0, 0.0, 0.0]
    """

    label: str = "label"
    prediction: str = "prediction"
    num_classes: int = 3

    @property
    def columns(self) -> tuple[str, ...]:
        """Label and prediction."""
        return (self.label, self.prediction)

    def create(self, num_groups: int) -> ClassTotalsState:
        """A state of no rows."""
        shape = (num_groups, 3, self.num_classes + 1)
        zeros = np.zeros(num_groups, np.int64)
        return ClassTotalsState(zeros, zeros.copy(), np.zeros(shape, np.int64), np.zeros(shape, np.uint64))

    def add(self, state: ClassTotalsState, rows: Rows, groups: Groups | None) -> ClassTotalsState:
        """Add rows; changes `state`."""
        scored = read_class_scores(rows, self.label, self.prediction, groups, self.num_classes)
        if not scored.num_rows:
            return state
        num_groups, width = state.num_groups, self.num_classes + 1
        state.num_rows += np.bincount(scored.groups, minlength=num_groups)
        if scored.is_valid is not None:
            state.num_invalid += np.bincount(scored.groups[~scored.is_valid], minlength=num_groups)
            scored = scored.select(scored.is_valid)
        weight = np.ones(scored.num_rows) if scored.weight is None else scored.weight
        first = scored.groups.astype(np.int64) * width
        label, called = scored.label.astype(np.int64), called_of(scored.prediction)
        is_right = label == called
        for place, (cells, weights) in enumerate(
            ((first + label, weight), (first + called, weight), ((first + label)[is_right], weight[is_right]))
        ):
            words = sum_by_group(weights, cells.astype(np.int32), num_groups * width, is_whole=scored.weight is None)
            high, low = words[0].reshape(num_groups, width), words[1].reshape(num_groups, width)
            add_words(state.high, state.low, (slice(None), place), high, low)
        return state

    def merge(self, left: ClassTotalsState, right: ClassTotalsState, groups: Groups) -> ClassTotalsState:
        """Join right's group i into left's group groups[i]; changes `left`."""
        np.add.at(left.num_rows, groups, right.num_rows)
        np.add.at(left.num_invalid, groups, right.num_invalid)
        add_words_at(left.high, left.low, groups, right.high, right.low)
        return left

    def extract(self, state: ClassTotalsState) -> ClassTotalsResult:
        """The weights of each group."""
        cells = to_float(state.high, state.low)
        cells[state.num_invalid > 0] = np.nan
        labelled, called, right = (np.ascontiguousarray(cells[:, place]) for place in range(3))
        # One after the other: the same bits on every machine.
        weight = np.add.accumulate(labelled, axis=1)[:, -1]
        return ClassTotalsResult(
            state.num_rows, state.num_invalid, weight, np.zeros(state.num_groups), labelled, called, right
        )
