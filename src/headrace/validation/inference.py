"""`infer_schema`: a first schema from what was seen, for a person to review."""

from __future__ import annotations

from headrace.schema import Feature, Schema
from headrace.statistics import FeatureStatistics, Statistics

__all__ = ["MAX_DOMAIN", "MIN_ROWS_A_VALUE", "infer_schema"]

MAX_DOMAIN = 100
MIN_ROWS_A_VALUE = 20


def infer_schema(statistics: Statistics) -> Schema:
    """The strictest schema that is likely to hold for the next data too, from the statistics of some.

    The rules, each kept simple enough to be checked by eye:

    - *kind*: as seen.
    - *min_present*: 1.0 where no null was seen. Else twice the share of nulls seen and one row in a hundred more may be
      null, rounded down to a hundredth: 2.5 % null gives 0.94, half null gives 0.0.
    - *domain*: for text with at most 100 distinct values, 20 rows a value on average, and no value seen only once. The
      share of rows whose value was never seen is estimated by the share seen once (Good and Turing), so a domain is
      given only where another value would be news; identifiers, free text and long-tailed codes get none.
    - *allow_nan*: false where no NaN was seen.
    - *min, max*: never. The range seen is not the range meant: the next month's delay may well be the longest yet.
    - *not_in*: ("serving",) for the label.

    Parameters
    ----------
    statistics : Statistics
        Of all rows (`analyze`).

    Returns
    -------
    Schema
        `is_reviewed` is False. The data it came from always validate against it.

    Cost: none to speak of; no row is read.

    >>> import pyarrow as pa
    >>> from headrace.dataset import Dataset
    >>> from headrace.statistics import analyze
    >>> table = pa.table({"carrier": ["AA", "UA"] * 50, "delay": [1.5, None] * 50})
    >>> schema = infer_schema(analyze(Dataset.from_arrow(table)))
    >>> schema["carrier"].domain, schema["delay"].min_present
    (('AA', 'UA'), 0.0)

    Source: I. J. Good, The population frequencies of species and the estimation of population parameters, 1953.
    """
    label = getattr(getattr(statistics, "roles", None), "label", None)
    features = []
    for name in statistics.feature_names:
        seen = statistics[name]
        features.append(
            Feature(
                name,
                seen.type,
                min_present=_min_present(seen.num_missing, seen.num_rows),
                domain=_domain(statistics, name, seen) if seen.type == "text" else None,
                allow_nan=seen.type != "number" or bool(seen.num_nan),
                not_in=("serving",) if name == label else (),
            )
        )
    return Schema(tuple(features), is_reviewed=False)


def _min_present(num_missing: int, num_rows: int) -> float:
    if num_rows == 0:
        return 0.0
    if num_missing == 0:
        return 1.0
    return max(0, (99 * num_rows - 200 * num_missing) // num_rows) / 100  # whole numbers: no rounding to doubt


def _domain(statistics: Statistics, name: str, seen: FeatureStatistics) -> tuple[str, ...] | None:
    num_distinct = seen.num_distinct or 0
    if not 0 < num_distinct <= MAX_DOMAIN or seen.num_present < MIN_ROWS_A_VALUE * num_distinct:
        return None
    if seen.num_invalid_utf8:  # a schema is text
        return None
    # `top_values` ends at twenty; the states beneath hold all values of a column of so few.
    whole = statistics._results[statistics.feature_names.index(name)][0]
    if not whole.is_exact or int(whole.counts.min()) < 2:
        return None
    return tuple(sorted(whole.values.to_pylist()))
