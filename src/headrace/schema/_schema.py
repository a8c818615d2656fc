"""The Schema noun: what rows of a data set must look like, one record a feature."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from headrace.canonical import digest
from headrace.errors import InvalidInput, UnknownName
from headrace.schema.kinds import KINDS, Kind, kind_of

__all__ = ["Feature", "Schema"]


@dataclass(frozen=True)
class Feature:
    """What one column must look like.

    Parameters
    ----------
    name : str
        The column's name.
    kind : Kind
        integer, number, boolean, text or timestamp (`headrace.schema.kinds`).
    min_present : float
        The smallest share of rows (0..1) that must not be null; 1.0 = never null.
    domain : tuple of str or None
        The values a text may take; None = any.
    min, max : float or int or None
        The range a number, integer or timestamp (int64 microseconds UTC) may lie in, both ends included.
    allow_nan : bool
        Whether a number may be NaN.
    """

    name: str
    kind: Kind
    min_present: float = 0.0
    domain: tuple[str, ...] | None = None
    min: float | int | None = None
    max: float | int | None = None
    allow_nan: bool = True

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UnknownName("kind", str(self.kind), KINDS, where=f"feature {self.name!r}")
        if not 0.0 <= self.min_present <= 1.0:
            raise InvalidInput(f"min_present = {self.min_present}", where=f"feature {self.name!r}", expected="0 to 1")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise InvalidInput(f"min {self.min} is above max {self.max}", where=f"feature {self.name!r}")

    @property
    def is_nullable(self) -> bool:
        """Whether a null is allowed."""
        return self.min_present < 1.0


@dataclass(frozen=True)
class Schema:
    """The features of a data set, in column order.

    Parameters
    ----------
    features : tuple of Feature
        Names are unique.
    is_reviewed : bool
        Whether a person has looked at it; an inferred schema has not been.
    """

    features: tuple[Feature, ...] = ()
    is_reviewed: bool = field(default=True, compare=False)

    def __post_init__(self) -> None:
        names = [feature.name for feature in self.features]
        for name in names:
            if names.count(name) > 1:
                raise InvalidInput(f"feature {name!r} appears twice", where="schema")

    def __getitem__(self, name: str) -> Feature:
        for feature in self.features:
            if feature.name == name:
                return feature
        raise UnknownName("feature", name, [feature.name for feature in self.features])

    def __contains__(self, name: object) -> bool:
        return any(feature.name == name for feature in self.features)

    @classmethod
    def from_arrow(cls, schema: pa.Schema) -> Schema:
        """What Arrow types alone say: kinds, everything nullable, no domains or ranges."""
        return cls(tuple(Feature(item.name, kind_of(item.type)) for item in schema), is_reviewed=False)

    def to_plain(self) -> dict[str, Any]:
        """As plain data, defaults left out: the canonical form, and what the YAML file holds."""
        rows: list[dict[str, Any]] = []
        for feature in self.features:
            row: dict[str, Any] = {"name": feature.name, "kind": feature.kind}
            if feature.min_present:
                row["min_present"] = feature.min_present
            if feature.domain is not None:
                row["domain"] = list(feature.domain)
            if feature.min is not None:
                row["min"] = feature.min
            if feature.max is not None:
                row["max"] = feature.max
            if not feature.allow_nan:
                row["allow_nan"] = False
            rows.append(row)
        return {"format": 1, "features": rows}

    @property
    def digest(self) -> str:
        """sha256 of the canonical form; whether it was reviewed is not in it."""
        return digest(self.to_plain())
