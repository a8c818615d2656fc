"""What a check is: a code, and the items it finds wrong.

A check of shape looks at the spans' columns and types (`missing_column`, `new_column`, `type`). A check of rows says
for each value whether it is at fault; it inherits the counting, the example rows and the quarantine. A check of tables
looks at several columns or several rows together (`expression`, `unique`, `order`) and reads them itself. A new check
is one new file in `validation/checks/`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.dataset import Dataset, Span
from headrace.dataset.nested import with_fields
from headrace.engine import Engine
from headrace.fold import CopiesResult
from headrace.schema import Feature, Schema, kind_of
from headrace.statistics import FeatureStatistics, Statistics

__all__ = [
    "Check",
    "Context",
    "Example",
    "Found",
    "Item",
    "Masks",
    "Measurement",
    "RowCheck",
    "Severity",
    "TableCheck",
    "kinds_named",
    "spans_named",
]

Masks = list[npt.NDArray[np.bool_]]
"""bool[num_rows] for each part of a data set, in their order."""

_MOST_CHARACTERS = 1000

Severity = Literal["error", "waived", "warning", "info"]


@dataclass(frozen=True)
class Example:
    """One row at fault: where it lies, and what it holds.

    Parameters
    ----------
    span : str
        The span's name.
    file : str
        The file's name without its folder, so that the same data in another place reads the same.
    row_index : int
        The row's place in that file (fragment), from 0.
    value : bool, int, float, str or None
        What the row holds: None for null and for every value of a sensitive column, a timestamp as RFC 3339, NaN as
        text; of a text the first 1,000 characters.
    """

    span: str
    file: str
    row_index: int
    value: bool | int | float | str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.value, str) and len(self.value) > _MOST_CHARACTERS:
            object.__setattr__(self, "value", f"{self.value[: _MOST_CHARACTERS - 1]}…")


@dataclass(frozen=True)
class Item:
    """One finding of a validation.

    Parameters
    ----------
    code : str
        The check that found it.
    feature : str or None
        The column, or the name of a free check; None where it is about the data set.
    slice : str or None
        The slice; None = all rows.
    severity : "error", "waived", "warning" or "info"
        An error withholds the data set; one that a person let pass is "waived".
    value, threshold : float, int, str or None
        What was found and what it was held against: shares (0..1) for checks of rows, counts, kinds or types for
        checks of shape; for drift a distance, a factor or a share.
    message : str
        What is wrong, where, and what was expected.
    rows : tuple of Example
        Up to ten rows at fault, in source order.
    before, after : float, int, str or None
        For drift: what was typical before (a median, a share of nulls, an example) and what is now.
    num_rows : int or None
        For drift: rows that it touches.
    since : str or None
        For drift: the first fragment of the new span that shows it, where the span has several and not all do.

    >>> Item("drift_scale", "distance", "carrier=UA", "error", 1.609, 1.0, "...").name
    'drift_scale:distance:carrier=UA'
    """

    code: str
    feature: str | None
    slice: str | None
    severity: Severity
    value: float | int | str | None
    threshold: float | int | str | None
    message: str
    rows: tuple[Example, ...] = ()
    before: float | int | str | None = None
    after: float | int | str | None = None
    num_rows: int | None = None
    since: str | None = None

    @property
    def name(self) -> str:
        """What a person calls it, and waives it by: code, feature and slice, as far as it has them, between colons."""
        return ":".join(part for part in (self.code, self.feature, self.slice) if part is not None)


@dataclass(frozen=True)
class Measurement:
    """One distance of one column, kept whether or not it is too large.

    Parameters
    ----------
    comparison : str
        What was compared: "drift" (a new span with earlier ones) or "skew" (rows served with rows trained on).
    span : str
        The new span; for skew "serving".
    feature : str
        The column.
    measure : str
        A name in `headrace.validation._distances`, where the formulas are: "wasserstein", "jensen_shannon", "nulls",
        "never_seen", "population_stability", "l_infinity", "normalized_difference" or "g_test".
    value, noise, threshold : float
        The distance, what chance alone stays below at these numbers of rows, and what matters in practice.
    likelihood : float or None
        For "g_test": the chance of counts at least this far apart, were both sides random samples of one population.
        Of many rows the smallest difference is unlikely: it says that there is a difference, never that it matters.
    """

    comparison: str
    span: str
    feature: str
    measure: str
    value: float
    noise: float
    threshold: float
    likelihood: float | None = None


@dataclass(frozen=True)
class Found:
    """What a check of rows found in one column.

    Parameters
    ----------
    num_rows : int
        Rows judged: those of the spans where the column is there and of its kind.
    num_at_fault : int
        How many of them are at fault.
    examples : tuple of Example
        Up to ten of these; empty where nothing is wrong.
    """

    num_rows: int
    num_at_fault: int
    examples: tuple[Example, ...] = ()

    @property
    def share(self) -> float:
        """Rows at fault of rows judged, 0..1; 0 of no rows."""
        return self.num_at_fault / self.num_rows if self.num_rows else 0.0


@dataclass(frozen=True)
class Strays:
    """The values of a text column, in all spans where it is text, that are not of the kind asked for.

    Parameters
    ----------
    num_values : int
        Values that were read, nulls aside.
    num_strays : int
        Those of another kind; at 100 counting stops.
    examples : tuple of Example
        The first ten; without their values where the column is sensitive.
    """

    num_values: int
    num_strays: int
    examples: tuple[Example, ...]


@dataclass(frozen=True)
class Context:
    """What a check may look at.

    Parameters
    ----------
    dataset : Dataset
        The data under validation. Checks of shape and of single values do not read rows: those were read in one pass.
    schema : Schema
        The features judged: those that are in this environment; a label is free to be null.
    known : frozenset of str
        All names the schema has, judged here or not.
    previous : Dataset or None
        What was accepted before it.
    found : mapping of (code, feature) to Found
        What the pass over the rows counted.
    copies : CopiesResult or None
        How many rows repeat another in every column; None where it was not asked: rows that a key places, or no split.
    strays : mapping of str to Strays
        Of columns that are text and should not be: the values that make them so.
    engine : Engine or None
        Where a check of tables runs its folds; threads of this process by default.
    statistics : Statistics or None
        Of this data set, where they are at hand.
    """

    dataset: Dataset
    schema: Schema
    known: frozenset[str]
    previous: Dataset | None = None
    found: Mapping[tuple[str, str], Found] = field(default_factory=dict)
    copies: CopiesResult | None = None
    strays: Mapping[str, Strays] = field(default_factory=dict)
    engine: Engine | None = None
    statistics: Statistics | None = None

    @property
    def sensitive(self) -> frozenset[str]:
        """Columns whose values are not shown: the data set says so, or the schema."""
        return frozenset(self.dataset.roles.sensitive) | frozenset(self.schema.sensitive)

    def spans_with(self, name: str) -> list[tuple[Span, pa.DataType]]:
        """The spans that have the column, or the field of a struct, each with its Arrow type there."""
        shapes = [(span, with_fields(span.arrow_schema, [name])) for span in self.dataset.spans]
        return [(span, shape.field(i).type) for span, shape in shapes for i in shape.get_all_field_indices(name)[:1]]


class Check(ABC):
    """The contract: one method.

    `code` is the file's stem, so that what an item says is what a person can look up.
    """

    code: ClassVar[str]

    @abstractmethod
    def check(self, context: Context) -> Iterator[Item]:
        """Yield what is wrong; nothing where all is well."""


class RowCheck(Check):
    """A check of single values: say which are at fault, and what to say of them."""

    @abstractmethod
    def applies(self, feature: Feature) -> bool:
        """Whether the feature asks for this check at all."""

    @abstractmethod
    def at_fault(self, feature: Feature, values: pa.Array) -> pa.BooleanArray:
        """Which values are at fault: bool[num_rows] without nulls.

        `values` are in the kind's canonical Arrow type, except that text may be dictionary-encoded.
        """

    @abstractmethod
    def item(self, feature: Feature, found: Found) -> Item:
        """The finding, for a column where `is_wrong`."""

    def is_wrong(self, feature: Feature, num_at_fault: int, num_rows: int) -> bool:
        """Whether that many rows at fault are too many: one is, or more than the feature tolerates."""
        return num_at_fault > feature.tolerated(self.code) * num_rows

    def is_clean(self, feature: Feature, statistics: FeatureStatistics) -> bool:
        """Whether the feature's statistics alone show that nothing is wrong, so that its rows need not be read."""
        return False

    def sets_aside(self, feature: Feature) -> bool:
        """Whether quarantine takes the rows at fault; not so where some of them are allowed."""
        return not feature.tolerated(self.code)

    def check(self, context: Context) -> Iterator[Item]:
        """Yield one item for each feature with too many rows at fault."""
        for feature in context.schema.features:
            found = context.found.get((self.code, feature.name))
            if found is not None and self.is_wrong(feature, found.num_at_fault, found.num_rows):
                yield self.item(feature, found)


class TableCheck(Check):
    """A check of what several columns of a row, or several rows, are together; it reads them itself and says its cost.

    `validate` calls `check` once, after rows were set aside, and with quarantine `at_fault` before.
    """

    def at_fault(self, context: Context) -> Masks | None:
        """Which rows quarantine takes; None, as here, for none."""
        return None


def spans_named(spans: list[Span], num_all: int) -> str:
    """Spans as a person reads them: "span a", "spans a, b and 3 more", "all spans"."""
    if len(spans) == num_all and num_all > 1:
        return f"all {num_all} spans"
    names = [span.name for span in spans]
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return f"span{'s' if len(names) > 1 else ''} {shown}"


def kinds_named(types: list[pa.DataType]) -> str:
    """Kinds with their Arrow types: "text (string)"."""
    return ", ".join(dict.fromkeys(f"{kind_of(item)} ({item})" for item in types))
