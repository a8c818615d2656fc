"""`validate`: is this data what the schema says? One pass over the rows, and a second only where they are not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from headrace.dataset import Dataset
from headrace.dataset.nested import with_fields
from headrace.engine import Engine, LocalEngine
from headrace.errors import InvalidInput, UnknownName
from headrace.fold import CopiesResult, RowCopies
from headrace.kinds import PLAIN_KINDS
from headrace.lookup import find, names
from headrace.schema import Feature, Schema, kind_of
from headrace.statistics import Statistics
from headrace.validation._contract import Check, Context, Found, Item, Measurement, RowCheck, TableCheck
from headrace.validation._distances import limits_of
from headrace.validation._faults import FaultCounts, FaultState, reads_as
from headrace.validation._grading import check_codes, grade
from headrace.validation._judged import hiding, judged_schema, with_new_values
from headrace.validation._located import Located, examples_of, item_of, rows_touched
from headrace.validation._rows import find_examples, rows_without_fault, without_roles
from headrace.validation._season import check_season
from headrace.validation._strays import strays_of
from headrace.validation._validation import Validation
from headrace.validation.drift import find_drift
from headrace.validation.skew import find_skew
from headrace.validation.waivers import Waiver, waive

__all__ = ["validate"]

_SEVERITIES = ("error", "waived", "warning", "info")
_LABEL = ("nan", "presence")  # a label that is null or NaN is counted, not judged

Judged = Sequence[tuple[RowCheck, Feature]]


def validate(
    dataset: Dataset,
    schema: Schema,
    *,
    previous: Dataset | None = None,
    serving: Dataset | None = None,
    environment: str = "training",
    quarantine: bool = False,
    waivers: Sequence[Waiver] = (),
    thresholds: Mapping[str, float] | None = None,
    season: str | None = None,
    statistics: Statistics | None = None,
    engine: Engine | None = None,
) -> Validation:
    """Judge a data set by a schema: columns and types of every span, then every row.

    Parameters
    ----------
    dataset : Dataset
        All its rows, whatever their split. Its spans may differ in shape: that is what this is for.
    schema : Schema
        What the rows must look like.
    previous : Dataset, optional
        The data set accepted before this one: the spans that it lacks are compared with all of it. A fault that
        leaves a mark (another unit, another convention, nulls, a value stuck) is an error that names column, slice,
        kind and rows; values that are merely spread otherwise are a warning. Without it an item says so.
    serving : Dataset, optional
        Rows as they were served, a log perhaps: each column's distribution is compared with this data set's, and rows
        of equal key value by value. The label and features that are not in "serving" are left out.
    environment : str
        Features that are not in it (`Feature.not_in`: a label in "serving") are neither demanded nor judged; others
        may have another `min_present` there.
    quarantine : bool
        Set rows at fault aside (null where no null is allowed, outside a domain or range, NaN where not allowed, rows
        of a slice that a fault touches, and what else its check says) and judge the rest. Shapes and faults in all
        rows cannot be set aside.
    waivers : sequence of Waiver
        Errors that a person lets pass, each by its name: they become "waived", and who and why is recorded.
    thresholds : mapping of str to float, optional
        How far columns may drift, or be skewed: a measure ("population_stability") for all columns that it applies to,
        or "distance:wasserstein" for one; they go before the schema's `max_drift` and `max_skew`. Beyond a threshold
        given here or there, and beyond chance, drift is an error; without, it is a warning by thresholds of our own.
        The measures and their formulas are in `headrace.validation._distances`.
    season : "month", "day_of_week", "hour" or "hour_of_week", optional
        Compare a new span only with earlier rows of its season, told by the data set's time column in UTC. Where there
        are none faults are still looked for beside all earlier rows, but distances are not judged, and an item says so.
    statistics : Statistics, optional
        Of this data set: columns which they show to be right are not read again.
    engine : Engine, optional
        Where the pass runs; threads of this process by default.

    Returns
    -------
    Validation
        `ok` when no item is an error; then `accepted` is the data set carrying the schema.

    Raises
    ------
    UnknownName
        An environment that is neither "training", "serving" nor in the schema; a severity or tolerance of no check.
    InvalidInput
        Statistics of another number of rows; a file that cannot be read; a threshold of a measure that cannot apply;
        a season without a time column.

    >>> import pyarrow as pa
    >>> data = Dataset.from_arrow(pa.table({"carrier": ["AA", "ZZ", None]}))
    >>> found = validate(data, Schema((Feature("carrier", "text", domain=("AA", "UA")),)))
    >>> found.ok, found.items[0].code, found.items[0].rows[0].row_index
    (False, 'domain', 1)

    Cost: one pass over the columns that have anything to check, 8 bytes of state a check; where something is wrong a
    second over the columns at fault until ten examples are found, and with `quarantine` two more. Drift: one pass over
    new and previous spans (none where states are kept), and one for each column to cut by where something differs.
    """
    if environment not in schema.environments:
        raise UnknownName("environment", environment, schema.environments)
    if statistics is not None and statistics.num_rows != dataset.num_rows:
        raise InvalidInput(
            f"statistics of {statistics.num_rows:,} rows for a data set of {dataset.num_rows:,}",
            expected="the statistics of this data set: hr.analyze(dataset)",
        )
    check_codes(schema)
    check_season(season, dataset)
    limits, skew_limits = (_limits(schema, what, thresholds or {}) for what in ("max_drift", "max_skew"))
    engine = LocalEngine() if engine is None else engine
    checks = [find("check", name)() for name in names("check")]
    known = frozenset(item.name for item in schema.features)
    context = Context(
        hiding(dataset, schema),
        judged_schema(dataset, schema, environment),
        known,
        previous,
        engine=engine,
        statistics=statistics,
    )
    judged = [
        (check, feature)
        for feature in context.schema.features
        for check in checks
        if isinstance(check, RowCheck) and check.applies(feature)
    ]
    found, num_unlabelled = _count(context, judged, statistics, engine)
    copies = _copies(context.dataset, engine)
    notes: list[Item] = []
    drift, located, measurements = _drift(context, previous, engine, limits, season)
    quarantined, num_quarantined = None, 0
    picked = [pair for pair in judged if pair[0].code == "domain" and pair[1].new_values == "quarantine"]
    if quarantine or picked:
        faulty = [
            (check, feature)
            for check, feature in (judged if quarantine else picked)
            if check.sets_aside(feature) and _faults(found, check, feature)
        ]
        clean = rows_without_fault(context, faulty)
        for check in checks if quarantine else ():
            at_fault = check.at_fault(context) if isinstance(check, TableCheck) else None
            if at_fault is not None:
                clean = [mask & ~wrong for mask, wrong in zip(clean, at_fault, strict=True)]
        waived = {waiver.name for waiver in waivers}
        aside = [
            one
            for one in located
            if one.slice and one.severity == "error" and one.name not in waived and one.fault.sign.touches != "none"
        ]
        if aside and quarantine:
            clean = [mask & ~touched for mask, touched in zip(clean, rows_touched(dataset, aside), strict=True)]
            notes += [
                replace(item, severity="warning", message=f"{item.message}; set aside")
                for item in _told(context, aside)
            ]
        quarantined = dataset.select_rows([~mask for mask in clean])
        num_quarantined = sum(int((~mask).sum()) for mask in clean)
        if num_quarantined:
            message = f"{num_quarantined:,} of {dataset.num_rows:,} rows are at fault and set aside"
            notes.append(Item("quarantine", None, None, "warning", num_quarantined, 0, message))
            context = replace(context, dataset=context.dataset.select_rows(clean), statistics=None)
            found, num_unlabelled = _count(context, judged, None, engine)
            if aside and quarantine:
                before = located
                drift, located, measurements = _drift(context, previous, engine, limits, season)
                located = _without_absence(before, located)
    wrong = [
        (check, feature)
        for check, feature in judged
        if (one := found.get((check.code, feature.name))) and check.is_wrong(feature, one.num_at_fault, one.num_rows)
    ]
    if wrong:
        for key, rows in find_examples(context, wrong).items():
            found[key] = replace(found[key], examples=rows)
    context = replace(context, found=found, copies=copies, strays=strays_of(context.dataset, context.schema))
    skew: list[Item] = []
    if serving is not None:
        served = {feature.name: feature.kind for feature in schema.features if feature.is_in("serving")}
        skew, skewed = find_skew(context.dataset, serving, engine, features=served, limits=skew_limits)
        measurements = [*measurements, *skewed]
    notes += [*_notes(context, num_unlabelled), *drift, *_told(context, located), *skew]
    graded = grade([item for check in checks for item in check.check(context)] + notes, context.schema)
    items = _in_order(waive(graded, waivers), schema)
    is_ok = all(item.severity != "error" for item in items)
    kept = replace(context.dataset, roles=dataset.roles)
    subjects = {
        "dataset": dataset,
        "schema": schema,
        "previous": previous,
        "serving": serving,
        "accepted": kept.with_schema(with_new_values(schema, wrong, kept)) if is_ok else None,
        "quarantined": quarantined,
    }
    return Validation(
        items,
        environment,
        context.dataset.num_rows,
        num_unlabelled,
        num_quarantined,
        subjects,
        waivers=tuple(waivers),
        measurements=tuple(measurements),
    )


def _limits(schema: Schema, what: str, thresholds: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """feature -> measure -> threshold, of the schema's and of those given here."""
    said = {f"{one.name}:{name}": limit for one in schema.features for name, limit in getattr(one, what)}
    return limits_of({**said, **thresholds}, {feature.name: feature.kind for feature in schema.features})


def _label_fold(context: Context) -> FaultCounts | None:
    """What counts rows without a label, where there is one."""
    label = context.dataset.roles.label
    there = context.spans_with(label) if label is not None else []
    if label is None or not there or (label in context.known and label not in context.schema):
        return None
    kind = context.schema[label].kind if label in context.schema else kind_of(there[0][1])
    is_number = kind == "number"
    feature = Feature(label, kind, min_present=1.0, allow_nan=not is_number)
    return FaultCounts(feature, _LABEL if is_number else _LABEL[1:])


def _faults(found: dict[tuple[str, str], Found], check: Check, feature: Feature) -> int:
    return found[check.code, feature.name].num_at_fault if (check.code, feature.name) in found else 0


def _count(
    context: Context, judged: Judged, statistics: Statistics | None, engine: Engine
) -> tuple[dict[tuple[str, str], Found], int]:
    """The pass: for each check and feature how many rows are at fault, and how many rows have no label.

    Spans of different shape are passed separately, since no engine reads two shapes as one.
    """
    codes: dict[str, list[str]] = defaultdict(list)
    for check, feature in judged:
        seen = statistics[feature.name] if statistics is not None and feature.name in statistics else None
        if seen is None or seen.type != feature.kind or not check.is_clean(feature, seen):
            codes[feature.name].append(check.code)
    folds = [FaultCounts(context.schema[name], tuple(of)) for name, of in codes.items()]
    label = _label_fold(context)
    if label is not None:
        folds.append(label)
    totals = {fold: np.zeros(1 + len(fold.codes), dtype=np.int64) for fold in folds}
    bare = without_roles(context.dataset)
    shapes: dict[frozenset[tuple[str, str]], list[str]] = defaultdict(list)
    for span in bare.spans:
        shapes[frozenset((item.name, str(item.type)) for item in span.arrow_schema)].append(span.name)
    for spans in shapes.values():
        alike = bare.select_spans(spans)
        shape = with_fields(alike.spans[0].arrow_schema, list(codes))
        kinds = {item.name: kind_of(item.type) for item in shape}
        here = [fold for fold in folds if reads_as(kinds.get(fold.feature.name), fold.feature.kind)]
        if here:
            for fold, state in zip(here, engine.fold(here, alike, alike.parts()), strict=True):
                assert isinstance(state, FaultState)
                totals[fold] += fold.extract(state)[0]
    found: dict[tuple[str, str], Found] = {}
    for fold in folds:
        if fold is not label:
            for code, count in zip(fold.codes, totals[fold][1:], strict=True):
                found[code, fold.feature.name] = Found(int(totals[fold][0]), int(count))
    return found, int(totals[label][1:].sum()) if label is not None else 0


def _copies(dataset: Dataset, engine: Engine) -> CopiesResult | None:
    """How many rows repeat another, where their places alone decide which split they are in: a key keeps equal rows
    together. Not where spans differ in shape, or a column holds what cannot be compared."""
    kinds = {item.name: kind_of(item.type) for item in dataset.shared_schema}
    is_plain = set(kinds.values()) <= PLAIN_KINDS
    if dataset.roles.key or len(dataset.split or ()) < 2 or dataset.uneven_columns or not is_plain:
        return None
    bare = without_roles(dataset)
    fold = RowCopies(tuple(kinds))
    return fold.extract(engine.fold([fold], bare, bare.parts())[0]) if kinds else None  # type: ignore[arg-type]


def _drift(
    context: Context,
    previous: Dataset | None,
    engine: Engine,
    limits: Mapping[str, Mapping[str, float]],
    season: str | None,
) -> tuple[list[Item], list[Located], list[Measurement]]:
    """What drifted, the faults found, and all distances."""
    if previous is None:
        message = "drift not compared: there is no previous data set"
        return [Item("drift", None, None, "info", None, None, message)], [], []
    features = {feature.name: feature.kind for feature in context.schema.features}
    return find_drift(context.dataset, previous, engine, features=features, limits=limits, season=season)


def _without_absence(before: Sequence[Located], after: Sequence[Located]) -> list[Located]:
    """Faults after rows were set aside; that these are missing now is nobody's fault."""
    codes = ("missing", "mixture")
    found = [one for one in after if one.fault.code not in codes]
    return found + [one for one in before if one.fault.code in codes]


def _told(context: Context, located: Sequence[Located]) -> list[Item]:
    """One item a fault, its spans together, with example rows."""
    together: dict[tuple[str, str], list[Located]] = defaultdict(list)
    for one in located:
        together[one.name, one.severity].append(one)
    hidden = context.sensitive
    return [
        item_of(several, examples_of(context.dataset, several), is_hidden=several[0].feature in hidden)
        for several in together.values()
    ]


def _notes(context: Context, num_unlabelled: int) -> list[Item]:
    """What is told though nothing is wrong with it."""
    dataset = context.dataset
    notes = []
    if dataset.num_rows == 0:
        notes.append(Item("no_rows", None, None, "warning", 0, None, "the data set has no rows: nothing was judged"))
    if num_unlabelled:
        message = f"{num_unlabelled:,} of {dataset.num_rows:,} rows have no label: left out of fit and evaluation"
        notes.append(Item("unlabelled_rows", dataset.roles.label, None, "info", num_unlabelled, None, message))
    return notes


def _in_order(items: list[Item], schema: Schema) -> tuple[Item, ...]:
    """Errors first; then the data set's own items, which explain others; then in the schema's order; then by check."""
    place = {feature.name: index for index, feature in enumerate(schema.features)}

    def rank(item: Item) -> tuple[int, int, str]:
        where = -1 if item.feature is None else place.get(item.feature, len(place))  # new columns last
        return _SEVERITIES.index(item.severity), where, item.code

    return tuple(sorted(items, key=rank))
