"""Rows that came more than once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from headrace.dataset import Dataset
from headrace.fold import RowCopies
from headrace.slicing import SliceSpec
from headrace.validation._search import MIN_MOVED, TIMES_NATURAL, Fault, Key, explain
from headrace.validation._signature import Sign, percent
from headrace.validation._span_signature import SpanChange, SpanFault, SpanSignature

__all__ = ["Duplicated"]

MIN_SHARE = 0.0003
SURE_SHARE = 0.01
MIN_ROWS = 20


class Duplicated(SpanSignature):
    """Rows equal to another in every column, where earlier spans had few or none: a part was delivered twice.

    Told where three rows in ten thousand (and ten rows) would go if one of each were kept, and four times the share of
    any earlier span; an error from one in a hundred. Cost: one pass over all columns, and one by slice where there are
    copies; shares are exact up to 16,384 distinct rows.
    """

    code = "duplicated"
    rank = 0

    def find(self, change: SpanChange) -> list[SpanFault]:
        """The copies, in the fewest slices that hold nearly all of them."""
        fold = RowCopies(tuple(sorted(change.whole)))
        beside = change.beside
        share, num_rows = _shares(change, fold, beside.dataset, [change.span], ())[()]
        if num_rows < MIN_ROWS or share < MIN_SHARE or share * num_rows < MIN_MOVED:
            return []
        earlier = [_shares(change, fold, beside.previous, [span.name], ())[()] for span in beside.previous.spans]
        # Where rows are few kinds, more rows are more copies.
        natural = max((one * max(1.0, num_rows / max(1, rows)) for one, rows in earlier), default=0.0)
        if share < TIMES_NATURAL * natural:
            return []
        marks = {"": [self._fault((), share, num_rows, natural)]}
        for column in change.columns:
            for values, (part, rows) in _shares(change, fold, beside.dataset, [change.span], (column,)).items():
                if rows >= MIN_ROWS and part * rows >= MIN_MOVED and part >= max(MIN_SHARE, TIMES_NATURAL * natural):
                    key = ((column, values[0]),)
                    marks.setdefault(column, []).append(self._fault(key, part, rows, natural))
        faults, _ = explain(marks, num_rows)
        return [SpanFault(None, fault) for fault in faults]

    def _fault(self, key: Key, share: float, num_rows: int, natural: float) -> Fault:
        copies = round(share * num_rows)
        sign = Sign(
            share,
            share,
            f"{percent(share)} rows repeat another in every column",
            is_plain=share >= SURE_SHARE,
            detail=f"{100 * natural:.2g} % before",
            hint="delivered twice?",
            before=natural,
            after=share,
            touches="none",
        )
        return Fault(self.code, key, sign, share >= SURE_SHARE, copies, copies, num_rows)


def _shares(
    change: SpanChange, fold: RowCopies, dataset: Dataset, spans: Sequence[str], columns: tuple[str, ...]
) -> dict[tuple[object, ...], tuple[float, int]]:
    """Slice -> (share of rows that repeat another, rows); () = all."""
    engine = change.beside.engine
    if not columns:
        parts = [part for split in dataset.split_names for part in dataset.parts(split, spans)]
        total = fold.create(1)
        for states in engine.fold_parts([fold], dataset, parts).values():
            total = fold.merge(total, states[0], np.zeros(1, np.int32))  # type: ignore[arg-type]  # its own state
        found = fold.extract(total)
        return {(): (float(found.share[0]), int(found.num_rows[0]))}
    [grouped] = engine.fold_by_key([fold], [SliceSpec(columns)], dataset, dataset.parts(spans=spans))
    found = fold.extract(grouped.states[0])  # type: ignore[arg-type]  # its own fold's state
    keys = zip(*(column.to_pylist() for column in grouped.keys.columns), strict=True)
    return {key: (float(found.share[place]), int(found.num_rows[place])) for place, key in enumerate(keys)}
