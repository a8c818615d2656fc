"""CSV files, a span a file or a folder, their types found by reading every row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from headrace.dataset import Fragment
from headrace.dataset.csv_file import CsvFile, CsvFormat, join_shapes
from headrace.ingestion._contract import Batches, Known, Piece, Plan
from headrace.ingestion.planning import look_at_file, plan_files

__all__ = ["Csv"]


@dataclass(frozen=True)
class Csv:
    """CSV files found by a pattern: `.csv`, `.tsv`, plain or `.gz`.

    Parameters
    ----------
    pattern : str
        A path or URL with `{span}` and the wildcards of glob, see `headrace.ingestion.spans.find_spans`.
    spans : str or sequence of str
        Which spans, see `select_spans`.
    base : str or None
        Where a relative pattern starts; None = the working folder.
    delimiter : str or None
        One of `,` `;` tab `|`; None = the one that line 1 holds most of outside quotes, a comma where it holds none.
    nulls : sequence of str
        What means null when it is written without quotes, beside nothing at all: ["NA"].
    names : sequence of str
        The columns of files that have no header line; () = line 1 names them.
    text : sequence of str
        Columns that are text whatever they look like: codes, of which 007 shows it and 113 does not.

    Types are the narrowest that take every row of every file of a **span** (`headrace.dataset.csv_values`): an integer
    column of one file and a float column of another are floats in both, and what does not go together is text, as it is
    written. Another span decides nothing here, so that a new month never changes the types of an old one: spans that
    differ are taken in as they are, and `validate` names the differences. A column without any value has the type
    null, which is at home beside every other.

    The cursor is the name of the last span planned: what comes after it is new.
    """

    pattern: str
    spans: str | Sequence[str] = "all"
    base: str | None = None
    delimiter: str | None = None
    nulls: Sequence[str] = ()
    names: Sequence[str] = ()
    text: Sequence[str] = ()

    def __post_init__(self) -> None:
        self._form()  # refuses what cannot be, where it was written

    def _form(self) -> CsvFormat:
        return CsvFormat(self.delimiter, self.nulls, self.names, self.text)

    def plan(self, cursor: str | None = None) -> Plan:
        """The files of the chosen spans after the cursor. Cost: a look into the folder."""
        return plan_files("csv", self.pattern, spans=self.spans, base=self.base, cursor=cursor)

    def look(self, fragment: Fragment, known: Known) -> Piece:
        """The file as it is. Cost: one that is not known is read once."""
        return look_at_file(fragment, known)

    def read(self, fragment: Fragment, schema: pa.Schema | None = None) -> Batches:
        """One file. Without `schema` it is read once for its types, then once more. Memory: a block of 4 MiB."""
        file = CsvFile(fragment.locator, self._form())
        if schema is not None:
            return Batches(schema, file.batches(schema))
        return Batches(file.arrow_schema, file.batches(), file.num_rows)

    def join(self, shapes: Sequence[tuple[str, pa.Schema]]) -> pa.Schema:
        """The narrowest types that take the rows of all files; InvalidSchema for files of other columns."""
        return join_shapes(shapes)
