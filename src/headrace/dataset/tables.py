"""Tables as other packages have them: whatever hands over its columns by Arrow's C interface is a table here.

pyarrow, Polars, DuckDB and pandas (2.2 and later) all do, so none of them is imported. What is particular to pandas:
an index is no column (`reset_index()` makes it one), NaN in a float column is null, because pandas had no other null
for so long, and an object column is what all its values are, or refused.

Source: the Arrow PyCapsule interface, arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html
"""

from __future__ import annotations

import re
from typing import Any

import pyarrow as pa

from headrace.calls import an, user_line
from headrace.errors import InvalidInput, Misuse

__all__ = ["as_table", "is_table"]

# What pandas before version 3 makes of an index that has no name.
_INDEX = re.compile(r"__index_level_\d+__")


def is_table(value: Any) -> bool:
    """Whether `as_table` takes it."""
    return hasattr(value, "__arrow_c_stream__") or hasattr(value, "__arrow_c_array__")


def as_table(value: Any, user: str) -> pa.Table:
    """A table of any package as an Arrow table.

    Parameters
    ----------
    value : object
        A pyarrow Table, RecordBatch or RecordBatchReader, a Polars or pandas DataFrame, a DuckDB relation: anything
        with `__arrow_c_stream__` or `__arrow_c_array__`. A reader is read to its end.
    user : str
        Who asks, for the message.

    Raises Misuse for anything else, InvalidInput when the other package cannot say its columns in Arrow. Cost: no copy
    where the other package keeps Arrow; pandas copies columns that have nulls.

    >>> import polars
    >>> as_table(polars.DataFrame({"x": [1, None]}), "example")["x"].to_pylist()
    [1, None]
    """
    if isinstance(value, pa.Table):
        return value
    if isinstance(value, pa.RecordBatch):
        return pa.Table.from_batches([value])
    if isinstance(value, type) or not is_table(value):
        what = type(value).__name__
        raise Misuse(
            f"{user} got {'the class ' + value.__name__ if isinstance(value, type) else an(what)}",
            where=user_line(),
            expected="a pyarrow.Table, or a DataFrame of pandas 2.2 or later, Polars, DuckDB: with __arrow_c_stream__",
            fix=_FIXES.get(what, ""),
        )
    try:
        table = pa.table(value)
    except (pa.ArrowException, TypeError, ValueError) as error:
        reason = "; ".join(str(part) for part in error.args)[:300]
        raise InvalidInput(
            f"a {type(value).__module__.partition('.')[0]} {type(value).__name__} that is no table in Arrow: {reason}",
            where=user,
            expected="columns of one type each, under names of their own",
            fix="convert or drop the column, such as df['x'] = df['x'].astype(str)",
        ) from error
    return table.select([name for name in table.column_names if not _INDEX.fullmatch(name)])


_FIXES = {
    "str": "hr.Dataset.from_parquet and hr.Dataset.from_csv read files",
    "PosixPath": "hr.Dataset.from_parquet and hr.Dataset.from_csv read files",
    "LazyFrame": "collect it first: .collect()",
    "ndarray": "its columns need names: pandas.DataFrame(X, columns=[...])",
    "dict": "pyarrow.table(...) makes one of columns",
    "list": "pyarrow.Table.from_pylist(...) makes one of rows",
}
