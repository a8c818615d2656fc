"""Figures of a column outside their limits: its mean, its number of distinct values, its spread."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from headrace.dataset.nested import with_fields
from headrace.engine import LocalEngine
from headrace.engine.keeping import join
from headrace.fold import Distribution, State
from headrace.schema import Feature, kind_of
from headrace.statistics import FeatureStatistics
from headrace.validation._contract import Context, Item, Severity, TableCheck
from headrace.validation._rows import without_roles

__all__ = ["Limits"]


class Limits(TableCheck):
    """A column's figures must lie within the schema's `limits`, both ends included: an error.

    Figures are those of `analyze` over all rows judged, percentiles (p1 to p99), and `share_distinct`, distinct values
    by values present. A
    figure that there is none of, as of no rows, is not judged. An approximate one is an error only where it lies
    outside by more than its bound, and a warning where the bound reaches over the limit. `value` and `threshold` are
    those of the first figure outside; the message has all. Cost: none with statistics at hand; else one pass over
    these columns.
    """

    code = "limits"

    def check(self, context: Context) -> Iterator[Item]:
        """Yield one item for each column with a figure outside."""
        asked = [feature for feature in context.schema.features if feature.limits]
        for feature, seen in _seen(context, asked):
            told, is_sure = list[tuple[float, float, str]](), False
            for figure, ends in dict(feature.limits).items():
                value, bound = _figure(seen, figure)
                for limit, sign, word in ((ends[0], -1, "at least"), (ends[1], 1, "at most")):
                    beyond = None if value is None or limit is None else (value - limit) * sign
                    if beyond is None or beyond + bound <= 0:
                        continue
                    is_sure |= beyond > bound
                    near = f" within {bound:.3g}" if bound else ""
                    said = f"{figure} is {value:.6g}{near}, {word} {limit:.6g} was asked for"
                    told.append((float(value or 0.0), float(limit or 0.0), said))
            if told:
                unsure = "" if is_sure else "; it is too near the limit to tell"
                message = f"column {feature.name!r}: {'; '.join(said for _, _, said in told)}{unsure}"
                severity: Severity = "error" if is_sure else "warning"
                yield Item(self.code, feature.name, None, severity, told[0][0], told[0][1], message)


def _figure(seen: FeatureStatistics, figure: str) -> tuple[float | None, float]:
    """A figure and its bound, which is 0 where it is exact."""
    if figure == "share_distinct":
        count, bound = _figure(seen, "num_distinct")
        return (
            (None, 0.0)
            if count is None or not seen.num_present
            else (count / seen.num_present, bound / seen.num_present)
        )
    if figure[1:].isdigit():
        value = seen.quantiles[int(figure[1:])] if seen.quantiles else None
    else:
        value = getattr(seen, figure)
    error = seen.error_bounds.get(figure)
    if value is None:
        return None, 0.0
    if error is not None:
        return float(value), float(error.error_bound)
    if (
        figure == "median" or figure[1:].isdigit()
    ) and seen.error_bounds:  # quantiles of a sketch are within 2^-9 of the value
        return float(value), abs(float(value)) * 2.0**-9
    return float(value), 0.0


def _seen(context: Context, features: list[Feature]) -> Iterator[tuple[Feature, FeatureStatistics]]:
    """The statistics of each column in the spans where it is of its kind."""
    known = context.statistics
    left = []
    for feature in features:
        if known is not None and feature.name in known and known[feature.name].type == feature.kind:
            yield feature, known[feature.name]
        else:
            left.append(feature)
    if not left:
        return
    engine = context.engine or LocalEngine()
    bare = without_roles(context.dataset)
    shapes: dict[frozenset[tuple[str, str]], list[str]] = defaultdict(list)
    for span in bare.spans:
        shapes[frozenset((item.name, str(item.type)) for item in span.arrow_schema)].append(span.name)
    folds = {feature.name: Distribution(feature.name, feature.kind) for feature in left}
    states: dict[str, State] = {}
    for spans in shapes.values():
        alike = bare.select_spans(spans)
        shape = with_fields(alike.spans[0].arrow_schema, list(folds))
        kinds = {item.name: kind_of(item.type) for item in shape}
        here = [folds[one.name] for one in left if kinds.get(one.name) == one.kind]
        for fold, state in zip(here, engine.fold(here, alike, alike.parts()) if here else (), strict=True):
            states[fold.column] = join(fold, states.get(fold.column), state)
    for feature in left:
        if feature.name in states:
            result = folds[feature.name].extract(states[feature.name])[0]  # type: ignore[arg-type]
            yield feature, FeatureStatistics.from_distribution(feature.name, result)
