"""Texts that are asked about and that no row had: they are answered, so somebody has to be told which they are."""

from __future__ import annotations

from collections.abc import Mapping

from headrace.model import Model
from headrace.statistics import Statistics
from headrace.validation import Item

__all__ = ["unseen_texts"]

_MOST_NAMED = 5


def unseen_texts(model: Model, before: Statistics, live: Statistics, names: Mapping[str, str]) -> list[Item]:
    """An item for each text column that is asked about with values it never had, the most frequent of these named.

    Parameters
    ----------
    model : Model
        Whose columns.
    before, live : Statistics
        Of the rows it was fitted on, and of those asked.
    names : mapping of str to str
        The columns that are compared, as `live` calls them.

    Only columns whose values are all known are looked at: the twenty most frequent are kept, and of a name or an
    address with more than these every other one is new. That is information; how far a column has moved is judged by
    its distances.
    """
    found = []
    for column in model.columns:
        if column.kind != "text" or column.name not in names:
            continue
        if column.name not in before.feature_names or names[column.name] not in live.feature_names:
            continue
        was, now = before[column.name], live[names[column.name]]
        if was.num_distinct != len(was.top_values):
            continue
        known = {value for value, _ in was.top_values}
        unseen = [(value, count) for value, count in now.top_values if value not in known]
        if unseen:
            shown = ", ".join(f"{value[:60]!r} ({count:,})" for value, count in unseen[:_MOST_NAMED])
            more = ", ..." if len(unseen) > _MOST_NAMED else ""
            rows = sum(count for _, count in unseen)
            message = f"{column.name}: texts that no row had it was fitted on, in {rows:,} of {now.num_rows:,} rows:"
            share = rows / now.num_rows
            found.append(
                Item("unseen_texts", column.name, None, "info", share, None, f"{message} {shown}{more}", num_rows=rows)
            )
    return found
