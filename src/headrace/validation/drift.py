"""Drift: whether new spans are like those accepted before them, and if not, what happened, where, and to which rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from headrace.dataset import Dataset
from headrace.engine import Engine
from headrace.fold import Distribution
from headrace.kinds import Kind, kind_of
from headrace.slicing import SliceSpec
from headrace.validation._contract import Item, Severity
from headrace.validation._distances import Distance, distances
from headrace.validation._located import Located
from headrace.validation._profile import Profile, pool
from headrace.validation._rows import without_roles
from headrace.validation._search import Cell, look
from headrace.validation._signature import plain, shown

__all__ = ["ERROR_RATE", "find_drift", "new_spans", "plain_drift"]

ERROR_RATE = 1e-3  # of a whole comparison without any drift
MAX_SLICES = 60
MAX_SLICING = 8  # columns


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


def compared(dataset: Dataset, previous: Dataset, spans: Sequence[str]) -> dict[str, Kind]:
    """The columns that all these spans have in one kind, and in types that can be read as one; with that kind."""
    schemas = [span.arrow_schema for span in previous.spans]
    schemas += [dataset.find_span(name).arrow_schema for name in spans]
    readable = set(dataset.shared_schema.names) & set(previous.shared_schema.names)
    found: dict[str, Kind] = {}
    for field in schemas[-1]:
        if field.name not in readable:
            continue
        types = {
            kind_of(item.field(place).type) for item in schemas for place in item.get_all_field_indices(field.name)
        }
        count = sum(len(item.get_all_field_indices(field.name)) for item in schemas)
        if len(types) == 1 and count == len(schemas) and kind_of(field.type) not in ("null", "other"):
            found[field.name] = kind_of(field.type)
    return found


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
    """
    names = new_spans(dataset, previous)
    if not names or not previous.num_rows:
        why = "no span is new" if previous.num_rows else "the previous data set has no rows"
        return [Item("drift", None, None, "info", None, None, f"drift not compared: {why}")], []
    kinds = {name: kind for name, kind in compared(dataset, previous, names).items() if features.get(name) == kind}
    unusable = {dataset.roles.label, *dataset.roles.sensitive}
    dataset, previous = without_roles(dataset), without_roles(previous)
    folds = [Distribution(name, kind) for name, kind in kinds.items()]
    history = _profiles(folds, previous, [span.name for span in previous.spans], engine)
    after = _profiles(folds, dataset, names, engine)
    items: list[Item] = []
    located: list[Located] = []
    pooled = {name: pool(profiles) for name, profiles in zip(kinds, zip(*history.values(), strict=True), strict=True)}
    for span in names:
        new = dict(zip(kinds, after[span], strict=True))
        cells = {
            name: Cell(tuple(history[one][place] for one in history), new[name]) for place, name in enumerate(kinds)
        }
        measured = {name: distances(pooled[name], new[name], ERROR_RATE / max(1, len(kinds))) for name in kinds}
        suspects = [name for name in kinds if _is_suspect(pooled[name], new[name], measured[name])]
        slices = _slices(suspects, kinds, new, pooled, dataset, previous, span, unusable, engine) if suspects else {}
        for name in suspects:
            located += [Located(name, span, fault) for fault in look(cells[name], slices.get(name, {}))]
        explained = {one.feature for one in located if one.span == span}
        for name in kinds:
            if name not in explained:
                items += plain_drift(name, cells[name], measured[name], span)
        unknown = [name for name in kinds if any(one.is_unknown for one in measured[name])]
        if unknown:
            items.append(_insufficient(unknown, new, pooled, span))
    return items, located


def _profiles(
    folds: list[Distribution], dataset: Dataset, spans: Sequence[str], engine: Engine
) -> dict[str, list[Profile]]:
    """span -> a profile a fold; asked for by (span, split), as `analyze` asks, so that kept states serve both."""
    parts = [part for split in dataset.split_names for part in dataset.parts(split, spans)]
    zero = np.zeros(1, np.int32)
    total = {span: [fold.create(1) for fold in folds] for span in spans}
    for (span, _), states in engine.fold_parts(folds, dataset, parts).items():
        total[span] = [
            fold.merge(left, right, zero)  # type: ignore[arg-type]  # its own fold's state
            for fold, left, right in zip(folds, total[span], states, strict=True)
        ]
    return {
        span: [Profile.of(fold.extract(state)[0]) for fold, state in zip(folds, states, strict=True)]
        for span, states in total.items()
    }


def _is_suspect(before: Profile, after: Profile, measured: list[Distance]) -> bool:
    """Whether a look by slice is worth its cost: any difference beyond chance, however small, or a value beyond all."""
    if any(one.is_noticeable for one in measured):
        return True
    if not len(before.values) or not len(after.values) or not before.is_number:
        return False
    return bool(after.values[0] < before.values[0] or after.values[-1] > before.values[-1])


def _slices(
    features: list[str],
    kinds: dict[str, Kind],
    new: dict[str, Profile],
    pooled: dict[str, Profile],
    dataset: Dataset,
    previous: Dataset,
    span: str,
    unusable: set[str | None],
    engine: Engine,
) -> dict[str, dict[str, dict[Any, Cell]]]:
    """feature -> slicing column -> value -> Cell: one pass a slicing column over the new span and all before."""
    usable = [
        name
        for name, kind in kinds.items()
        if kind in ("text", "boolean")
        and name not in unusable
        and all(one.is_exact and 1 < len(one.values) <= MAX_SLICES for one in (new[name], pooled[name]))
    ]
    usable = sorted(usable, key=lambda name: len(pooled[name].values))[:MAX_SLICING]
    found: dict[str, dict[str, dict[Any, Cell]]] = {name: {} for name in features}
    for column in usable:
        folds = [Distribution(name, kinds[name]) for name in features if name != column]
        if not folds:
            continue
        before = [_by_value(folds, column, previous, one.name, engine) for one in previous.spans]
        after = _by_value(folds, column, dataset, span, engine)
        for place, fold in enumerate(folds):
            cells = {}
            for value, profiles in after.items():
                history = tuple(one[value][place] for one in before if value in one)
                if history:
                    cells[value] = Cell(history, profiles[place])
            found[fold.column][column] = cells
    return found


def _by_value(
    folds: list[Distribution], column: str, dataset: Dataset, span: str, engine: Engine
) -> dict[Any, list[Profile]]:
    grouped = engine.fold_by_key(folds, [SliceSpec((column,))], dataset, dataset.parts(spans=[span]))[0]
    results = [fold.extract(state) for fold, state in zip(folds, grouped.states, strict=True)]  # type: ignore[arg-type]
    keys = grouped.keys.column(0).to_pylist()
    return {key: [Profile.of(result[group]) for result in results] for group, key in enumerate(keys)}


def plain_drift(name: str, cell: Cell, measured: list[Distance], span: str) -> list[Item]:
    """The item of a column that has moved beyond its threshold without the mark of any fault; [] where it has not."""
    drifted = [one for one in measured if one.has_drifted]
    if not drifted:
        return []
    worst = max(drifted, key=lambda one: one.excess)
    natural = [
        one.value
        for place, profile in enumerate(cell.history)
        if len(cell.history) > 2
        for one in distances(pool([*cell.history[:place], *cell.history[place + 1 :]]), profile, ERROR_RATE)
        if one.measure == worst.measure
    ]
    is_usual = bool(natural) and worst.value <= max(natural)
    before = pool(cell.history)
    was, now = plain(before.quantile(0.5)), plain(cell.after.quantile(0.5))
    if worst.measure == "nulls":
        was, now = before.share_missing, cell.after.share_missing
    words = {
        "wasserstein": f"values have moved by {worst.value:.2g} standard deviations",
        "jensen_shannon": f"categories are spread differently (Jensen-Shannon distance {worst.value:.2g})",
        "nulls": "the share of nulls has changed",
        "never_seen": f"{100 * worst.value:.3g} % of values were never seen before",
    }[worst.measure]
    shown_values = f" ({shown(was)} -> {shown(now)})" if cell.after.is_number or worst.measure == "nulls" else ""
    message = f"{name}: {words} in {span}{shown_values}"
    if is_usual:
        message += ", no further than earlier spans lie from each other"
    severity: Severity = "info" if is_usual else "warning"
    return [
        Item(
            "drift",
            name,
            None,
            severity,
            worst.value,
            max(worst.threshold, worst.noise),
            message,
            before=was,
            after=now,
            num_rows=cell.after.num_rows,
        )
    ]


def _insufficient(unknown: list[str], new: dict[str, Profile], pooled: dict[str, Profile], span: str) -> Item:
    rows = min(new[unknown[0]].num_rows, pooled[unknown[0]].num_rows)
    shown_names = ", ".join(unknown[:5]) + (f" and {len(unknown) - 5} more" if len(unknown) > 5 else "")
    message = f"insufficient data to judge the drift of {shown_names} in {span}: {rows:,} rows"
    return Item("drift_insufficient", None, None, "info", len(unknown), None, message, num_rows=rows)
