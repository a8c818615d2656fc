"""Masking: the values of sensitive columns in text that somebody's code printed."""

from __future__ import annotations

import re
from collections.abc import Collection

__all__ = ["MASK", "mask"]

MASK = "[masked]"

# What may stand between a column's name and its value, and how a value ends: as Python, JSON, YAML and key=value print.
_BETWEEN = r"""["'\]]{0,2}\s{0,4}(?:=|:|->|\bis\b)\s{0,4}"""
_VALUE = r"""(?:"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|[\[(][^\])\n]*[\])]|[^\s,;)}\]]+)"""


def mask(text: str, columns: Collection[str]) -> str:
    r"""Text in which the values printed beside the names of these columns are masked.

    It recognises `name=value`, `name: value`, `"name": "value"`, `row['name'] = value` and lists in brackets. A value
    that is printed without its column's name cannot be recognised: steps should not print such values.

    Parameters
    ----------
    text : str
        A log, or a part of one that ends with a line.
    columns : collection of str
        The sensitive columns.

    >>> mask('row {"ssn": "12 3", "age": 4} ssn=99, weight=1', ["ssn"])
    'row {"ssn": [masked], "age": 4} ssn=[masked], weight=1'
    """
    if not columns:
        return text
    names = "|".join(re.escape(name) for name in sorted(columns, key=len, reverse=True))
    pattern = rf"(?<![\w-])((?:{names}){_BETWEEN}){_VALUE}"
    return re.sub(pattern, lambda found: found[1] + MASK, text)
