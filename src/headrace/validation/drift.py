"""Drift: whether new spans are like those accepted before them, and if not, what happened, where, and to which rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from headrace.dataset import Dataset
from headrace.engine import Engine
from headrace.fold import Distribution
from headrace.kinds import PLAIN_KINDS, Kind, kind_of
from headrace.slicing import slice_name
from headrace.validation._cells import Beside, Cell, Cells
from headrace.validation._contract import Item, Severity
from headrace.validation._distances import Distance, distances, share_noise
from headrace.validation._located import Located
from headrace.validation._profile import Profile, pool
from headrace.validation._rows import without_roles
from headrace.validation._search import Fault, look, moves_on
from headrace.validation._signature import plain, shown

__all__ = ["ERROR_RATE", "find_drift", "new_spans", "plain_drift"]

ERROR_RATE = 1e-3  # of a whole comparison without any drift
MAX_VALUES = 60  # of a column that rows are cut by
MAX_COLUMNS = 8
MOST = 0.5  # of a key column's values: new, or in one row alone
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
    dataset: Dataset, previous: Dataset, engine: Engine, *, features: Mapping[str, Kind]
) -> tuple[list[Item], list[Located]]:
    """Compare each new span with all of `previous`.

    Parameters
    ----------
    dataset, previous : Dataset
        What is judged, and what was accepted before it.
    engine : Engine
        Folds by (span, split) as `analyze` asks for them, and by slice only for columns that differ at all.
    features : mapping of str to Kind
        The columns to judge, as the schema has them.

    Returns
    -------
    (items, located)
        Items of plain drift and of what could not be judged; the faults whose kind and place are known.

    Of a column of the key whose values are new, and rarely twice in a span, the nulls alone are judged: it is so by
    nature. Rows are cut by the text and boolean columns of at most 60 values, eight at most, but for the label and
    what is sensitive; a fault in a part of a slice is looked for in slices by two columns.
    """
    names = new_spans(dataset, previous)
    if not names or not previous.num_rows:
        why = "no span is new" if previous.num_rows else "the previous data set has no rows"
        return [Item("drift", None, None, "info", None, None, f"drift not compared: {why}")], []
    kinds = {name: kind for name, kind in _compared(dataset, previous, names).items() if features.get(name) == kind}
    unusable = {dataset.roles.label, *dataset.roles.sensitive}
    beside = Beside(without_roles(dataset), without_roles(previous), engine)
    items: list[Item] = []
    located: list[Located] = []
    for span, cells in beside.whole([Distribution(name, kind) for name, kind in kinds.items()], names).items():
        # Values near the largest float overflow when a signature multiplies them; what is infinite then fits nothing.
        with np.errstate(over="ignore", invalid="ignore"):
            judged = _Judged(beside, span, cells, unusable, dataset.roles.key)
        items += judged.items
        located += judged.located
    return items, located


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
        self, beside: Beside, span: str, cells: dict[str, Cell], unusable: set[str | None], key: Sequence[str]
    ) -> None:
        self.beside, self.span, self.whole = beside, span, cells
        rate = ERROR_RATE / max(1, len(cells))
        self.measured = {name: distances(cell.before, cell.after, rate) for name, cell in cells.items()}
        self.new = {name for name in key if name in cells and _is_new_by_nature(cells[name], self.measured[name])}
        for name in self.new:
            self.measured[name] = [one for one in self.measured[name] if one.measure == "nulls"]
        suspects = [name for name in cells if _is_suspect(cells[name], self.measured[name])]
        self.columns = self._slicing(unusable) if suspects else []
        # Where most columns are read by slice, all are: then the next span finds every state of this one kept.
        read = list(cells) if 2 * len(suspects) > len(cells) else suspects
        by_slice = beside.by_slice([self._fold(name) for name in read], [(one,) for one in self.columns], span)
        self.slices = {
            name: {column: cells for (column,), cells in by_slice[name].items() if column != name} for name in suspects
        }
        self.located = [Located(name, span, fault) for name in suspects for fault in self._faults(name)]
        self.items = self._insufficient()
        explained = {one.feature for one in self.located}
        for name in [name for name in cells if name not in explained]:
            self.items += plain_drift(name, cells[name], self.measured[name], span, self.slices.get(name))

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
        return [one for one in answer if name not in self.new or one.code == "drift_nulls"]

    def _look_into(self, name: str, fault: Fault) -> list[Fault]:
        """The parts of the fault's slice that explain it better, [] where none do."""
        column, value = fault.key[0]
        pairs = [(column, other) for other in self.columns if other not in (column, name)]
        found = self.beside.by_slice([self._fold(name)], pairs, self.span, within=(value,))[name]
        inner = {other: cells for (_, other), cells in found.items()}
        cell = self.slices[name][column][value,]
        faults = look(cell, inner, inside=fault.key, everywhere=self.whole[name].before)
        return [one for one in faults if one.code == fault.code and len(one.key) > 1]

    def _insufficient(self) -> list[Item]:
        unknown = [name for name, measured in self.measured.items() if any(one.is_unknown for one in measured)]
        if not unknown:
            return []
        rows = min(min(self.whole[name].before.num_rows, self.whole[name].after.num_rows) for name in unknown)
        listed = ", ".join(unknown[:5]) + (f" and {len(unknown) - 5} more" if len(unknown) > 5 else "")
        message = f"insufficient data to judge the drift of {listed} in {self.span}: {rows:,} rows"
        return [Item("drift_insufficient", None, None, "info", len(unknown), None, message, num_rows=rows)]


def _is_new_by_nature(cell: Cell, measured: Sequence[Distance]) -> bool:
    """Whether a column of the key tells single rows apart, so that new rows have new values."""
    is_new = any(one.measure == "never_seen" and one.value > MOST for one in measured)
    return is_new and all(len(one.values) > MOST * one.num_present for one in (cell.before, cell.after))


def _is_suspect(cell: Cell, measured: list[Distance]) -> bool:
    """Whether a look by slice is worth its cost: any difference beyond chance, however small, or a value beyond all."""
    if any(one.is_noticeable for one in measured):
        return True
    before, after = cell.before, cell.after
    if not len(before.values) or not len(after.values) or not before.is_number:
        return False
    if after.values[0] < before.values[0] or after.values[-1] > before.values[-1]:
        return True
    # What is cut off piles up at an end without moving the whole by much.
    return any(_rises(before, after, place) for place in (0, -1))


def _rises(before: Profile, after: Profile, place: int) -> bool:
    """Whether one of the new values is more frequent than before, beyond chance."""
    now, was = int(after.counts[place]), int(before.counts[before.values == after.values[place]].sum())
    noise = share_noise(was, before.num_present, now, after.num_present)
    return now / after.num_present - was / before.num_present > noise


_WORDS = {
    "wasserstein": "values have moved by {:.2g} standard deviations",
    "jensen_shannon": "categories are spread differently (Jensen-Shannon distance {:.2g})",
    "nulls": "the share of nulls has changed by {:.2g}",
    "never_seen": "a share of {:.2g} of the values was never seen before",
}


def plain_drift(
    name: str, cell: Cell, measured: Sequence[Distance], span: str, slices: Mapping[str, Cells] | None = None
) -> list[Item]:
    """The item of a column that has moved beyond its threshold without the mark of any fault; [] where it has not."""
    drifted = [one for one in measured if one.has_drifted]
    if not drifted:
        return []
    worst = max(drifted, key=lambda one: one.excess)
    is_usual = worst.value <= _usual(cell, worst.measure)
    is_moving = moves_on(cell.history)
    where = None if is_usual else _where(slices or {}, worst)
    message = f"{name}: {_WORDS[worst.measure].format(worst.value)} in {span}"
    was, now = plain(cell.before.quantile(0.5)), plain(cell.after.quantile(0.5))
    if worst.measure == "nulls":
        was, now = cell.before.share_missing, cell.after.share_missing
    if worst.measure == "nulls" or cell.after.is_number:
        message += f" ({'median ' if worst.measure != 'nulls' else ''}{shown(was)} -> {shown(now)})"
    if is_moving:
        message += ", as with every span"
    elif is_usual:
        message += ", no further than earlier spans lie from each other"
    if where is not None:
        message += f", because of the rows where {where.replace('=', ' = ', 1)}"
    severity: Severity = "info" if is_moving else "warning"
    threshold = max(worst.threshold, worst.noise)
    rows = cell.after.num_rows
    return [Item("drift", name, where, severity, worst.value, threshold, message, before=was, after=now, num_rows=rows)]


def _usual(cell: Cell, measure: str) -> float:
    """The largest such distance of an earlier span from the others; 0 where there are fewer than three."""
    history = cell.history if len(cell.history) > 2 else ()
    return max(
        (
            one.value
            for place, profile in enumerate(history)
            for one in distances(pool([*history[:place], *history[place + 1 :]]), profile, ERROR_RATE)
            if one.measure == measure
        ),
        default=0.0,
    )


def _where(slices: Mapping[str, Cells], worst: Distance) -> str | None:
    """The smallest slice without which there is no drift; None where no slice of less than half the rows is that."""
    found: list[tuple[int, str]] = []
    for column, cells in slices.items():
        rows = sum(cell.after.num_rows for cell in cells.values())
        for values, cell in cells.items():
            others = [other for other in cells.values() if other is not cell]
            if not others or cell.after.num_rows > rows / 2:
                continue
            before, after = pool([other.before for other in others]), pool([other.after for other in others])
            left = [one for one in distances(before, after, ERROR_RATE) if one.measure == worst.measure]
            if all(one.value <= worst.threshold / 2 for one in left):
                found.append((cell.after.num_rows, slice_name([column], values)))
    return min(found)[1] if found else None
