"""Signature: what a model is beside its graph: columns in, outputs out, and what it was fitted on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from headrace.errors import InvalidInput, StoreTooNew
from headrace.model.columns import InputColumn

__all__ = ["FORMAT", "Signature", "Task"]

FORMAT = 1
_MOST_SAID = 12

Task = Literal["binary", "regression", "multiclass"]


@dataclass(frozen=True)
class Signature:
    """What a model is, as plain data.

    Parameters
    ----------
    columns : tuple of InputColumn
        The raw columns, in order; the lanes follow from it.
    task : "binary", "regression" or "multiclass"
        binary: `prediction` is a probability, regression: a value, multiclass: a probability for each of `classes`.
    feature_names : tuple of str
        One for each column of the features tensor.
    label : str or None
        The column that was learnt.
    fitted_parts : dict of str to str
        "span/split" to logical digest of the rows the model was fitted on; evaluation refuses those.
    num_rows, num_dropped : int
        Rows fitted on, and rows left out because their label was null.
    trainer : dict
        The trainer and its parameters, as plain data.
    outputs : tuple of str
        The graph's outputs; `prediction` is always there.
    ignored : tuple of str
        The data set's other columns, the label apart: clients send whole raw rows, and these are not looked at.
    sensitive : tuple of str
        The data set's columns that identify or protect people: their values are never written to a request log.
    positive : str, int, float, bool or None
        The label's value whose probability `prediction` is; None where the label was a number itself.
    classes : tuple of str or of int
        multiclass: the label's values, ascending; a row of `prediction` has a probability for each, in this order.
    """

    columns: tuple[InputColumn, ...]
    task: Task
    feature_names: tuple[str, ...] = ()
    label: str | None = None
    fitted_parts: Mapping[str, str] = field(default_factory=dict)
    num_rows: int = 0
    num_dropped: int = 0
    trainer: Mapping[str, Any] = field(default_factory=dict)
    outputs: tuple[str, ...] = ("prediction", "margin", "features")
    ignored: tuple[str, ...] = ()
    sensitive: tuple[str, ...] = ()
    positive: str | int | float | bool | None = None
    classes: tuple[str | int, ...] = ()

    def __post_init__(self) -> None:
        if self.task not in get_args(Task):
            raise InvalidInput(f"task {self.task!r}", where="signature", expected=" or ".join(get_args(Task)))
        if "prediction" not in self.outputs:
            raise InvalidInput(f"outputs {self.outputs}", where="signature", expected="one called 'prediction'")
        if (self.task == "multiclass") != (len(self.classes) > 2):
            expected = "three or more for task 'multiclass', none for others"
            raise InvalidInput(f"task {self.task!r}, {len(self.classes)} classes", where="signature", expected=expected)

    @property
    def width(self) -> int:
        """Numbers in a row of `prediction`: one, or as many as there are classes."""
        return max(1, len(self.classes))

    @property
    def meaning(self) -> str:
        """What `prediction` is, in words.

        >>> Signature((), "binary", label="sex", positive="female").meaning
        "the probability that sex is 'female'"
        """
        label = self.label or "the label"
        if self.classes:
            return f"the probability of each of the {len(self.classes)} values of {label}: {self.classes_text}"
        if self.task == "regression" and self.positive is None:
            return f"the value of {label}"
        return f"the probability that {label} is {1 if self.positive is None else repr(self.positive)}"

    @property
    def classes_text(self) -> str:
        """The classes in order, as people read them; of many the first and the last.

        >>> Signature((), "multiclass", classes=(0, 1, 2)).classes_text
        '0, 1, 2'
        """
        said = [repr(one) for one in self.classes]
        return ", ".join(said if len(said) <= _MOST_SAID else [*said[: _MOST_SAID - 2], "...", said[-1]])

    def to_plain(self) -> dict[str, Any]:
        """As plain data: what signature.json holds and the model's digest covers."""
        plain: dict[str, Any] = {
            "format": FORMAT,
            "columns": [column.to_plain() for column in self.columns],
            "task": self.task,
            "feature_names": list(self.feature_names),
            "label": self.label,
            "fitted_parts": dict(self.fitted_parts),
            "num_rows": self.num_rows,
            "num_dropped": self.num_dropped,
            "trainer": dict(self.trainer),
            "outputs": list(self.outputs),
            "ignored": list(self.ignored),
        }
        if self.sensitive:  # left out where there is none: models made before there was this role keep their digests
            plain["sensitive"] = list(self.sensitive)
        if self.positive is not None:
            plain["positive"] = self.positive
        if self.classes:
            plain["classes"] = list(self.classes)
        return plain

    @classmethod
    def from_plain(cls, plain: Any, *, where: str = "signature.json") -> Signature:
        """Read what `to_plain` gave. Raises StoreTooNew for a newer format, InvalidInput for anything else."""
        try:
            number = plain["format"]
            if isinstance(number, int) and number > FORMAT:
                raise StoreTooNew(
                    f"the model has format {number}", where=where, expected=f"at most {FORMAT}", fix="upgrade headrace"
                )
            if number != FORMAT:
                raise ValueError(f"format {number!r}")
            return cls(
                columns=tuple(InputColumn(**column) for column in plain["columns"]),
                task=plain["task"],
                feature_names=tuple(plain["feature_names"]),
                label=plain["label"],
                fitted_parts=dict(plain["fitted_parts"]),
                num_rows=int(plain["num_rows"]),
                num_dropped=int(plain["num_dropped"]),
                trainer=dict(plain["trainer"]),
                outputs=tuple(plain["outputs"]),
                ignored=tuple(plain["ignored"]),
                sensitive=tuple(plain.get("sensitive", ())),
                positive=plain.get("positive"),
                classes=tuple(plain.get("classes", ())),
            )
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, InvalidInput):
                raise
            raise InvalidInput(f"not a model's signature: {error!r}"[:300], where=where) from error
