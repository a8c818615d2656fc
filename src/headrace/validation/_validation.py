"""The Validation noun: what was found, and the data set if it was accepted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

from headrace import disk
from headrace.canonical import digest, from_canonical, to_canonical
from headrace.dataset import Dataset
from headrace.errors import InvalidInput, NotAccepted
from headrace.lookup import Shown
from headrace.validation._contract import Example, Item, Measurement
from headrace.validation.waivers import Waiver

__all__ = ["Validation"]

FORMAT = 3
_SINCE_2 = ("before", "after", "num_rows")  # what format 1 did not say of an item; nor had it waivers
_SINCE_3 = ("since",)  # what format 2 did not; nor had it measurements


@dataclass(frozen=True, eq=False, repr=False)
class Validation(Shown):
    """What `validate` found: items, and the data set for those who come after, if it was accepted.

    Parameters
    ----------
    items : tuple of Item
        Errors first, then warnings, then what is only told; within these in the schema's order.
    environment : str
        Where the data were judged for.
    num_rows : int
        Rows judged: those of the data set, less those set aside.
    num_unlabelled : int
        Rows judged whose label is null or NaN: they are left out of fit and evaluation.
    num_quarantined : int
        Rows set aside.
    subjects : mapping of str to str or None
        Digests of what was looked at: dataset, schema, previous, serving, accepted, quarantined.
    waivers : tuple of Waiver
        Those given: who let which finding pass, and why.
    measurements : tuple of Measurement
        Every distance of a new span from the earlier ones, whether or not anything is wrong with it.

    Its digest is of all this, so an equal validation of equal data is one artifact.
    """

    kind: ClassVar[str] = "validation"

    items: tuple[Item, ...]
    environment: str
    num_rows: int
    num_unlabelled: int
    num_quarantined: int
    # Digests once asked for; until then the objects themselves: eagerly, nobody pays for a digest unasked.
    _subjects: Mapping[str, Any] = field(repr=False)
    _folder: Path | None = field(default=None, repr=False)
    waivers: tuple[Waiver, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    _format: int = field(default=FORMAT, repr=False)

    def __repr__(self) -> str:
        return f"<Validation {'accepted' if self.ok else 'not accepted'}: {self.num_rows:,} rows, {self.summary}>"

    @property
    def ok(self) -> bool:
        """Whether no item is an error."""
        return not self.errors

    @property
    def errors(self) -> tuple[Item, ...]:
        """The items that withhold the data set."""
        return tuple(item for item in self.items if item.severity == "error")

    @property
    def accepted(self) -> Dataset:
        """The data set that was judged, less the rows set aside, carrying the schema.

        Raises NotAccepted, with the errors as `items`, when not ok.
        """
        if not self.ok:
            raise NotAccepted(
                f"the data set was not accepted: {self.summary}",
                items=self.errors,
                fix="correct the data or the schema, or set rows at fault aside with validate(..., quarantine=True)",
            )
        return self._dataset("accepted")  # type: ignore[return-value]  # an accepted one is there

    @property
    def quarantined(self) -> Dataset | None:
        """The rows set aside, as a data set; None when `quarantine` was not asked for."""
        return self._dataset("quarantined")

    @property
    def summary(self) -> str:
        """One line: how many items of each severity, and the first error, or that drift was not looked for."""
        counts = Counter(item.severity for item in self.items)
        words = [
            f"{counts[word]} {word}{'s' if counts[word] > 1 and word != 'waived' else ''}"
            for word in ("error", "waived", "warning")
            if counts[word]
        ]
        line = ", ".join(words) or "nothing wrong"
        unlooked = [item for item in self.items if item.code == "drift" and item.feature is None]
        said = self.errors[:1] or unlooked[:1]
        return f"{line}; {said[0].message}" if said else line

    def _dataset(self, name: str) -> Dataset | None:
        subject = self._subjects.get(name)
        if subject is None or isinstance(subject, Dataset):
            return subject
        assert self._folder is not None
        folder = self._folder.parent / subject
        if not folder.is_dir():
            raise InvalidInput(
                f"the {name} data set is not beside this validation",
                where=str(folder),
                fix="load it from its own artifact",
            )
        return Dataset.load(folder)

    @property
    def subjects(self) -> dict[str, str | None]:
        """Digests of what was looked at and given out. Cost: those of the data sets, when first asked for."""
        return {
            name: subject if subject is None or isinstance(subject, str) else subject.digest
            for name, subject in sorted(self._subjects.items())
        }

    def to_plain(self) -> dict[str, Any]:
        """As plain data: the canonical form, which the digest is of; one read from an older format stays in it."""
        items = [asdict(item) for item in self.items]
        later = (*(_SINCE_2 if self._format < 2 else ()), *(_SINCE_3 if self._format < 3 else ()))
        items = [{key: value for key, value in item.items() if key not in later} for item in items]
        plain = {
            "format": self._format,
            "ok": self.ok,
            "environment": self.environment,
            "num_rows": self.num_rows,
            "num_unlabelled": self.num_unlabelled,
            "num_quarantined": self.num_quarantined,
            "subjects": self.subjects,
            "items": items,
        }
        if self._format > 1:
            plain["waivers"] = [waiver.to_plain() for waiver in self.waivers]
        if self._format > 2:
            plain["measurements"] = [asdict(one) for one in self.measurements]
        return plain

    @property
    def digest(self) -> str:
        """sha256 of the canonical form."""
        return digest(self.to_plain())

    def save(self, folder: Path) -> None:
        """Write `validation.json` into an existing folder; the data sets are artifacts of their own."""
        disk.write_file(Path(folder) / "validation.json", to_canonical(self.to_plain()))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; `accepted` and `quarantined` are then looked for beside the folder.

        Raises InvalidInput for a file that is not a validation or of another format.
        """
        path = Path(folder).resolve() / "validation.json"
        try:
            plain = from_canonical(path.read_bytes())
            if plain["format"] not in range(1, FORMAT + 1):
                raise InvalidInput(
                    f"validation of format {plain['format']!r}", where=str(path), expected=f"format 1 to {FORMAT}"
                )
            items = tuple(
                Item(**{**item, "rows": tuple(Example(**row) for row in item["rows"])}) for item in plain["items"]
            )
            numbers = {key: plain[key] for key in ("environment", "num_rows", "num_unlabelled", "num_quarantined")}
            return cls(
                items=items,
                **numbers,
                waivers=tuple(Waiver(**waiver) for waiver in plain.get("waivers", ())),
                measurements=tuple(Measurement(**one) for one in plain.get("measurements", ())),
                _subjects=plain["subjects"],
                _folder=path.parent,
                _format=plain["format"],
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            if isinstance(error, InvalidInput):
                raise
            raise InvalidInput(f"not a stored validation: {error}", where=str(path)) from error
