"""The Schema noun: what rows of a data set must look like, one record a feature."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, Self

import pyarrow as pa

from headrace import disk
from headrace.canonical import digest
from headrace.errors import InvalidInput, UnknownName
from headrace.kinds import KINDS, Kind, kind_of
from headrace.lookup import Shown
from headrace.schema.yaml_file import FORMAT, read_yaml, write_yaml

__all__ = ["Feature", "Schema"]

_RANGED = ("integer", "number", "timestamp")


def _text(value: object, what: str, where: str) -> None:
    """Text that Arrow and a file can hold: lone surrogates can be neither."""
    try:
        if not isinstance(value, str):
            raise InvalidInput(f"{what} = {value!r} is not text", where=where, expected="text", fix="put it in quotes")
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidInput(f"{what} = {value!r} holds a lone surrogate", where=where, expected="text") from None


def _limit(value: object, kind: Kind, what: str, where: str) -> int | float:
    """A limit in the one form its kind has, so that 5 and 5.0 are the same schema."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise InvalidInput(f"{what} = {value!r}", where=where, expected="a finite number; leave it out for no limit")
    if kind == "number":
        exact = float(value) + 0.0  # -0.0 and 0.0 are one limit
        if exact != value:
            raise InvalidInput(f"{what} = {value!r} is no float64", where=where, expected=f"{exact!r}, the nearest one")
        return exact
    if value != int(value) or not -(2**63) <= value < 2**63:
        raise InvalidInput(f"{what} = {value!r}", where=where, expected="a whole number that fits int64")
    return int(value)


@dataclass(frozen=True)
class Feature:
    """What one column must look like.

    Parameters
    ----------
    name : str
        The column's name.
    kind : Kind
        integer, number, boolean, text or timestamp (`headrace.kinds`).
    min_present : float
        The smallest share of rows (0..1) that must not be null; 1.0 = never null.
    domain : tuple of str or None
        The values a text may take; None = any. Null is never in it: `min_present` speaks of nulls.
    min, max : float or int or None
        The range a number, integer or timestamp (int64 microseconds UTC) may lie in, both ends included.
    allow_nan : bool
        Whether a number may be NaN.
    not_in : tuple of str
        Environments where the feature is absent; a label is not in "serving".

    Raises
    ------
    InvalidInput
        A limit that the kind cannot have: a domain that is no text's, a range upside down or not finite.

    >>> Feature("late", "boolean", not_in=("serving",)).is_in("serving")
    False
    """

    name: str
    kind: Kind
    min_present: float = 0.0
    domain: tuple[str, ...] | None = None
    min: float | int | None = None
    max: float | int | None = None
    allow_nan: bool = True
    not_in: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        where = f"feature {self.name!r}"
        _text(self.name, "name", "schema")
        if self.kind not in KINDS:
            raise UnknownName("kind", str(self.kind), KINDS, where=where)
        share: object = self.min_present
        if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0.0 <= share <= 1.0:
            raise InvalidInput(f"min_present = {share!r}", where=where, expected="0 to 1")
        object.__setattr__(self, "min_present", float(share))
        if not isinstance(self.allow_nan, bool):
            raise InvalidInput(f"allow_nan = {self.allow_nan!r}", where=where, expected="true or false")
        if not self.allow_nan and self.kind != "number":
            raise InvalidInput(f"allow_nan says nothing about kind {self.kind!r}", where=where, fix="leave it out")
        self._check_domain(where)
        self._check_range(where)

    def _check_domain(self, where: str) -> None:
        for what in ("domain", "not_in"):
            values = getattr(self, what)
            if values is None:
                continue
            if isinstance(values, str):
                raise InvalidInput(f"{what} = {values!r}", where=where, expected="a list of texts")
            object.__setattr__(self, what, tuple(values))
            seen: set[str] = set()
            for value in values:
                _text(value, f"a value of {what}", where)
                if value in seen:
                    raise InvalidInput(f"{what} holds {value!r} twice", where=where)
                seen.add(value)
        if self.domain is not None and self.kind != "text":
            raise InvalidInput(
                f"a domain with kind {self.kind!r}", where=where, expected="kind text", fix="use min, max"
            )

    def _check_range(self, where: str) -> None:
        for what in ("min", "max"):
            value = getattr(self, what)
            if value is None:
                continue
            if self.kind not in _RANGED:
                raise InvalidInput(f"a {what} with kind {self.kind!r}", where=where, expected=" or ".join(_RANGED))
            object.__setattr__(self, what, _limit(value, self.kind, what, where))
        if self.min is not None and self.max is not None and self.min > self.max:
            raise InvalidInput(f"min {self.min} is above max {self.max}", where=where)

    @property
    def is_nullable(self) -> bool:
        """Whether a null is allowed."""
        return self.min_present < 1.0

    def is_in(self, environment: str) -> bool:
        """Whether the feature is there in that environment ("training", "serving", or any name in `not_in`)."""
        return environment not in self.not_in

    def to_plain(self) -> dict[str, Any]:
        """As plain data, defaults left out; limits of timestamps are int64 microseconds UTC."""
        row: dict[str, Any] = {"name": self.name, "kind": self.kind}
        for item in fields(self)[2:]:
            value = getattr(self, item.name)
            if value != item.default:
                row[item.name] = list(value) if isinstance(value, tuple) else value
        return row

    @classmethod
    def from_plain(cls, row: Mapping[str, Any]) -> Self:
        """What `to_plain` gave. Raises UnknownName for an unknown key, InvalidInput for a value that cannot be."""
        known = [item.name for item in fields(cls)]
        for key in row:
            if key not in known:
                raise UnknownName("key", key, known, where=f"feature {row.get('name')!r}")
        for key in ("name", "kind"):
            if key not in row:
                raise InvalidInput(f"a feature without {key}", where=f"feature {row.get('name')!r}")
        return cls(**row)


@dataclass(frozen=True, repr=False)
class Schema(Shown):
    """The features of a data set, in column order: an artifact, and a YAML file that people read and edit.

    Parameters
    ----------
    features : tuple of Feature
        Names are unique.
    is_reviewed : bool
        Whether a person has looked at it; an inferred schema has not been. It is no part of equality or digest.

    >>> schema = Schema((Feature("carrier", "text", domain=("AA", "UA")),))
    >>> "carrier" in schema, schema["carrier"].domain
    (True, ('AA', 'UA'))
    """

    kind: ClassVar[str] = "schema"

    features: tuple[Feature, ...] = ()
    is_reviewed: bool = field(default=True, compare=False)

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for feature in self.features:
            if feature.name in seen:
                raise InvalidInput(f"feature {feature.name!r} appears twice", where="schema")
            seen.add(feature.name)

    def __repr__(self) -> str:
        return f"<Schema of {len(self.features)} features{'' if self.is_reviewed else ', not reviewed'}>"

    def __getitem__(self, name: str) -> Feature:
        for feature in self.features:
            if feature.name == name:
                return feature
        raise UnknownName("feature", name, [feature.name for feature in self.features])

    def __contains__(self, name: object) -> bool:
        return any(feature.name == name for feature in self.features)

    @property
    def environments(self) -> tuple[str, ...]:
        """The environments there are, sorted: "serving", "training" and all that features are not in."""
        return tuple(sorted({"serving", "training"}.union(*(feature.not_in for feature in self.features))))

    @classmethod
    def from_arrow(cls, schema: pa.Schema) -> Schema:
        """What Arrow types alone say: kinds, everything nullable, no domains or ranges."""
        return cls(tuple(Feature(item.name, kind_of(item.type)) for item in schema), is_reviewed=False)

    def to_plain(self) -> dict[str, Any]:
        """As plain data, defaults left out: the canonical form, which the digest is of."""
        return {"format": FORMAT, "features": [feature.to_plain() for feature in self.features]}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any], *, is_reviewed: bool = True) -> Self:
        """What `to_plain` gave. Raises UnknownName for an unknown key, InvalidInput for another format."""
        if plain.get("format") != FORMAT:
            raise InvalidInput(f"schema of format {plain.get('format')!r}", expected=f"format {FORMAT}")
        for key in plain:
            if key not in ("format", "features"):
                raise UnknownName("key", key, ["format", "features"], where="schema")
        return cls(tuple(Feature.from_plain(row) for row in plain.get("features", ())), is_reviewed=is_reviewed)

    @property
    def digest(self) -> str:
        """sha256 of the canonical form; whether it was reviewed is not in it."""
        return digest(self.to_plain())

    def save(self, path: Path | str) -> None:
        """Write the schema as a YAML file; into a folder, as the artifact's `schema.yaml`.

        A file of a schema that nobody has reviewed says `is_reviewed: false` until a person deletes that line. An
        artifact says nothing about it: its bytes follow from its digest alone.

        Parameters
        ----------
        path : Path or str
            A file, new or to be replaced whole; or an existing folder.

        Raises StoreError, naming the path, when the disk refuses.
        """
        path, plain = Path(path), self.to_plain()
        if path.is_dir():
            path /= "schema.yaml"
        elif not self.is_reviewed:
            plain["is_reviewed"] = False
        disk.write_file(path, write_yaml(plain))

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read what `save` wrote or a person edited.

        Returns an equal schema. One from an artifact's folder counts as not reviewed: the plan's record says whether
        it was, the artifact cannot.

        Raises
        ------
        InvalidInput
            No such file, not YAML, a tag, a value that cannot be: with file and line.
        UnknownName
            An unknown key or kind: with file, line and the nearest there is.
        """
        path = Path(path)
        is_artifact = path.is_dir()
        if is_artifact:
            path /= "schema.yaml"
        try:
            data = path.read_bytes()
        except OSError as error:
            raise InvalidInput(
                f"cannot read the schema file: {error.strerror}",
                where=str(path),
                fix="write one with hr.infer_schema(hr.analyze(dataset)).save(path)",
            ) from error
        plain, lines = read_yaml(data, str(path))
        features: dict[str, Feature] = {}
        for row, line in zip(plain["features"], lines, strict=True):
            try:
                if row["name"] in features:
                    raise InvalidInput(f"feature {row['name']!r} appears twice", where="schema")
                features[row["name"]] = Feature.from_plain(row)
            except InvalidInput as error:
                where = f"{path}, line {line}, {error.where}"
                raise InvalidInput(error.what, where=where, expected=error.expected, fix=error.fix) from error
        return cls(tuple(features.values()), is_reviewed=plain.get("is_reviewed", True) and not is_artifact)
