"""BigQuery's SQL as text: names in quotes, and whether a text is one piece of SQL that can stand in parentheses."""

from __future__ import annotations

import re

__all__ = ["column", "is_one_piece"]

# https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical: texts, names and comments.
_QUOTED = re.compile(
    r"""'''.*?'''|\"\"\".*?\"\"\"|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`(?:\\.|[^`\\])*`|--[^\n]*|\#[^\n]*|/\*.*?\*/""",
    re.DOTALL,
)


def column(name: str) -> str:
    """A name of a column for SQL."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def is_one_piece(sql: str) -> bool:
    """Whether no statement ends in it, but with its last semicolon, and no parenthesis closes that it has not opened.

    The service runs several statements as a script, and a text that closes our parenthesis would begin one.

    >>> is_one_piece("select ';)' as x;"), is_one_piece("select 1 as x); delete from t where (true")
    (True, False)
    """
    bare = _QUOTED.sub(" ", sql).strip()
    if ";" in bare.rstrip(";"):
        return False
    depth = 0
    for sign in re.findall(r"[()]", bare):
        depth += 1 if sign == "(" else -1
        if depth < 0:
            return False
    return depth == 0
