"""analyze: one pass over all rows, states kept by span and split; one more for slices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from headrace.dataset import Dataset
from headrace.engine import Engine, LocalEngine
from headrace.errors import InvalidInput
from headrace.fold import Distribution, Sample, State
from headrace.kinds import PLAIN_KINDS
from headrace.slicing import Written, parse_slices
from headrace.statistics._packed import PackedStates, give_back
from headrace.statistics._plan import AnyDistribution, Plan, plan_folds
from headrace.statistics._slices import Slices
from headrace.statistics._statistics import PartName, Statistics
from headrace.statistics.cutting import Cut
from headrace.statistics.relations import MOST_COLUMNS, NUM_ROWS, Relations

__all__ = ["analyze"]

COLUMNS_AT_ONCE = 96


def analyze(
    dataset: Dataset,
    *,
    slices: Iterable[Written] = (),
    min_slice_rows: int = 0,
    relations: bool = False,
    engine: Engine | None = None,
) -> Statistics:
    """The statistics of a data set: every column, over all rows, by span, by split and by slice.

    Parameters
    ----------
    dataset : Dataset
        All of its rows are read, those without a label too.
    slices : iterable of str, mapping, or sequence of these
        What to cut rows by: columns, lists of columns (crossed), ranges of a number and conditions:
        `["carrier", ["carrier", "origin"], {"distance": [500, 1000]}, "dep_delay > 60 and carrier == AA"]`. The slice
        of a range is `{"distance cut at 500, 1000": "500 to 1000"}`, that of a condition `{"dep_delay > 60": True}`.
    min_slice_rows : int
        Slices with fewer rows are left out.
    relations : bool
        Whether to look at how columns go together, and at what each says about the label: `statistics.relations`. They
        are of all rows up to 65,536, of so many drawn from more.
    engine : Engine, optional
        What runs the folds; threads of this process by default. The result does not depend on it.

    Columns that a span lacks, or has in a type that does not go with the others', are left out: `validate` names them.
    Nulls, NaN and infinities are counted apart. A column with more than 65,536 distinct values has approximate
    figures that carry their bounds (`FeatureStatistics.error_bounds`).

    Raises InvalidInput when spans share no column, UnknownName for a slice by an unknown column, InvalidInput when
    fragments hold other rows than the manifest says or rows are to be cut by a column that cannot be a key.

    Cost: decoding plus 2 ns a value for small integers and dictionary text, up to 50 ns for full-entropy floats;
    at most 1 MB (text 16 MiB) a column, part and thread. Slices cost a second pass and their own states; relations one
    more, and a millisecond a pair of columns.

    >>> import pyarrow as pa
    >>> statistics = analyze(Dataset.from_arrow(pa.table({"x": [1.5, None, 2.5]})))
    >>> statistics["x"].mean, statistics["x"].num_missing
    (2.0, 1)
    """
    schema = dataset.shared_schema
    if not schema.names:
        raise InvalidInput("a data set without columns that all spans have cannot be analysed", where=repr(dataset))
    specs = parse_slices(slices, schema.names, allow_derived=True)
    derived = tuple(dict.fromkeys(one for spec in specs for one in spec.derived))
    runner: Engine = LocalEngine() if engine is None else engine
    plan = plan_folds(schema, weight=dataset.roles.weight)
    folds: tuple[AnyDistribution, ...] = (*plan.folds, *plan.companions)
    pieces = [part for split in dataset.split_names for part in dataset.parts(split)]
    found: dict[PartName, PackedStates | list[State]] = {}
    is_wide = len(folds) > COLUMNS_AT_ONCE
    # Some columns at a time, each read once: what a thread holds of 5,000 columns while it works would be gigabytes.
    for first in range(0, len(folds), COLUMNS_AT_ONCE):
        some = folds[first : first + COLUMNS_AT_ONCE]
        for name, fresh in runner.fold_parts(some, dataset, pieces).items():
            own = found.setdefault(name, PackedStates(()) if is_wide else [])
            if isinstance(own, PackedStates):
                own.extend(zip(some, fresh, strict=True))
            else:
                own.extend(state.canonical() for state in fresh)
        if is_wide:
            give_back()
    # Every span has its part for every split, rows or not, so that the parts do not depend on the data.
    order = [(span.name, split) for span in dataset.spans for split in dataset.split_names]
    parts: dict[PartName, Sequence[State]] = {}
    for name in order:
        states = found.get(name) or [fold.create(1) for fold in folds]
        parts[name] = states if isinstance(states, PackedStates) else tuple(states)
    cuts: dict[tuple[str, ...], Slices] = {}
    if specs:
        through = Cut(derived) if derived else None
        answers = runner.fold_by_key(folds, specs, dataset, dataset.parts(), min_rows=min_slice_rows, through=through)
        for spec, grouped in zip(specs, answers, strict=True):
            cuts[spec.columns] = Slices(spec.columns, grouped.keys, tuple(grouped.states))
    found_relations = _relations(dataset, plan, runner) if relations else None
    return Statistics(plan.folds, parts, cuts, dataset.roles, plan.companions, found_relations)


def _relations(dataset: Dataset, plan: Plan, engine: Engine) -> Relations:
    """How columns go together, in a sample of rows."""
    label = dataset.roles.label
    # The label first, so that it is never among those left out.
    names = sorted((fold.column for fold in plan.folds), key=lambda name: name != label)
    kinds = {fold.column: fold.kind for fold in plan.folds if fold.kind in PLAIN_KINDS and not fold.path}
    chosen = [name for name in names if kinds.get(name, "null") != "null"][:MOST_COLUMNS]
    left_out = [fold.column for fold in plan.folds if fold.column not in chosen]
    if not chosen:
        return Relations(0, True, label, (), tuple(left_out))
    draw = Sample(tuple(chosen), tuple(kinds[name] for name in chosen), NUM_ROWS, "relations")
    parts = dataset.parts()
    count = Distribution(chosen[0], "other")
    drawn, counted = engine.fold([draw, count], dataset, parts)
    total = int(count.extract(counted).num_rows[0])  # type: ignore[arg-type]  # its own fold's state
    rows = draw.extract(drawn)[0]  # type: ignore[arg-type]
    return Relations.of_rows(rows, total=total, label=label, left_out=left_out)
