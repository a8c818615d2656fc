"""How two schemas differ, in lines that a person reads before saying yes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from headrace.schema._schema import Schema
from headrace.schema.moments import format_moment

__all__ = ["differences"]

_MOST = 20


def differences(before: Schema, after: Schema) -> list[str]:
    """What changes from one schema to another: a line for each feature that joins (+), leaves (-) or changes (~).

    Lists tell what joins and what leaves them, twenty values at most. Whether it was reviewed is not told. Empty for
    equal schemas.

    >>> from headrace.schema import Feature
    >>> old = Schema((Feature("carrier", "text", domain=("AA", "US")), Feature("x", "number")))
    >>> new = Schema((Feature("carrier", "text", domain=("AA", "WN"), min_present=0.5),))
    >>> print("\\n".join(differences(old, new)))
    ~ carrier: min_present: 0.5 (was not there); domain: +'WN' -'US'
    - x
    """
    lines = []
    plain = [before.to_plain(), after.to_plain()]
    for key in ("dataset", "domains", "severity"):
        changes = "; ".join(_changes(plain[0].get(key, {}), plain[1].get(key, {})))
        if changes:
            lines.append(f"~ {key}: {changes}")
    for key in ("checks", "features"):
        rows = [{row["name"]: row for row in one.get(key, ())} for one in plain]
        prefix = "check " if key == "checks" else ""
        for name in dict.fromkeys([*rows[1], *rows[0]]) if key == "features" else dict.fromkeys([*rows[0], *rows[1]]):
            if name not in rows[1]:
                lines.append(f"- {prefix}{name}")
            elif name not in rows[0]:
                said = ", ".join(f"{word}: {_shown(value)}" for word, value in rows[1][name].items() if word != "name")
                lines.append(f"+ {prefix}{name} ({said})")
            else:
                is_time = rows[0][name].get("kind") == rows[1][name].get("kind") == "timestamp"
                changes = "; ".join(_changes(rows[0][name], rows[1][name], is_time=is_time))
                if changes:
                    lines.append(f"~ {prefix}{name}: {changes}")
    order = [[row["name"] for row in one["features"]] for one in plain]
    kept = [[name for name in names if name in order[0] and name in order[1]] for names in order]
    if kept[0] != kept[1]:
        lines.append(f"~ order: {', '.join(kept[1][:_MOST])}")
    return lines


def _changes(old: dict[str, Any], new: dict[str, Any], *, is_time: bool = False) -> Iterator[str]:
    for key in dict.fromkeys([*new, *old]):
        one, other = old.get(key), new.get(key)
        if one == other:
            continue
        if is_time and key in ("min", "max"):
            one, other = (None if value is None else format_moment(value) or value for value in (one, other))
        if isinstance(one, list) and isinstance(other, list):
            joins = [f"+{_shown(value)}" for value in other if value not in one]
            leaves = [f"-{_shown(value)}" for value in one if value not in other]
            told = (joins + leaves)[:_MOST]
            more = len(joins) + len(leaves) - len(told)
            yield f"{key}: {' '.join(told) or 'another order'}{f' and {more} more' if more else ''}"
        elif other is None:
            yield f"{key} goes (was {_shown(one)})"
        else:
            yield f"{key}: {_shown(other)} ({'was not there' if one is None else f'was {_shown(one)}'})"


def _shown(value: Any) -> str:
    if isinstance(value, list) and len(value) > _MOST:
        return f"{', '.join(_shown(item) for item in value[:_MOST])} and {len(value) - _MOST} more"
    return repr(value)
