"""Drift: whether new spans are like those accepted before them, and if not, what happened, where, and to which rows."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import numpy as np

from headrace.dataset import Dataset
from headrace.engine import Engine
from headrace.fold import Distribution
from headrace.kinds import PLAIN_KINDS, Kind, kind_of
from headrace.lookup import find
from headrace.lookup import names as members
from headrace.validation._binned import in_cells, likelihood
from headrace.validation._cells import Beside, Cell
from headrace.validation._contract import Item, Measurement
from headrace.validation._distances import Distance, distances, share_noise
from headrace.validation._located import Located
from headrace.validation._plain_drift import ERROR_RATE, plain_drift
from headrace.validation._profile import Profile
from headrace.validation._rows import without_roles
from headrace.validation._search import Fault, look, marks
from headrace.validation._season import in_season
from headrace.validation._since import find_since
from headrace.validation._span_signature import SpanChange, SpanSignature
from headrace.validation.signatures.mixture import has_moved

__all__ = ["find_drift", "new_spans"]

MAX_VALUES = 60  # of a column that rows are cut by
MAX_COLUMNS = 8
MOST = 0.5  # of a key column's values: new, or in one row alone
FEW_VALUES = 400
FEW_ROWS = 2000  # a look by slice costs little
Z = 4.5
UNLIKELY = 0.01  # a look by slice costs time, not a false alarm
PART = 0.75  # of a slice: where less of it moved, it is looked into


def new_spans(dataset: Dataset, previous: Dataset) -> list[str]:
    """The spans that `previous` lacks: of another name, version or content.

    Cost: digests of the spans of equal name, where they are not known yet.
    """
    versions = {span.name: span.version for span in previous.spans}
    same = [span.name for span in dataset.spans if versions.get(span.name) == span.version]
    if same:
        ours, theirs = dataset.select_spans(same).part_digests, previous.select_spans(same).part_digests
        rest = {name.partition("/")[0] for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)}
        same = [name for name in same if name not in rest]
    return [span.name for span in dataset.spans if span.name not in same]


def find_drift(
    dataset: Dataset,
    previous: Dataset,
    engine: Engine,
    *,
    features: Mapping[str, Kind],
    limits: Mapping[str, Mapping[str, float]] | None = None,
    season: str | None = None,
) -> tuple[list[Item], list[Located], list[Measurement]]:
    """Compare each new span with all of `previous`.

    Parameters
    ----------
    dataset, previous : Dataset
        What is judged, and what was accepted before it.
    engine : Engine
        Folds by (span, split) as `analyze` asks for them, and by slice only for columns that differ at all.
    features : mapping of str to Kind
        The columns to judge, as the schema has them.
    limits : mapping of str to (mapping of str to float), optional
        Column -> measure -> threshold that a person gave.
    season : str, optional
        Compare with earlier rows of the same season alone (`headrace.validation._season`).

    Returns
    -------
    (items, located, measurements)
        Items of plain drift and of what could not be judged; the faults whose kind and place are known; all distances.

    Of a column of the key whose values are new, and rarely twice in a span, the nulls alone are judged: it is so by
    nature. Rows are cut by the text and boolean columns of at most 60 values, eight at most, but for the label and
    what is sensitive; a fault in a part of a slice is looked for in slices by two columns.
    """
    names = new_spans(dataset, previous)
    if not names or not previous.num_rows:
        why = "no span is new" if previous.num_rows else "the previous data set has no rows"
        return [Item("drift", None, None, "info", None, None, f"drift not compared: {why}")], [], []
    kinds = {name: kind for name, kind in _compared(dataset, previous, names).items() if features.get(name) == kind}
    folds = [Distribution(name, kind) for name, kind in kinds.items()]
    unusable = {dataset.roles.label, *dataset.roles.sensitive}
    bare, earlier = without_roles(dataset), without_roles(previous)
    beside = Beside(bare, earlier, engine)
    items: list[Item] = []
    located: list[Located] = []
    measurements: list[Measurement] = []
    for group in [[name] for name in names] if season is not None else [names]:
        here, is_in_season = beside, True
        if season is not None:
            like = in_season(dataset, previous, group[0], season)
            is_in_season = like is not None
            here = Beside(bare, without_roles(like), engine) if like is not None else beside
        for span, cells in here.whole(folds, group).items():
            # Values near the largest float overflow where a signature multiplies them; infinite, they fit nothing.
            with np.errstate(over="ignore", invalid="ignore"):
                judged = _Judged(here, span, cells, unusable, dataset.roles.key, limits or {}, is_in_season)
            items += judged.items
            located += judged.located
            measurements += judged.measurements
            if not is_in_season:
                message = f"drift of distances not compared in {span}: no earlier row is of the same {_spaced(season)}"
                items.append(Item("drift_season", None, None, "info", None, None, message))
    return items, located, measurements


def _spaced(season: str | None) -> str:
    return (season or "").replace("_", " ")


def _compared(dataset: Dataset, previous: Dataset, spans: Sequence[str]) -> dict[str, Kind]:
    """The columns that all these spans have in one kind, and in types that can be read as one; with that kind."""
    schemas = [span.arrow_schema for span in previous.spans]
    schemas += [dataset.find_span(name).arrow_schema for name in spans]
    readable = set(dataset.shared_schema.names) & set(previous.shared_schema.names)
    found: dict[str, Kind] = {}
    for field in schemas[-1]:
        places = [(schema, place) for schema in schemas for place in schema.get_all_field_indices(field.name)]
        kinds = {kind_of(schema.field(place).type) for schema, place in places}
        is_one = len(kinds) == 1 and len(places) == len(schemas)
        if field.name in readable and is_one and kinds < PLAIN_KINDS - {"null"}:
            found[field.name] = kind_of(field.type)
    return found


class _Judged:
    """What is found in one new span."""

    def __init__(
        self,
        beside: Beside,
        span: str,
        cells: dict[str, Cell],
        unusable: set[str | None],
        key: Sequence[str],
        limits: Mapping[str, Mapping[str, float]],
        is_in_season: bool,
    ) -> None:
        self.beside, self.span, self.whole = beside, span, cells
        rate = ERROR_RATE / max(1, len(cells))
        self.measured = {
            name: distances(cell.before, cell.after, rate, limits.get(name, {})) for name, cell in cells.items()
        }
        self.new = {name for name in key if name in cells and _is_new_by_nature(cells[name], self.measured[name])}
        for name in self.new:
            self.measured[name] = [one for one in self.measured[name] if one.measure == "nulls"]
        suspects = [name for name in cells if _is_suspect(cells[name], self.measured[name])]
        self.columns = self._slicing(unusable)
        # Where most columns are read by slice, all are: then the next span finds every state of this one kept.
        read = list(cells) if 2 * len(suspects) > len(cells) else suspects
        by_slice = beside.by_slice([self._fold(name) for name in read], [(one,) for one in self.columns], span)
        self.slices = {
            name: {column: cells for (column,), cells in by_slice[name].items() if column != name} for name in suspects
        }
        self.faults = _alone({name: self._unmixed(name, self._faults(name)) for name in suspects})
        self.explained: set[str] = set()
        spans_own = self._of_the_span()
        self.located = spans_own + [
            Located(name, span, fault, self._since(name, fault))
            for name, faults in self.faults.items()
            for fault in faults
        ]
        self.items = self._insufficient()
        explained = {one.feature for one in self.located} | self.explained
        wrong = {one.feature for one in self.located if one.severity == "error"}
        for name in cells if is_in_season else ():
            # A threshold that a person gave holds whatever else is told of the column.
            is_over = name not in wrong and any(
                one.limit is not None and one.has_drifted for one in self.measured[name]
            )
            if name in explained and not is_over:
                continue
            self.items += plain_drift(name, cells[name], self.measured[name], span, self.slices.get(name))

    @property
    def measurements(self) -> list[Measurement]:
        """All distances, in the columns' order."""
        return [
            Measurement("drift", self.span, name, one.measure, one.value, one.noise, one.threshold, one.likelihood)
            for name, measured in self.measured.items()
            for one in measured
        ]

    def _of_the_span(self) -> list[Located]:
        """What columns show together; what they explain of single columns is told no more."""
        answer = []
        for signature in _span_signatures():
            change = SpanChange(self.beside, self.span, self.whole, self.slices, self.columns, self.faults)
            for found in signature.find(change):
                answer.append(Located(found.feature, self.span, found.fault))
                self.explained |= set(found.explains)
                for name in found.explains:
                    faults = self.faults.get(name, [])
                    self.faults[name] = [one for one in faults if signature.leaves(name, one, found)]
                for name, faults in self.faults.items():
                    self.faults[name] = [one for one in faults if not any(one is other for other in found.settles)]
        return answer

    def _since(self, name: str, fault: Fault) -> str | None:
        return find_since(self.beside, self.span, self._fold(name), fault, self.whole[name])

    def _fold(self, name: str) -> Distribution:
        return Distribution(name, self.whole[name].after.kind)

    def _slicing(self, unusable: set[str | None]) -> list[str]:
        """The columns to cut rows by, those of the fewest values first."""

        def fits(profile: Profile) -> bool:
            return profile.is_exact and 1 < len(profile.values) <= MAX_VALUES

        found = [
            name
            for name, cell in self.whole.items()
            if cell.after.kind in ("text", "boolean")
            and name not in unusable
            and fits(cell.before)
            and fits(cell.after)
        ]
        return sorted(found, key=lambda name: (len(self.whole[name].before.values), name))[:MAX_COLUMNS]

    def _faults(self, name: str) -> list[Fault]:
        answer = []
        for fault in look(self.whole[name], self.slices[name]):
            inner = self._look_into(name, fault) if fault.key and fault.num_moved < PART * fault.num_rows else []
            answer += inner or [fault]
        return [one for one in answer if name not in self.new or one.code == "nulls"]

    def _unmixed(self, name: str, faults: list[Fault]) -> list[Fault]:
        """Without those that a slice shows beside the others only, where the others are another mixture than before."""
        if not any(one.sign.is_measured for one in faults):
            return faults
        is_mixed = any(has_moved(self.whole[column]) for column in self.columns if column != name)
        return [one for one in faults if not (is_mixed and one.sign.is_measured)]

    def _look_into(self, name: str, fault: Fault) -> list[Fault]:
        """The parts of the fault's slice that explain it better, [] where none do."""
        column, value = fault.key[0]
        pairs = [(column, other) for other in self.columns if other not in (column, name)]
        found = self.beside.by_slice([self._fold(name)], pairs, self.span, within=(value,))[name]
        inner = {other: cells for (_, other), cells in found.items()}
        cell = self.slices[name][column][value,]
        faults = look(cell, inner, inside=fault.key, whole=self.whole[name])
        return [one for one in faults if one.code == fault.code and len(one.key) > 1]

    def _insufficient(self) -> list[Item]:
        unknown = [name for name, measured in self.measured.items() if any(one.is_unknown for one in measured)]
        if not unknown:
            return []
        rows = min(min(self.whole[name].before.num_rows, self.whole[name].after.num_rows) for name in unknown)
        listed = ", ".join(unknown[:5]) + (f" and {len(unknown) - 5} more" if len(unknown) > 5 else "")
        message = f"insufficient data to judge the drift of {listed} in {self.span}: {rows:,} rows"
        return [Item("drift_insufficient", None, None, "info", len(unknown), None, message, num_rows=rows)]


@functools.cache
def _span_signatures() -> tuple[SpanSignature, ...]:
    made = [find("signature", name)() for name in members("signature")]
    return tuple(sorted((one for one in made if isinstance(one, SpanSignature)), key=lambda one: (one.rank, one.code)))


def _alone(faults: dict[str, list[Fault]]) -> dict[str, list[Fault]]:
    """Of columns from which values are missing the one that misses most rows: the others lack what came with these."""
    rates = {
        (max(one.sign.rate for one in found if one.code == "missing"), name)
        for name, found in faults.items()
        if any(one.code == "missing" for one in found)
    }
    first = max(rates, key=lambda one: (one[0], one[1]), default=(0.0, ""))[1]
    return {name: [one for one in found if one.code != "missing" or name == first] for name, found in faults.items()}


def _is_new_by_nature(cell: Cell, measured: Sequence[Distance]) -> bool:
    """Whether a column of the key tells single rows apart, so that new rows have new values."""
    is_new = any(one.measure == "never_seen" and one.value > MOST for one in measured)
    return is_new and all(len(one.values) > MOST * one.num_present for one in (cell.before, cell.after))


def _is_suspect(cell: Cell, measured: list[Distance]) -> bool:
    """Whether a look by slice is worth its cost: any difference beyond chance, however small, or a value beyond all."""
    before, after = cell.before, cell.after
    if after.num_rows <= FEW_ROWS or any(one.is_noticeable for one in measured):
        return True
    if not len(before.values) or not len(after.values):
        return False
    if _differ(before, after) or marks("missing", cell, cell.before, is_all=True):
        return True
    if not before.is_number:
        return False
    if after.values[0] < before.values[0] or after.values[-1] > before.values[-1]:
        return True
    # What is cut off piles up at an end without moving the whole by much.
    return any(_rises(before, after, place) for place in (0, -1))


def _differ(before: Profile, after: Profile) -> bool:
    """Whether the hours of the day, the share of round numbers, or of one of a few values, are others by more than
    chance."""
    if max(len(before.values), len(after.values)) <= FEW_VALUES and before.kind != "timestamp":
        counts, others = in_cells(before, after, by_value=True)
        n, m = before.num_present, after.num_present
        share = (counts + others + 1) / (n + m + 2)
        noise = Z * np.sqrt(share * (1 - share) * (1 / n + 1 / m)) + 1 / n + 1 / m
        if (np.abs(counts / n - others / m) > noise).any() or likelihood(counts, others) < UNLIKELY:
            return True
    if before.kind == "timestamp":
        pairs = zip(before.clock.tolist(), after.clock.tolist(), strict=True)
    elif before.is_number and before.is_exact and after.is_exact:
        pairs = zip(before.shares_on_grids.tolist(), after.shares_on_grids.tolist(), strict=True)
    else:
        return False
    was, now = before.num_present, after.num_present
    return any(
        abs(share - other) > share_noise(round(share * was), was, round(other * now), now) for share, other in pairs
    )


def _rises(before: Profile, after: Profile, place: int) -> bool:
    """Whether one of the new values is more frequent than before, beyond chance."""
    now, was = int(after.counts[place]), int(before.counts[before.values == after.values[place]].sum())
    noise = share_noise(was, before.num_present, now, after.num_present)
    return now / after.num_present - was / before.num_present > noise
