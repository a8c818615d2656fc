"""Two fitted transforms side by side: what was fitted to other values, and what that moves in the features."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from headrace.lookup import Shown

__all__ = ["FittedChange", "GraphDiff", "Movement", "diff_graphs"]

_BAR = 20


@dataclass(frozen=True)
class FittedChange:
    """One thing that was fitted otherwise.

    Parameters
    ----------
    expression : str
        The op, as the user wrote it: "vocabulary(x.carrier)".
    what : str
        Of what it was fitted to: "mean", "boundaries", "values" ...
    words : str
        What became of it: "12.6 -> 12.9", "3 came, 1 went, 5 have another place".
    share : float
        How much of it, 0..1: of a number its change by its size; of a list the part that is not where it was.
    """

    expression: str
    what: str
    words: str
    share: float


@dataclass(frozen=True)
class Movement:
    """What becomes of one feature in the same rows.

    Parameters
    ----------
    feature : str
        A column of the matrix.
    share : float
        Of the rows, those in which it has another value (null against null is the same).
    mean_before, mean_now : float
        Over the rows in which neither is null; NaN where there is none.
    mean_move : float
        Mean size of the change over those.
    """

    feature: str
    share: float
    mean_before: float
    mean_now: float
    mean_move: float


@dataclass(frozen=True, repr=False)
class GraphDiff(Shown):
    """What differs between two transform graphs. Made by `graph.diff(other)`, where `graph` is what was before.

    Parameters
    ----------
    came, went : tuple of str
        Features that only the other has, and only this one.
    rewritten : tuple of (feature, before, now)
        Features of both that are computed otherwise, as expressions.
    fitted : tuple of FittedChange
        What the ops of both were fitted to otherwise; what moved most comes first.
    movements : tuple of Movement
        What moves in the features of both, where rows were given; what moves most comes first.
    num_rows : int or None
        How many those rows were; None = none were given.

    `print(diff)` is a table with bars; a notebook shows the page.
    """

    kind: ClassVar[str] = "graph_diff"

    came: tuple[str, ...]
    went: tuple[str, ...]
    rewritten: tuple[tuple[str, str, str], ...]
    fitted: tuple[FittedChange, ...]
    movements: tuple[Movement, ...]
    num_rows: int | None

    @property
    def is_empty(self) -> bool:
        """Whether both compute the same."""
        return not (self.came or self.went or self.rewritten or self.fitted)

    def __repr__(self) -> str:
        changed = len(self.came) + len(self.went) + len(self.rewritten)
        return f"<GraphDiff: {changed} features and {len(self.fitted)} fitted values differ>"

    def __str__(self) -> str:
        if self.is_empty:
            return "the transforms are equal"
        lines = [f"+ {name}" for name in self.came] + [f"- {name}" for name in self.went]
        lines += [f"~ {name}: {before} -> {now}" for name, before, now in self.rewritten]
        if self.fitted:
            lines += [
                "fitted to other values",
                *_aligned(
                    [(change.expression, change.what, change.words, _bar(change.share)) for change in self.fitted]
                ),
            ]
        if self.movements:
            lines += [
                f"moved in {self.num_rows:,} rows",
                *_aligned(
                    [
                        (
                            item.feature,
                            f"{item.mean_before:.6g} -> {item.mean_now:.6g}",
                            f"{item.share:.1%} of rows",
                            _bar(item.share),
                        )
                        for item in self.movements
                    ]
                ),
            ]
        return "\n".join(lines)


def _bar(share: float) -> str:
    return "█" * (max(1, round(min(share, 1.0) * _BAR)) if share > 0.0 else 0)


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return [
        "  " + "  ".join(item.ljust(width) for item, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def diff_graphs(before: Any, now: Any, table: Any = None) -> GraphDiff:
    """What differs between two transform graphs; see `GraphDiff`. `table` has raw rows to try both on."""
    features = [dict(graph.expressions.features) for graph in (before, now)]
    texts = [
        {name: graph.expressions.text(index, depth=1 << 20) for name, index in graph.expressions.features}
        for graph in (before, now)
    ]
    both = [name for name in features[0] if name in features[1]]
    fitted = [_fitted(graph) for graph in (before, now)]
    changes = [
        change
        for text, constants in fitted[0].items()
        if text in fitted[1]
        for what, value in constants.items()
        if (change := _change(text, what, value, fitted[1][text].get(what))) is not None
    ]
    movements, num_rows = _movements(before, now, table) if table is not None else ([], None)
    return GraphDiff(
        tuple(name for name in features[1] if name not in features[0]),
        tuple(name for name in features[0] if name not in features[1]),
        tuple((name, texts[0][name], texts[1][name]) for name in both if texts[0][name] != texts[1][name]),
        tuple(sorted(changes, key=lambda change: -change.share)),
        tuple(sorted(movements, key=lambda item: -item.share)),
        num_rows,
    )


def _fitted(graph: Any) -> dict[str, Mapping[str, Any]]:
    constants = graph.to_plain()["constants"]
    return {graph.expressions.text(int(index), depth=1 << 20): found for index, found in constants.items()}


def _change(text: str, what: str, before: Any, now: Any) -> FittedChange | None:
    if before == now:
        return None
    if isinstance(before, list) and isinstance(now, list):
        return FittedChange(text, what, *_lists(before, now))
    if _is_number(before) and _is_number(now):
        size = max(abs(before), abs(now))
        share = abs(now - before) / size if math.isfinite(size) and size > 0.0 else 1.0
        return FittedChange(text, what, f"{before:.6g} -> {now:.6g}", min(1.0, share))
    return FittedChange(text, what, f"{_shown(before)} -> {_shown(now)}", 1.0)


def _shown(value: Any) -> str:
    # A graph does not know which columns are sensitive: nobody's values are listed.
    return "a text" if isinstance(value, str) else "nothing" if value is None else str(value)[:40]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _lists(before: list[Any], now: list[Any]) -> tuple[str, float]:
    if all(map(_is_number, before + now)) and before and now:
        if len(before) == len(now):
            span = max(max(before) - min(before), max(now) - min(now))
            moved = max(abs(b - a) for a, b in zip(before, now, strict=True))
            share = moved / span if 0.0 < span < math.inf else 1.0
            return f"{len(now)} numbers, moved by at most {moved:.6g}", min(1.0, share)
        return f"{len(before)} -> {len(now)} numbers", 1.0
    try:
        old, new = {item: at for at, item in enumerate(before)}, {item: at for at, item in enumerate(now)}
    except TypeError:  # lists of lists: by key or part
        differ = sum(a != b for a, b in zip(before, now, strict=False)) + abs(len(before) - len(now))
        return f"{differ} of {max(len(before), len(now))} rows differ", differ / max(len(before), len(now))
    came, went = len(new.keys() - old.keys()), len(old.keys() - new.keys())
    moved = sum(old[item] != place for item, place in new.items() if item in old)
    words = f"{came} came, {went} went, {moved} of {len(new)} have another place"
    return words, (came + went + moved) / max(1, len(old.keys() | new.keys()))


def _movements(before: Any, now: Any, table: Any) -> tuple[list[Movement], int]:
    matrices = [graph.matrix(graph.codec.from_batch(graph.codec.table_of(table, "diff"))) for graph in (before, now)]
    places = [{name: at for at, name in enumerate(graph.matrix_names)} for graph in (before, now)]
    found = []
    for name, place in places[0].items():
        if name in places[1]:
            old, new = (
                matrix[:, at].astype(np.float64) for matrix, at in zip(matrices, (place, places[1][name]), strict=True)
            )
            same = (old == new) | (np.isnan(old) & np.isnan(new))
            if same.all():
                continue
            known = ~np.isnan(old) & ~np.isnan(new)
            with np.errstate(invalid="ignore"):
                figures = [
                    float(values[known].mean()) if known.any() else math.nan for values in (old, new, abs(new - old))
                ]
            found.append(Movement(name, float(1.0 - same.mean()), *figures))
    return found, len(matrices[0])
