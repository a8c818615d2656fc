"""What a plan looks up about its data: the spans there are, and what each of their pieces is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace.canonical import digest
from headrace.dataset import Fragment
from headrace.ingestion._contract import Known, Piece, Source
from headrace.ingestion._ingest import choose_source
from headrace.ingestion.streams._contract import Stream
from headrace.store import Store

__all__ = ["ResolvedSpan", "resolve_spans"]


@dataclass(frozen=True)
class ResolvedSpan:
    """A span and the pieces it was when a run was planned, in the order in which they count as one.

    `version` counts up where a span is made anew with rows that came late.
    """

    name: str
    pieces: tuple[Piece, ...]
    version: int = 1

    @property
    def digest(self) -> str:
        """Name and contents: what a step key counts. No path and no time is in it."""
        return digest([self.name, [piece.identity for piece in self.pieces]])

    def to_plain(self) -> dict[str, Any]:
        """As plain data, for the record of the run."""
        files = [[piece.locator, piece.mark, piece.identity] for piece in self.pieces]
        # Left out of first versions: recorded runs and keys of then stay as they are.
        return {"name": self.name, "files": files, **({"version": self.version} if self.version > 1 else {})}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> ResolvedSpan:
        """Read what `to_plain` gave, now or in the first format (path, size, time of change, sha256)."""
        pieces = []
        for locator, *marks, identity in plain["files"]:
            pieces.append(Piece(locator, " ".join(str(mark) for mark in marks), identity))
        return cls(plain["name"], tuple(pieces), plain.get("version", 1))


def resolve_spans(
    pattern: str | Path | Source | Stream,
    spans: str | Sequence[str] = "all",
    *,
    base: Path | None = None,
    known: Known | None = None,
    store: Store | None = None,
    as_of: str | None = None,
) -> list[ResolvedSpan]:
    """The spans a selector means now, each with what its pieces are: looked up once, when a run is planned.

    Parameters
    ----------
    pattern, spans, base
        As `ingest` takes them.
    known : mapping of (locator, mark) to identity, optional
        Pieces that were looked at before: those whose mark is still the same are not read again.
    store : Store, optional
        Where the closed spans of a stream are; nothing else is looked up there.
    as_of : str, optional
        The newest span that there is to be, as if nothing after it had come.

    Raises what the source's `plan` and `look` raise. Cost: that of `look`; a file that is not known is read once, at
    some 1.5 GB a second.
    """
    source = choose_source(pattern, spans, base)
    if as_of is not None:
        from headrace.ingestion.past import up_to

        source = up_to(source, as_of, store)
    if isinstance(source, Stream):
        from headrace.ingestion.closed import closed_spans  # which makes what this module defines

        return closed_spans(store, source)
    found: dict[str, list[Fragment]] = {}
    for planned in source.plan().fragments:
        found.setdefault(planned.span, []).append(planned.fragment)
    return [
        ResolvedSpan(name, tuple(source.look(fragment, known or {}) for fragment in fragments))
        for name, fragments in found.items()
    ]
