"""What the sources of files plan alike: the files of the chosen spans, after a cursor that is a span's name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from headrace.dataset import Fragment
from headrace.ingestion._contract import Plan, Planned
from headrace.ingestion.spans import find_spans, select_spans

__all__ = ["plan_files"]


def plan_files(
    source: str,
    pattern: str,
    *,
    spans: str | Sequence[str],
    base: str | None,
    cursor: str | None,
    num_rows: Callable[[Path], int] | None = None,
) -> Plan:
    """The files of the chosen spans after the cursor, spans in order.

    Parameters
    ----------
    source : str
        Who reads them: the source's name, for the fragments.
    pattern, spans, base
        The source's own fields: see `find_spans` and `select_spans`; base None = the working folder.
    cursor : str or None
        The name of the last span planned before; None = everything.
    num_rows : callable, optional
        How many rows a file has, where that is known without reading it.

    Raises InvalidInput, with what was looked for, when there is no file, UnknownName for a span there is not.
    Cost: a look into the folder, and `num_rows` for each file chosen.
    """
    found = find_spans(pattern, base=None if base is None else Path(base))
    names = [name for name, _ in found]
    chosen = set(select_spans(names, spans))
    if cursor in names:
        chosen -= set(names[: names.index(cursor) + 1])
    planned = [
        Planned(span, Fragment(source, str(path), None if num_rows is None else num_rows(path)))
        for span, paths in found
        if span in chosen
        for path in paths
    ]
    return Plan(tuple(planned), planned[-1].span if planned else cursor)
