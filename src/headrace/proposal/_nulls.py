"""Words that stand for null in a CSV: "NA" among numbers."""

from __future__ import annotations

import pyarrow as pa

from headrace.dataset.csv_values import narrow
from headrace.statistics import Statistics

__all__ = ["find_null_words"]

_WORDS = (
    "NA",
    "N/A",
    "n/a",
    "na",
    "#N/A",
    "null",
    "NULL",
    "Null",
    "None",
    "none",
    "nil",
    "?",
    "-",
    "--",
    ".",
    "missing",
)


def find_null_words(statistics: Statistics) -> tuple[str, ...]:
    """The words that keep a column from being numbers, booleans or moments: all that it holds beside such values.

    A word among texts proves nothing: NA may well be Namibia. What is found is said to the source for the whole file,
    and to the person.

    Parameters
    ----------
    statistics : Statistics
        Of rows as they were read; of a text with more than 65,536 distinct values only the most frequent are looked at.

    Returns the words in a fixed order; () where there are none. Cost: a look at each distinct text.

    >>> from headrace.dataset import Dataset
    >>> from headrace.statistics import analyze
    >>> find_null_words(analyze(Dataset.from_arrow(pa.table({"age": ["41", "NA", "7.5"], "land": ["NA", "CH", "US"]}))))
    ('NA',)
    """
    found: set[str] = set()
    for index, name in enumerate(statistics.feature_names):
        if statistics[name].type != "text":
            continue
        texts: set[str] = set()
        for states in statistics.parts.values():
            one = statistics.folds[index].extract(states[index])[0]  # type: ignore[arg-type]  # its own fold's state
            texts.update(one.values.to_pylist() if one.is_exact else (text for text, _ in one.top_values(100)))
        words = texts.intersection(_WORDS)
        others = texts.difference(words)
        if words and others and narrow(pa.array(sorted(others))) != "text":
            found |= words
    return tuple(word for word in _WORDS if word in found)
