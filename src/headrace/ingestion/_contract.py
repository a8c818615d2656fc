"""What a source is: it says which files (or tables, or stretches of a log) there are, and reads one as batches.

    plan = source.plan(cursor)              # what is new since the cursor; None = everything
    read = source.read(fragment)            # one fragment: its types, and its batches in order
    schema = source.join(shapes)            # the one schema of a span, from those of its fragments
    read = source.read(fragment, schema)    # the same fragment in that schema

Planning looks, reading reads: a plan is plain data that is recorded with the run, so that resuming reads the same.
`headrace.testing.SourceCases` checks all of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from headrace.dataset import Fragment

__all__ = ["Batches", "Plan", "Planned", "Source"]


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
    folder) are set by `ingest`.
    """

    def plan(self, cursor: str | None = None) -> Plan:
        """What there is after the cursor; InvalidInput, with what was looked for, when there never was anything."""

    def read(self, fragment: Fragment, schema: pa.Schema | None = None) -> Batches:
        """One fragment; InvalidInput that names it when it cannot be read.

        `schema` is what `join` gave for its span, under this fragment's names: a source whose format has no types
        reads it so. None = the fragment's own.
        """

    def join(self, shapes: Sequence[tuple[str, pa.Schema]]) -> pa.Schema:
        """The schema in which the fragments of one span, (name, schema) each, are read together.

        InvalidSchema that names fragments and columns when they do not go together.
        """
