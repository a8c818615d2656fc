"""The Schema noun: what rows of a data set must look like, one record a feature."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import pyarrow as pa

from headrace import disk
from headrace.canonical import digest
from headrace.errors import InvalidInput, UnknownName
from headrace.kinds import PLAIN_KINDS, Kind, arrow_type, fields_of, kind_of
from headrace.lookup import Shown
from headrace.schema._feature import SEVERITIES, Feature
from headrace.schema.checking import check_code, check_texts, pairs_of
from headrace.schema.dataset_limits import DatasetLimits, FreeCheck
from headrace.schema.yaml_file import FORMATS, format_of, read_yaml, write_yaml

__all__ = ["Schema"]

_KEYS = ("format", "dataset", "domains", "checks", "severity", "features")


@dataclass(frozen=True, repr=False)
class Schema(Shown):
    """The features of a data set, in column order: an artifact, and a YAML file that people read and edit.

    Parameters
    ----------
    features : tuple of Feature
        Names are unique.
    is_reviewed : bool
        Whether a person has looked at it; an inferred schema has not been. It is no part of equality or digest.
    domains : mapping of str to sequence of str
        Lists of values that several features share (`Feature.domain_from`).
    dataset : DatasetLimits
        What must hold of the rows together.
    checks : tuple of FreeCheck
        Conditions over the columns of a row.
    severity : mapping of str to str
        Code -> "error", "warning" or "info", for findings of the whole data set and of features that do not say.

    Raises InvalidInput for a name twice, UnknownName for a domain, or a column of a check, that there is not.

    >>> schema = Schema((Feature("carrier", "text", domain=("AA", "UA")),))
    >>> "carrier" in schema, schema["carrier"].domain
    (True, ('AA', 'UA'))
    """

    kind: ClassVar[str] = "schema"

    features: tuple[Feature, ...] = ()
    is_reviewed: bool = field(default=True, compare=False)
    domains: tuple[tuple[str, tuple[str, ...]], ...] | Mapping[str, Any] = ()
    dataset: DatasetLimits = field(default_factory=DatasetLimits)
    checks: tuple[FreeCheck, ...] = ()
    severity: tuple[tuple[str, str], ...] | Mapping[str, str] = ()

    def __post_init__(self) -> None:
        for names, what in (
            ([feature.name for feature in self.features], "feature"),
            ([check.name for check in self.checks], "check"),
        ):
            for name, number in Counter(names).items():
                if number > 1:
                    raise InvalidInput(f"{what} {name!r} appears twice", where="schema")
        domains = pairs_of(self.domains, "domains", "schema")
        read = tuple((name, check_texts(values, f"domain {name!r}", "schema")) for name, values in domains)
        object.__setattr__(self, "domains", read)
        severity = pairs_of(self.severity, "severity", "schema")
        for code, word in severity:
            check_code(code, "a name in severity", "schema")
            if word not in SEVERITIES:
                raise UnknownName("severity", str(word), SEVERITIES, where=f"schema, {code}")
        object.__setattr__(self, "severity", severity)
        self._check_references()

    def _check_references(self) -> None:
        """Every name means something: shared domains, columns of checks and of `unique`, one label."""
        names = [feature.name for feature in self.features]
        for feature in self.features:
            if feature.domain_from is not None:
                where = f"feature {feature.name!r}"
                if feature.domain is not None:
                    raise InvalidInput("domain and domain_from", where=where, expected="one of them")
                if feature.domain_from not in dict(self.domains):
                    raise UnknownName("domain", feature.domain_from, dict(self.domains), where=where)
        for role in ("label", "weight", "time"):
            having = [feature.name for feature in self.features if feature.role == role]
            if len(having) > 1:
                raise InvalidInput(f"{having[0]!r} and {having[1]!r} are both the {role}", where="schema")
        for columns in self.dataset.unique:
            for name in columns:
                if name not in names:
                    raise UnknownName("feature", name, names, where="dataset: unique")
        empty = {feature.name: pa.array([], _column_type(feature)) for feature in self.features} if self.checks else {}
        for check in self.checks:
            for name in check.condition.columns:
                if name not in names:
                    raise UnknownName("feature", name, names, where=f"check {check.name!r}")
            if all(self[name].kind in PLAIN_KINDS for name in check.condition.columns):
                check.condition(empty)  # types that do not go together are told before a row is read

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
        """The environments there are, sorted: "serving", "training" and all that features name."""
        named = {"serving", "training"}
        for feature in self.features:
            named.update(feature.not_in, dict(feature.min_present_in))
        return tuple(sorted(named))

    @property
    def sensitive(self) -> tuple[str, ...]:
        """The columns that it says are sensitive."""
        return tuple(feature.name for feature in self.features if feature.is_sensitive)

    def domain_of(self, name: str) -> tuple[str, ...] | None:
        """The values that a feature may take, its own or those it shares; None = any."""
        feature = self[name]
        return dict(self.domains)[feature.domain_from] if feature.domain_from is not None else feature.domain

    def with_feature(self, feature: Feature) -> Self:
        """The same schema with this feature in the place of the one of its name, or after the others."""
        if feature.name not in self:
            return replace(self, features=(*self.features, feature))
        return replace(self, features=tuple(feature if one.name == feature.name else one for one in self.features))

    def with_domain(self, name: str, values: tuple[str, ...]) -> Self:
        """The same schema with other values for a feature's domain; a shared one changes for all that share it."""
        feature = self[name]
        if feature.domain_from is None:
            return self.with_feature(replace(feature, domain=values))
        return replace(self, domains={**dict(self.domains), feature.domain_from: values})

    @classmethod
    def from_arrow(cls, schema: pa.Schema) -> Schema:
        """What Arrow types alone say: kinds, those of lists' values too, everything nullable, no domains or ranges.

        Fields of structs are features of their own, `a.b`, after the columns; a column that has that name itself wins.
        """
        types = [(item.name, item.type) for item in schema]
        types += [(name, data_type) for name, (_, data_type) in fields_of(schema).items()]
        features = [Feature(name, kind_of(item), values_kind=_values_kind(item)) for name, item in types]
        return cls(tuple(features), is_reviewed=False)

    def path_of(self, name: str) -> tuple[str, ...]:
        """Where a feature lies: ("a",) for a column, ("a", "b") for field b of the struct a.

        >>> Schema((Feature("a", "struct"), Feature("a.b", "integer"))).path_of("a.b")
        ('a', 'b')
        """
        above = [item.name for item in self.features if item.kind == "struct" and name.startswith(f"{item.name}.")]
        if not above:
            return (name,)
        nearest = max(above, key=len)
        return (*self.path_of(nearest), name[len(nearest) + 1 :])

    def to_plain(self) -> dict[str, Any]:
        """As plain data, defaults left out: the canonical form, which the digest is of.

        `format` is the first that can say all of it, so that a schema keeps its digest when headrace learns more.
        """
        plain: dict[str, Any] = {}
        if self.dataset != DatasetLimits():
            plain["dataset"] = self.dataset.to_plain()
        if self.domains:
            plain["domains"] = {name: list(values) for name, values in dict(self.domains).items()}
        if self.checks:
            plain["checks"] = [check.to_plain() for check in self.checks]
        if self.severity:
            plain["severity"] = dict(self.severity)
        plain["features"] = [feature.to_plain() for feature in self.features]
        return {"format": format_of(plain), **plain}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any], *, is_reviewed: bool = True) -> Self:
        """What `to_plain` gave. Raises UnknownName for an unknown key, InvalidInput for another format."""
        if plain.get("format") not in FORMATS:
            raise InvalidInput(f"schema of format {plain.get('format')!r}", expected=f"format 1 to {FORMATS[-1]}")
        for key in plain:
            if key not in _KEYS:
                raise UnknownName("key", key, _KEYS, where="schema")
        return cls(
            tuple(Feature.from_plain(row) for row in plain.get("features", ())),
            is_reviewed=is_reviewed,
            domains=plain.get("domains", ()),
            dataset=DatasetLimits.from_plain(plain.get("dataset", {})),
            checks=tuple(FreeCheck.from_plain(row) for row in plain.get("checks", ())),
            severity=plain.get("severity", ()),
        )

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

    def revise(self, path: Path | str) -> None:
        """Change a person's file into this schema: comments, order, blank lines and writing stay as they are.

        Only what differs is written: values that changed, keys and features that joined; what is gone goes with the
        comment on its own line. Write a new file with `save`.

        Raises InvalidInput where there is no such file, or it is no schema; StoreError when the disk refuses.
        """
        from headrace.schema.revising import revise_yaml

        path = Path(path)
        plain = self.to_plain()
        if not self.is_reviewed:
            plain["is_reviewed"] = False
        data = revise_yaml(_bytes_of(path), plain, str(path))
        if self._read(data, path) != self:  # never a file that says something else than was asked for
            raise InvalidInput(
                "the file is written in a way that cannot be changed by parts",
                where=str(path),
                fix="change it there, or write it anew: --replace",
            )
        disk.write_file(path, data)

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
        schema = cls._read(_bytes_of(path), path)
        return replace(schema, is_reviewed=schema.is_reviewed and not is_artifact)

    @classmethod
    def _read(cls, data: bytes, path: Path) -> Self:
        plain, lines = read_yaml(data, str(path))
        features: dict[str, Feature] = {}
        checks: list[FreeCheck] = []
        for row, line in zip(plain["features"], lines["features"], strict=True):
            with _at(path, line):
                if row["name"] in features:
                    raise InvalidInput(f"feature {row['name']!r} appears twice", where="schema")
                features[row["name"]] = Feature.from_plain(row)
        for row, line in zip(plain.get("checks", ()), lines["checks"], strict=True):
            with _at(path, line):
                checks.append(FreeCheck.from_plain(row))
        with _at(path, lines["dataset"][0]):
            dataset = DatasetLimits.from_plain(plain.get("dataset", {}))
        with _at(path, 0):
            return cls(
                tuple(features.values()),
                is_reviewed=plain.get("is_reviewed", True),
                domains=plain.get("domains", ()),
                dataset=dataset,
                checks=tuple(checks),
                severity=plain.get("severity", ()),
            )


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(
            f"cannot read the schema file: {error.strerror}",
            where=str(path),
            fix="write one with hr.infer_schema(hr.analyze(dataset)).save(path)",
        ) from error


@contextmanager
def _at(path: Path, line: int) -> Iterator[None]:
    """What is refused inside is told with the file, and the line where it begins."""
    place = f"{path}, line {line}" if line else str(path)
    try:
        yield
    except UnknownName as error:
        where = f"{place}, {error.where}" if error.where else place
        raise UnknownName(error.kind, error.name, error.known, where=where) from error
    except InvalidInput as error:
        where = f"{place}, {error.where}" if error.where else place
        raise InvalidInput(error.what, where=where, expected=error.expected, fix=error.fix) from error


def _column_type(feature: Feature) -> pa.DataType:
    return arrow_type(feature.kind) if feature.kind in PLAIN_KINDS else pa.null()


def _values_kind(data_type: pa.DataType) -> Kind | None:
    if kind_of(data_type) != "list" or pa.types.is_map(data_type):
        return None
    kind = kind_of(data_type.value_type)
    return kind if kind in PLAIN_KINDS and kind != "null" else None
