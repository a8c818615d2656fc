"""What a source is: it says which files (or tables, or stretches of a log) there are, and reads one as batches.

    plan = source.plan(cursor)              # what is new since the cursor; None = everything
    piece = source.look(fragment, {})       # what the fragment is now: equal identity, equal content
    read = source.read(fragment)            # one fragment: its types, and its batches in order
    schema = source.join(shapes)            # the one schema of a span, from those of its fragments
    read = source.read(fragment, schema)    # the same fragment in that schema

Planning looks, reading reads: plans and pieces are plain data that is recorded with the run, so that resuming reads
the same or says that it cannot.
`headrace.testing.SourceCases` checks all of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from headrace.dataset import Fragment

__all__ = ["Batches", "Known", "Piece", "Plan", "Planned", "Source"]

Known = Mapping[tuple[str, str], str]
"""(locator, mark) -> identity, of pieces that were looked at before."""


@dataclass(frozen=True)
class Piece:
    """A fragment as it was when it was looked at.

    Parameters
    ----------
    locator : str
        The fragment's: an absolute path, a URL, a table and a range of its keys.
    mark : str
        Tells cheaply whether it is still the same: a file's size and time of change, an object's generation, a table's
        time of change; "" where nothing does.
    identity : str
        Of its content, wherever it lies and whenever it was written: what a step key counts. Sha256 of a file's bytes.
    """

    locator: str
    mark: str
    identity: str


@dataclass(frozen=True)
class Planned:
    """One fragment of a plan, and the span it belongs to."""

    span: str
    fragment: Fragment


@dataclass(frozen=True)
class Plan:
    """What there is to read.

    Parameters
    ----------
    fragments : tuple of Planned
        Spans in order, the fragments of a span in the order in which they count as one.
    next_cursor : str or None
        What `plan` takes next time to say only what is new; None when there was never anything.
    """

    fragments: tuple[Planned, ...]
    next_cursor: str | None


@dataclass(frozen=True)
class Batches:
    """A fragment being read.

    Parameters
    ----------
    schema : pyarrow.Schema
        Logical types (`headrace.dataset.types.logical_type`).
    batches : iterator of pyarrow.RecordBatch
        In order; text may come as a dictionary.
    num_rows : int or None
        How many rows they hold, where that is known before they are read.
    """

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    num_rows: int | None = None


class Source(Protocol):
    """The contract; see the module's docstring. Members are frozen dataclasses of plain parameters.

    Their fields `spans` (a selector, see `select_spans`) and `base` (where a relative path starts, None = the working
    folder; only where there are paths) are set by `ingest`. A field `pattern` says where things lie and nothing else:
    it is no part of a step key, as `spans` and `base` are not; all other fields are.
    """

    def plan(self, cursor: str | None = None) -> Plan:
        """What there is after the cursor; InvalidInput, with what was looked for, when there never was anything."""

    def look(self, fragment: Fragment, known: Known) -> Piece:
        """What a planned fragment is now; InvalidInput that names it when it is not there.

        With a mark that is `known` the identity is taken from there and nothing is read.
        """

    def read(self, fragment: Fragment, schema: pa.Schema | None = None) -> Batches:
        """One fragment; InvalidInput that names it when it cannot be read.

        `schema` is what `join` gave for its span, under this fragment's names: a source whose format has no types
        reads it so. None = the fragment's own.
        """

    def join(self, shapes: Sequence[tuple[str, pa.Schema]]) -> pa.Schema:
        """The schema in which the fragments of one span, (name, schema) each, are read together.

        InvalidSchema that names fragments and columns when they do not go together.
        """
