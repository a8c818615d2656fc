"""Inspection: the noun."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from headrace import canonical, disk
from headrace.errors import InvalidInput, StoreTooNew, UnknownName
from headrace.lookup import Shown

__all__ = ["Ablation", "Dependence", "Importance", "Inspection", "Point", "Simpler"]

_FORMAT = 2  # 2: with ablation
_FILE = "inspection.json"


@dataclasses.dataclass(frozen=True)
class Importance:
    """What the metric loses when a column's values are dealt out to other rows.

    Parameters
    ----------
    column : str
        A raw column of the model.
    drop : float
        How much worse the metric gets, in its own unit, on average over the repeats; below 0 where it gets better.
    lower, upper : float
        Between which the drop lies with 95 %: over other rows and other ways of dealing out.
    """

    column: str
    drop: float
    lower: float
    upper: float

    @property
    def is_sure(self) -> bool:
        """Whether the model is surely better with the column than without."""
        return self.lower > 0


@dataclasses.dataclass(frozen=True)
class Point:
    """What predictions are where a column has one value for every row.

    Parameters
    ----------
    value : plain value
        Timestamps as integers of microseconds UTC.
    mean, low, high : float
        The mean prediction, and what a tenth of the rows lies below and above.
    share : float or None
        The share of the rows that have this value, of texts and booleans; None of numbers.
    """

    value: bool | int | float | str | None
    mean: float
    low: float
    high: float
    share: float | None = None


@dataclasses.dataclass(frozen=True)
class Dependence:
    """How predictions move with one column, all others left as they are.

    Parameters
    ----------
    column, kind : str
        The column and its kind.
    points : tuple of Point
        Numbers ascending, texts the most common first; null last.
    """

    column: str
    kind: str
    points: tuple[Point, ...]

    @property
    def spread(self) -> float:
        """The largest mean less the smallest."""
        means = [point.mean for point in self.points]
        return max(means) - min(means)


@dataclasses.dataclass(frozen=True)
class Ablation:
    """What the metric loses in a model that is fitted again without some features.

    Parameters
    ----------
    features : tuple of str
        What was left out.
    value : float
        The metric of the model without them; NaN where it is not defined.
    drop : float
        How much worse that is than with all features, fitted in the same way; below 0 where it is better.
    lower, upper : float or None
        The 95 % interval of `drop`, over other rows that are judged; not over other rows that are fitted on.
    """

    features: tuple[str, ...]
    value: float
    drop: float
    lower: float | None = None
    upper: float | None = None

    @property
    def is_sure(self) -> bool:
        """Whether the model is surely better with them than without."""
        return self.lower is not None and self.lower > 0


@dataclasses.dataclass(frozen=True)
class Simpler:
    """A simpler model on the same rows.

    Parameters
    ----------
    name : str
        "constant" or "linear".
    value : float
        The metric; NaN where it is not defined.
    worse : float
        How much worse it is than the model; below 0 where it is better.
    lower, upper : float or None
        The 95 % interval of `worse`, over other rows.
    """

    name: str
    value: float
    worse: float
    lower: float | None = None
    upper: float | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Inspection(Shown):
    """What `inspect` found; `inspection["carrier"].drop`.

    Parameters
    ----------
    model_digest : str
        The model.
    metric : str
        What drops are measured in.
    higher_is_better : bool
        Which way is up.
    value : float
        The metric with all columns, on the rows drawn.
    num_rows, num_asked : int
        Labelled rows drawn, and rows that dependence asked about.
    importance : tuple of Importance
        The largest drop first.
    dependence : tuple of Dependence
        In the same order; of sensitive columns, and of kinds without an order or common values, there is none.
    simpler : tuple of Simpler
        A constant and a linear model.
    ablation : tuple of Ablation
        The largest drop first; () where nobody asked.
    """

    kind: ClassVar[str] = "inspection"
    elsewhere: ClassVar[Mapping[str, str]] = {
        "importances_mean": "inspection.importance",
        "feature_importances_": "inspection.importance",
        "average": "inspection.dependence",
    }

    model_digest: str
    metric: str
    higher_is_better: bool
    value: float
    num_rows: int
    num_asked: int
    importance: tuple[Importance, ...]
    dependence: tuple[Dependence, ...]
    simpler: tuple[Simpler, ...]
    ablation: tuple[Ablation, ...] = ()

    def __repr__(self) -> str:
        first = ", ".join(f"{one.column} {one.drop:.3g}" for one in self.importance[:3])
        return f"<Inspection {self.metric} {self.value:.4f}; {first}; {self.num_rows:,} rows>"

    def __getitem__(self, column: str) -> Importance:
        """The importance of a column, or UnknownName."""
        for one in self.importance:
            if one.column == column:
                return one
        raise UnknownName("column", column, [one.column for one in self.importance], where="the inspection")

    @property
    def idle(self) -> tuple[str, ...]:
        """The columns the model is not surely better with."""
        return tuple(one.column for one in self.importance if not one.is_sure)

    @property
    def summary(self) -> dict[str, Any]:
        """The few figures a person looks for first, as plain data."""
        return {
            "metric": self.metric,
            "value": self.value,
            "num_rows": self.num_rows,
            "drops": {one.column: one.drop for one in self.importance},
            "idle": list(self.idle),
            "worse": {one.name: [one.worse, one.lower, one.upper] for one in self.simpler},
            **({"ablation": {", ".join(one.features): one.drop for one in self.ablation}} if self.ablation else {}),
        }

    def to_plain(self) -> dict[str, Any]:
        """As plain data."""
        plain = dataclasses.asdict(self)
        if not self.ablation:  # the form that inspections had before there was any
            del plain["ablation"]
        return {"format": _FORMAT if self.ablation else 1, **plain}

    @property
    def digest(self) -> str:
        """sha256 of the canonical form."""
        return canonical.digest(self.to_plain())

    def save(self, folder: Path) -> None:
        """Write inspection.json into an existing folder."""
        disk.write_file(Path(folder) / _FILE, canonical.to_canonical(self.to_plain()))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote. Raises InvalidInput for a damaged file, StoreTooNew for a later format."""
        file = Path(folder) / _FILE
        try:
            plain = canonical.from_canonical(file.read_bytes())
            if plain.pop("format") > _FORMAT:
                raise StoreTooNew("inspection of a later format", where=str(file), fix="upgrade headrace")
            plain["importance"] = tuple(Importance(**one) for one in plain["importance"])
            plain["simpler"] = tuple(Simpler(**one) for one in plain["simpler"])
            plain["dependence"] = tuple(
                Dependence(one["column"], one["kind"], tuple(Point(**point) for point in one["points"]))
                for one in plain["dependence"]
            )
            plain["ablation"] = tuple(
                Ablation(tuple(one["features"]), *(one[name] for name in ("value", "drop", "lower", "upper")))
                for one in plain.get("ablation", ())
            )
            return cls(**plain)
        except FileNotFoundError as error:
            raise InvalidInput("there is no inspection here", where=str(error.filename)) from None
        except InvalidInput:
            raise
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput(f"not an inspection: {error}", where=str(file)) from error
