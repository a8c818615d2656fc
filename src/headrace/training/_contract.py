"""What a trainer is: features in, a predictor out that writes itself into the model's graph.

    predictor = trainer.fit(train, validation, params={}, group=Group(), journal=Journal())
    outputs = predictor.build(builder, features)     # {"margin": tensor, "prediction": tensor}

A trainer is a frozen dataclass: its fields are what a user sets, a search varies and a step key covers. Equal
trainer, equal features: equal predictor, to the byte. `headrace.testing.TrainerCases` checks all of this.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt

from headrace.calls import Checked
from headrace.errors import InvalidInput, Misuse, UnknownName
from headrace.model import GraphBuilder
from headrace.model.signature import Task
from headrace.model.softmax import add_softmax
from headrace.training.space import Space

__all__ = ["Entry", "FeatureColumn", "Features", "Group", "Journal", "Launcher", "Predictor", "Trainer", "answers"]

FeatureKind = Literal["numeric", "categorical", "vector"]


@dataclass(frozen=True)
class FeatureColumn:
    """One feature: `width` columns of the matrix, from left to right.

    Parameters
    ----------
    name : str
        As `features` named it.
    kind : "numeric", "categorical" or "vector"
        categorical: codes whose order means nothing; vector: wider than one.
    dtype : str
        Of the matrix; float32.
    width : int
        Columns.
    """

    name: str
    kind: FeatureKind = "numeric"
    dtype: str = "float32"
    width: int = 1


@dataclass(frozen=True)
class Features:
    """What a trainer is handed: rows whose label is known, in source order.

    Parameters
    ----------
    columns : tuple of FeatureColumn
        Widths add up to the matrix's.
    matrix : float32[num_rows, width]
        NaN = null. Not to be changed.
    label : float64[num_rows]
        Never NaN.
    weight : float64[num_rows] or None
        The data set's weights; None = all count the same.
    row_id : uint64[num_rows] or None
        Hashes of the rows' keys, for out-of-fold work.
    classes : tuple of str or of int
        What labels stand for where there are three values or more: label i is classes[i]. () = labels are numbers.
    """

    columns: tuple[FeatureColumn, ...]
    matrix: npt.NDArray[np.float32]
    label: npt.NDArray[np.float64]
    weight: npt.NDArray[np.float64] | None = None
    row_id: npt.NDArray[np.uint64] | None = None
    classes: tuple[str | int, ...] = ()

    def __post_init__(self) -> None:
        width = sum(column.width for column in self.columns)
        if self.matrix.ndim != 2 or self.matrix.shape[1] != width or self.matrix.dtype != np.float32:
            raise InvalidInput(f"a matrix of {self.matrix.dtype}{self.matrix.shape}", expected=f"float32[N, {width}]")
        for name in ("label", "weight", "row_id"):
            array = getattr(self, name)
            if array is not None and array.shape != (len(self.matrix),):
                raise InvalidInput(f"{name} has shape {array.shape}", expected=f"({len(self.matrix)},)")

    @property
    def num_rows(self) -> int:
        """Rows in the matrix."""
        return len(self.matrix)

    def select(self, keep: Any) -> Features:
        """Some of the rows: a mask, a slice or places."""
        arrays = {name: getattr(self, name) for name in ("matrix", "label", "weight", "row_id")}
        kept: dict[str, Any] = {name: None if array is None else array[keep] for name, array in arrays.items()}
        kept["matrix"] = np.ascontiguousarray(kept["matrix"])
        return dataclasses.replace(self, **kept)


@dataclass(frozen=True)
class Group:
    """Which of several processes that train together this is; alone, as launched locally: rank 0 of 1.

    Parameters
    ----------
    rank, num_ranks : int
        0 <= rank < num_ranks.
    device : str
        "cpu", "cuda:0" ...
    rendezvous : str
        A folder that all ranks see, where they find each other; "" for one alone.
    """

    rank: int = 0
    num_ranks: int = 1
    device: str = "cpu"
    rendezvous: str = ""


class Journal:
    """Where a trainer says how it is doing and keeps what lets it go on after a crash; this one keeps nothing."""

    def report(self, step: int, values: Mapping[str, float]) -> bool:
        """Note values (a loss, a metric) after a step. False = stop now and return what there is."""
        return True

    def save(self, state: bytes) -> None:
        """Keep a checkpoint; only the newest counts."""

    def resume(self) -> bytes | None:
        """The newest checkpoint, or None."""
        return None


@dataclass(frozen=True)
class Entry:
    """What a launcher runs on every rank, as plain data.

    Parameters
    ----------
    function : str
        "module:name" of a function (arguments, group, journal) -> plain data.
    arguments : dict
        Plain data, the same for all ranks.
    folder : str
        Where ranks find each other, and files that are too large for arguments.
    """

    function: str
    arguments: Mapping[str, Any]
    folder: str


class Launcher(ABC):
    """The contract of launchers: what starts the processes that train together."""

    @abstractmethod
    def run(self, entry: Entry, num_ranks: int, resources: Mapping[str, Any], *, journal: Journal) -> Any:
        """Run an entry on so many ranks at once, and return the first one's answer.

        Parameters
        ----------
        entry : Entry
            What to run.
        num_ranks : int
            How many; each is told its own `Group`.
        resources : dict
            What each needs: {"device": "cuda"} for a GPU; {} for processors alone.
        journal : Journal
            The first rank's reports and checkpoints reach it; all ranks can read what it resumes from.

        Raises what a rank raised, where that is one of `headrace.errors`; StepFailed where one died or raised anything
        else. No rank outlives this call, or the process that made it.
        """


def answers(builder: GraphBuilder, margin: str, task: Task, width: int = 1) -> dict[str, str]:
    """A predictor's outputs from its margin, float32 [N, width].

    A "binary" one is the logit of the prediction; of "multiclass" ones, one for each of `width` classes, the
    prediction is the softmax.
    """
    if task == "multiclass":
        return {"margin": margin, "prediction": add_softmax(builder, margin, width)}
    if task == "regression":
        return {"margin": margin, "prediction": margin}
    # In float32, after the one rounding: this Sigmoid gives a row the same bits in any batch, the double one not.
    return {"margin": margin, "prediction": builder.node("Sigmoid", [margin])}


class Predictor(ABC):
    """A fitted model that can write itself into a graph.

    `task` says what `prediction` means: "binary" = the probability of 1, "regression" = a value, "multiclass" = the
    probabilities of the classes, in the order of `Features.classes`.
    """

    task: Task

    @abstractmethod
    def build(self, builder: GraphBuilder, features: str) -> dict[str, str]:
        """Add the model to the graph: from the name of the float32 tensor [N, width] to those of its outputs.

        Returns {"margin": ..., "prediction": ...}, float32 [N, 1]; of several classes [N, num_classes]. Only operators
        whose result for a row does not depend on the batch (`headrace.model.graph`).
        """

    def native_files(self) -> dict[str, bytes]:
        """The framework's own files by name, kept beside the graph for tools that read them."""
        return {}


@dataclass(frozen=True)
class Trainer(Checked, ABC):
    """The contract of trainers: a frozen dataclass with `fit`.

    `limits` names for each numeric field the smallest and largest value; values outside, and of another type, raise
    InvalidInput when the trainer is made. `space` names the fields that a search varies unless it is told otherwise,
    and their ranges; each range holds the field's default. `references` names the fields that hold code of the project,
    as "module:Name": it counts in the step key. `is_parallel` says whether several ranks can fit together.
    """

    limits: ClassVar[Sequence[tuple[str, float, float]]] = ()
    space: ClassVar[Space] = {}
    references: ClassVar[Sequence[str]] = ()
    is_parallel: ClassVar[bool] = False

    @property
    def takes_classes(self) -> bool:
        """Whether whole numbers of three values or more are classes to it, as they are to a classifier.

        Labels of text are classes to every trainer.
        """
        return False

    @property
    def shows_ranks(self) -> bool:
        """Whether the number of ranks can be seen in the result; where it cannot, it is in no step key."""
        return True

    def reviver(self, num_features: int) -> Callable[[Mapping[str, bytes]], Predictor]:
        """What makes a predictor of its `native_files` again: how what several ranks fitted comes back from the first.

        Called before ranks are started, so that what cannot be a predictor is told at once. Raises Misuse for a trainer
        that works alone.
        """
        raise Misuse(f"{type(self).__name__} cannot be fitted by several workers", fix="leave workers= out")

    def __post_init__(self) -> None:
        for name, low, high in self.limits:
            value = getattr(self, name)
            wants_int = isinstance(low, int)
            is_number = isinstance(value, int if wants_int else (int, float)) and not isinstance(value, bool)
            if not is_number or not low <= value <= high:
                raise InvalidInput(
                    f"{name} = {value!r}",
                    where=type(self).__name__,
                    expected=f"{'a whole number' if wants_int else 'a number'} from {low:g} to {high:g}",
                )

    @abstractmethod
    def fit(
        self,
        train: Features,
        validation: Features | None,
        *,
        params: Mapping[str, Any],
        group: Group,
        journal: Journal,
    ) -> Predictor:
        """Fit on the training rows; `validation` is for early stopping alone.

        `params` override fields for this fit (a search's suggestion); see `replace`. Neither the number of cores nor
        the process may be seen in the result.
        """

    def parameters(self) -> dict[str, Any]:
        """What `replace` can change, by name, and what it is now: the fields."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def free_space(self) -> Space:
        """What a search varies unless it is told otherwise: `space`, less the fields that were set."""
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        return {name: domain for name, domain in self.space.items() if getattr(self, name) == defaults[name]}

    def replace(self, params: Mapping[str, Any]) -> Self:
        """This trainer with some parameters changed. Raises UnknownName for one that it lacks."""
        known = self.parameters()
        for name in params:
            if name not in known:
                raise UnknownName("parameter", name, known, where=type(self).__name__)
        return dataclasses.replace(self, **params)

    def to_plain(self) -> dict[str, Any]:
        """Class and fields as plain data, for signatures and step keys."""
        return {"trainer": type(self).__name__, **dataclasses.asdict(self)}
