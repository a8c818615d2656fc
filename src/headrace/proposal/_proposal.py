"""The Proposal noun: a first pipeline over some rows, as plain data with reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headrace.errors import InvalidInput, UnknownName
from headrace.proposal._columns import choose_key, choose_sensitive, choose_slices, choose_time
from headrace.proposal._features import FeatureChoice, LeftOut, choose_features, has_hours
from headrace.proposal._label import Label
from headrace.schema import format_moment
from headrace.statistics import FeatureStatistics, Statistics

__all__ = ["Proposal", "propose"]

_SMALL = 1000  # rows
_TOO_FEW = 50
_COPIES = 0.01  # more of the rows than that


@dataclass(frozen=True)
class Proposal:
    """What a pipeline would be.

    Parameters
    ----------
    name : str
        Of the pipeline: a Python name.
    pattern : str
        Where its rows are, as `hr.ingest` takes it, relative to the pipeline's file.
    nulls : tuple of str
        Words that stand for null in a CSV.
    schema_file : str
        The file that says what rows must look like, relative to the pipeline's file.
    endpoint : str
        Where its models would serve.
    num_rows, num_columns : int
        What was looked at.
    label : Label
        What is predicted.
    key : tuple of str
        What names a row; () = its place.
    time : str or None
        When it happened.
    sensitive, slices : tuple of str
        Columns that identify people; columns by whose values the report is read.
    features : tuple of FeatureChoice
        In the order of the columns.
    left_out : tuple of LeftOut
        The other columns, the label apart.
    split : dict of str to int
        Weights.
    metrics, rules : tuple of str
        What is measured, and what must hold before a model serves.
    share_copies : float
        Of all rows, those that repeat another in every column (0..1).
    request : dict of str to plain value
        An instance as a client would send it: typical values of the columns that features read.
    """

    name: str
    pattern: str
    nulls: tuple[str, ...]
    schema_file: str
    endpoint: str
    num_rows: int
    num_columns: int
    label: Label
    key: tuple[str, ...]
    time: str | None
    sensitive: tuple[str, ...]
    slices: tuple[str, ...]
    features: tuple[FeatureChoice, ...]
    left_out: tuple[LeftOut, ...]
    split: dict[str, int]
    metrics: tuple[str, ...]
    rules: tuple[str, ...]
    share_copies: float
    request: dict[str, Any]

    @property
    def has_spans(self) -> bool:
        """Whether new rows come as new spans."""
        return "{span}" in self.pattern

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the person should know before trusting a model of these rows."""
        found = []
        held_out = self.label.num_rows * self.split["eval"] // sum(self.split.values())
        if self.label.num_rows < _TOO_FEW:
            found.append(f"{self.label.num_rows} rows have a label: too few to learn from, or to judge by")
        elif self.label.share is not None and held_out * min(self.label.share, 1 - self.label.share) < 10:
            found.append("fewer than 10 of the rows held out would be of the rarer value: figures will be rough")
        if not self.key and self.share_copies > _COPIES:
            found.append(
                f"{100 * self.share_copies:.2g} % of the rows repeat another in every column: without a key copies "
                "fall into train and eval alike, and figures flatter the model"
            )
        return tuple(found)


_METRICS = {
    "binary": ("roc_auc", "log_loss"),
    "multiclass": ("accuracy", "f1_macro", "log_loss"),
    "regression": ("root_mean_squared_error", "mean_absolute_error"),
}


def propose(
    statistics: Statistics,
    label: Label,
    *,
    name: str,
    pattern: str,
    schema_file: str,
    endpoint: str,
    key: Sequence[str] = (),
    nulls: Sequence[str] = (),
    types: Mapping[str, str],
    leaks: Sequence[str] = (),
    share_copies: float = 0.0,
) -> Proposal:
    """A pipeline over the rows that statistics describe.

    Parameters
    ----------
    statistics : Statistics
        Of all rows.
    label : Label
        What `choose_label` found.
    name, pattern, schema_file, endpoint : str
        See `Proposal`.
    key : sequence of str
        The columns that name a row; by default the one that seems to.
    nulls : sequence of str
        See `Proposal`.
    types : mapping of str to str
        Every column of the data set, in order, and its type; one that spans differ in is in no statistics.
    leaks : sequence of str
        Columns that alone tell the label: `find_leaks`.
    share_copies : float
        See `Proposal`.

    Raises UnknownName for a key that is not there, InvalidInput when no column can be a feature, with the reason for
    each. Cost: milliseconds a column.
    """
    for column in key:
        if column not in statistics.feature_names:
            raise UnknownName("column", column, statistics.feature_names, where="--key")
    key = tuple(key) or choose_key(statistics, label.name)
    sensitive = choose_sensitive(statistics, label.name)
    features, left_out = choose_features(
        statistics, label.name, key, sensitive, types, [name for name in leaks if name not in key]
    )
    if not features:
        reasons = "; ".join(f"{item.column!r}: {item.reason}" for item in left_out[:10])
        raise InvalidInput(
            "there is no column to predict from", where=f"label {label.name!r}", expected=reasons or "another column"
        )
    is_up = label.task != "regression"
    metric, *others = _METRICS[label.task]
    return Proposal(
        name=name,
        pattern=pattern,
        nulls=tuple(nulls),
        schema_file=schema_file,
        endpoint=endpoint,
        num_rows=statistics[label.name].num_rows,
        num_columns=len(types),
        label=label,
        key=key,
        time=choose_time(statistics),
        sensitive=sensitive,
        slices=choose_slices(statistics, [label.name, *leaks]),
        features=features,
        left_out=left_out,
        split={"train": 8, "eval": 2} if label.num_rows >= _SMALL else {"train": 7, "eval": 3},
        metrics=(metric, *others),
        # Far enough from a coin (a constant) that noise rarely gets there, near enough that a first model does; and no
        # worse than what serves by more than two looks at other rows differ.
        rules=(f"{metric} >= baseline + 0.05", f"{metric} >= champion - 0.02")
        if is_up
        else (f"{metric} <= baseline * 0.95", f"{metric} <= champion * 1.05"),
        share_copies=share_copies,
        request={column: _typical(statistics[column]) for column in dict.fromkeys(item.column for item in features)},
    )


def _typical(seen: FeatureStatistics) -> Any:
    """A value that the column often has, as JSON: the most frequent text, the middle number."""
    if seen.type == "text":
        return seen.top_values[0][0] if seen.top_values else None
    if seen.median is None:
        return None
    if seen.type == "timestamp":
        unit_us = 1_000_000 if has_hours(seen) else 86_400_000_000
        return format_moment(int(seen.median) // unit_us * unit_us)
    if seen.type == "boolean":
        return bool(seen.mode)
    return int(seen.median) if seen.type == "integer" else float(f"{seen.median:.6g}")
