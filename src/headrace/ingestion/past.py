"""What a source was as of a span: its spans up to that one, as if nothing after it had come."""

from __future__ import annotations

import dataclasses
from typing import Any

from headrace.errors import HeadraceError, InvalidInput, UnknownName
from headrace.ingestion._contract import Source
from headrace.ingestion.closed import newest_versions
from headrace.ingestion.spans import select_spans
from headrace.ingestion.streams._contract import Stream
from headrace.store import Store

__all__ = ["all_spans", "up_to"]


def all_spans(source: Source | Stream, store: Store | None = None) -> list[str]:
    """The names of all spans that a source has now, in order, whatever its selector; ["all"] for one without spans.

    `store` has the closed spans of streams. Cost: what the source's `plan` costs; nothing is read.
    """
    if isinstance(source, Stream):
        return [] if store is None else [span.name for span in newest_versions(store, source.stream_id)]
    whole: Any = dataclasses.replace(source, spans="all") if hasattr(source, "spans") else source  # type: ignore[type-var]
    return list(dict.fromkeys(planned.span for planned in whole.plan().fragments))


def up_to(source: Any, as_of: str, store: Store | None = None) -> Any:
    """The source with just the spans that its selector means where `as_of` is the newest there is.

    A source without spans is given back as it is: nothing in it says when its rows came.

    Raises UnknownName where it has no such span, InvalidInput where its selector names one after it.
    """
    names = all_spans(source, store)
    if names == ["all"] or not hasattr(source, "spans"):
        return source
    if as_of not in names:
        raise UnknownName("span", as_of, names, expected="one that the source has")
    try:
        chosen = select_spans(names[: names.index(as_of) + 1], source.spans)
    except HeadraceError as error:
        raise InvalidInput(
            f"as of {as_of} there is no {source.spans!r}", expected="a selector such as 'last 6' or 'all'"
        ) from error
    return dataclasses.replace(source, spans=tuple(chosen))
