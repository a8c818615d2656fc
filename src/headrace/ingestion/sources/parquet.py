"""Parquet files, a span a file or a folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from headrace.dataset import Fragment
from headrace.dataset.reading import ParquetReader
from headrace.dataset.types import one_schema
from headrace.ingestion._contract import Batches, Known, Piece, Plan
from headrace.ingestion.planning import look_at_file, plan_files

__all__ = ["Parquet"]

_BATCH_ROWS = 1 << 16


@dataclass(frozen=True)
class Parquet:
    """Parquet files found by a pattern.

    Parameters
    ----------
    pattern : str
        A path or URL with `{span}` and the wildcards of glob, see `headrace.ingestion.spans.find_spans`.
    spans : str or sequence of str
        Which spans, see `select_spans`.
    base : str or None
        Where a relative pattern starts; None = the working folder.

    The cursor is the name of the last span planned: what comes after it is new.
    """

    pattern: str
    spans: str | Sequence[str] = "all"
    base: str | None = None

    def plan(self, cursor: str | None = None) -> Plan:
        """The files of the chosen spans after the cursor. Cost: a look into the folder."""
        return plan_files("parquet", self.pattern, spans=self.spans, base=self.base, cursor=cursor)

    def look(self, fragment: Fragment, known: Known) -> Piece:
        """The file as it is. Cost: one that is not known is read once."""
        return look_at_file(fragment, known)

    def read(self, fragment: Fragment, schema: pa.Schema | None = None) -> Batches:
        """One file, row group after row group, in its own types. Memory: a batch of 65,536 rows."""
        reader = ParquetReader(fragment.locator)

        def batches() -> Iterator[pa.RecordBatch]:
            for piece in range(len(reader.piece_rows)):
                yield from reader.batches(piece, reader.arrow_schema.names, _BATCH_ROWS)

        return Batches(reader.arrow_schema, batches(), sum(reader.piece_rows))

    def join(self, shapes: Sequence[tuple[str, pa.Schema]]) -> pa.Schema:
        """The schema that all files have: InvalidSchema names the columns in which they differ."""
        return one_schema(shapes)
