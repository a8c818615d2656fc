"""What is to be predicted: the label's column, its task, and which of two values counts as 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from headrace.errors import InvalidInput, UnknownName
from headrace.model.signature import Task
from headrace.proposal._columns import is_group
from headrace.statistics import FeatureStatistics, Statistics

__all__ = ["Label", "choose_label", "is_two_valued"]

_NAMES = {"label", "target", "y", "class", "outcome", "response"}
_POSITIVE = {
    "yes",
    "y",
    "true",
    "t",
    "1",
    "positive",
    "pos",
    "malignant",
    "fraud",
    "spam",
    "churned",
    "default",
    "late",
}
_FEW = 10
_MOST_CANDIDATES = 6


@dataclass(frozen=True)
class Label:
    """The label that is proposed.

    Parameters
    ----------
    name : str
        Its column.
    task : "binary" or "regression"
        What its values are: two of them, or a quantity.
    positive : str, int, float, bool or None
        The value that counts as 1; None where the values are 0 and 1, or a quantity.
    share : float or None
        Share of the labelled rows that are positive (0..1); None for a quantity, and where it is not known.
    num_rows : int
        Rows that have a label.
    reason : str
        Why this column, and why this value.
    """

    name: str
    task: Task
    positive: str | int | float | bool | None
    share: float | None
    num_rows: int
    reason: str


def choose_label(
    statistics: Statistics, label: str | None = None, *, positive: str | None = None, as_quantity: bool = False
) -> Label:
    """The label asked for, or the one that is plainly meant; never a guess among several.

    A column is plainly meant when it alone has a label's name ("target", "label", "y" ...), or is the only one with two
    values; but not by these alone when it sorts people, by sex say.

    Parameters
    ----------
    statistics : Statistics
        Of all rows.
    label : str, optional
        The column asked for.
    positive : str, optional
        The value that counts as 1, as a person types it.
    as_quantity : bool
        Predict the number itself although it has few values.

    Raises UnknownName for a column or value that is not there; InvalidInput when the label must be named, and for a
    label from which nothing can be learnt: what is in it, and what to type instead.
    """
    if label is not None:
        if label not in statistics.feature_names:
            raise UnknownName("column", label, statistics.feature_names, where="--label")
        return _judge(statistics[label], "asked for", positive, as_quantity)
    named = [name for name in statistics.feature_names if name.lower() in _NAMES]
    two_valued = [name for name in statistics.feature_names if is_two_valued(statistics[name])]
    if len(named) == 1 and (set(two_valued) <= set(named) or _is_plain(statistics[named[0]])):
        return _judge(statistics[named[0]], "its name says so", positive, as_quantity)
    if not named and len(two_valued) == 1 and not is_group(statistics[two_valued[0]]):
        return _judge(statistics[two_valued[0]], "the only column with two values", positive, as_quantity)
    raise InvalidInput(
        "it cannot be told which column is to be predicted",
        expected="--label COLUMN",
        fix=_candidates(statistics, [*named, *(name for name in two_valued if name not in named)]),
    )


def is_two_valued(seen: FeatureStatistics) -> bool:
    """Whether a column has exactly two values, nulls aside: a boolean, two texts, two numbers."""
    return seen.num_distinct == 2 and seen.type in ("boolean", "integer", "number", "text")


def _is_plain(seen: FeatureStatistics) -> bool:
    """Whether it can be learnt as it is."""
    try:
        _judge(seen, "", None, False)
    except InvalidInput:
        return False
    return True


def _candidates(statistics: Statistics, likely: Sequence[str]) -> str:
    """Columns that could be meant, likely ones first, then classes and quantities, with what is in them."""
    others = [statistics[name] for name in reversed(statistics.feature_names) if name not in likely]
    classes = [seen.name for seen in others if seen.type == "text" and 2 < (seen.num_distinct or 0) <= _FEW]
    numbers = [seen.name for seen in others if seen.type in ("integer", "number") and (seen.num_distinct or 0) > 2]
    names = [*likely, *classes, *numbers][:_MOST_CANDIDATES]
    return f"it could be {', '.join(f'{name} ({_values(statistics[name])})' for name in names)}" if names else ""


def _values(seen: FeatureStatistics) -> str:
    """What is in a column, in a few words."""
    if seen.type == "text":
        texts = sorted(repr(text) for text, _ in seen.top_values[:2])
        return " or ".join(texts) if seen.num_distinct == 2 else f"{seen.num_distinct:,} texts"
    if seen.type == "boolean":
        return "true or false"
    joint = " or " if seen.num_distinct == 2 else " to "
    return f"{_plain(seen.min):.6g}{joint}{_plain(seen.max):.6g}"


def _plain(value: float | None) -> float:
    return float("nan") if value is None else value


def _judge(seen: FeatureStatistics, reason: str, positive: str | None, as_quantity: bool) -> Label:
    """The label in this column, or the reason why there is none."""
    where = f"label {seen.name!r}"
    num_rows = seen.num_present - (seen.num_nan or 0)
    if seen.type not in ("boolean", "integer", "number", "text"):
        raise InvalidInput(
            f"a label of kind {seen.type} cannot be learnt" if num_rows else "the label is null in every row",
            where=where,
            expected="numbers, booleans or texts",
            fix="name another column: --label",
        )
    if not num_rows or not seen.num_distinct or seen.num_distinct < 2:
        value = f": {_values(seen)}" if num_rows and seen.type == "boolean" else ""
        raise InvalidInput(
            f"the label has one value in all rows{value}" if num_rows else "the label is null in every row",
            where=where,
            expected="two values at least, or there is nothing to learn",
            fix="name another column: --label",
        )
    if positive is not None:
        return _with_positive(seen, positive, num_rows, reason)
    if as_quantity:
        if seen.type == "text":
            raise InvalidInput("a text is no quantity", where=where, fix="say which value counts as 1: --positive")
        return Label(seen.name, "regression", None, None, num_rows, reason)
    if seen.num_distinct == 2:
        return _two_valued(seen, num_rows, reason)
    return _many_valued(seen, num_rows, reason)


def _two_valued(seen: FeatureStatistics, num_rows: int, reason: str) -> Label:
    if seen.type == "text":
        (first, first_count), (second, second_count) = seen.top_values[:2]  # the more frequent one first
        meant = [text for text in (first, second) if text.strip().lower() in _POSITIVE]
        value, count = (first, first_count) if meant == [first] else (second, second_count)
        why = "a value that says so" if len(meant) == 1 else "the rarer value"
        return Label(seen.name, "binary", value, count / num_rows, num_rows, f"{reason}; 1 is {value!r}, {why}")
    low, high, mean = _plain(seen.min), _plain(seen.max), _plain(seen.mean)
    share = (mean - low) / (high - low) if seen.type != "boolean" else mean
    if seen.type == "boolean" or (low, high) == (0, 1):
        return Label(seen.name, "binary", None, share, num_rows, reason)
    assert seen.max is not None
    return Label(seen.name, "binary", seen.max, share, num_rows, f"{reason}; 1 is {seen.max:g}, the larger value")


_MOST_CLASSES = 1_000
_ROWS_A_CLASS = 10


def _many_valued(seen: FeatureStatistics, num_rows: int, reason: str) -> Label:
    assert seen.num_distinct is not None
    one_of = "predict one value against all others"
    if seen.type == "text":
        if seen.num_distinct <= _MOST_CLASSES and seen.num_distinct * _ROWS_A_CLASS <= num_rows:
            return Label(seen.name, "multiclass", None, None, num_rows, reason)
        texts = [text for text, _ in seen.top_values[:3]]
        raise InvalidInput(
            f"the label has {seen.num_distinct:,} values in {num_rows:,} rows, {', '.join(map(repr, texts))} ...",
            where=f"label {seen.name!r}",
            expected=f"at most {_MOST_CLASSES:,} classes, with {_ROWS_A_CLASS} rows a class",
            fix=f"{one_of}, as in --positive {_typed(texts[0])}",
        )
    # Few whole numbers are names as often as quantities: which, only the person knows.
    if seen.num_distinct <= _FEW and _is_whole(seen):
        raise InvalidInput(
            f"the label has {seen.num_distinct} values from {_plain(seen.min):g} to {_plain(seen.max):g}: "
            "names of classes, or a quantity?",
            where=f"label {seen.name!r}",
            expected="two values, a quantity, or classes as text",
            fix=f"{one_of}: --positive {_plain(seen.max):g}; or predict the quantity: --quantity",
        )
    return Label(seen.name, "regression", None, None, num_rows, reason)


def _is_whole(seen: FeatureStatistics) -> bool:
    """Whether its values are whole numbers: quantiles between two of few values are not."""
    num_whole = sum(float(value).is_integer() for value in seen.quantiles)
    return seen.type == "integer" or num_whole * 10 >= len(seen.quantiles) * 9


def _with_positive(seen: FeatureStatistics, text: str, num_rows: int, reason: str) -> Label:
    """The label with the value that was typed, in the label's own kind."""
    where = f"--positive, label {seen.name!r}"
    value: str | int | float | bool
    share = None
    if seen.type == "text":
        counts = dict(seen.top_values)
        if text not in counts and seen.num_distinct == len(counts):
            raise UnknownName("value", text, list(counts), where=where)
        value, share = text, counts[text] / num_rows if text in counts else None
    elif seen.type == "boolean":
        if text.lower() not in ("true", "false"):
            raise UnknownName("value", text, ["true", "false"], where=where)
        value = text.lower() == "true"
        share = _plain(seen.mean) if value else 1 - _plain(seen.mean)
    else:
        try:
            value = int(text) if seen.type == "integer" else float(text)
        except ValueError:
            raise InvalidInput(f"{text!r} is no {seen.type}", where=where, expected="a value of the label") from None
        low, high = _plain(seen.min), _plain(seen.max)
        if not low <= value <= high:
            raise InvalidInput(f"no row's label is {value}", where=where, expected=f"a value from {low:g} to {high:g}")
        if seen.num_distinct == 2:
            share = (
                (_plain(seen.mean) - low) / (high - low) if value == high else (high - _plain(seen.mean)) / (high - low)
            )
    return Label(seen.name, "binary", value, share, num_rows, f"{reason}; 1 is {value!r}, as asked for")


def _typed(text: str) -> str:
    """A text as a shell takes it."""
    import shlex

    return shlex.quote(text)
