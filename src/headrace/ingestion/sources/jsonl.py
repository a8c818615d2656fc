"""JSON lines files, an object a line, a span a file or a folder; their types found by reading every row."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from headrace.dataset import Fragment
from headrace.dataset.reading import as_logical
from headrace.dataset.types import common_type, joined_schema, logical_schema
from headrace.errors import InvalidInput
from headrace.ingestion._contract import Batches, Known, Piece, Plan
from headrace.ingestion.declared import check_types, declared_schema
from headrace.ingestion.planning import look_at_file, plan_files
from headrace.places import open_to_read

__all__ = ["Jsonl", "is_jsonl"]

_SUFFIXES = (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")
_MOST_BLOCK_BYTES = 1 << 30  # Arrow counts the bytes of a block in 32 bits


def is_jsonl(path: str | Path) -> bool:
    """Whether a path or pattern names JSON lines files.

    >>> is_jsonl("data/{span}.jsonl.gz"), is_jsonl("data/{span}.json")
    (True, False)
    """
    return str(path).lower().endswith(_SUFFIXES)


@dataclass(frozen=True)
class Jsonl:
    """JSON lines files found by a pattern: `.jsonl`, `.ndjson`, plain or `.gz`.

    Parameters
    ----------
    pattern : str
        A path or URL with `{span}` and the wildcards of glob, see `headrace.ingestion.spans.find_spans`.
    spans : str or sequence of str
        Which spans, see `select_spans`.
    base : str or None
        Where a relative pattern starts; None = the working folder.
    types : mapping of str to str, or pairs of these
        Columns and their Arrow types, {"id": "int64", "at": "timestamp[us, tz=UTC]"}: they are there in every file,
        before all others, whether a line has the key or not. The types of others are found.

    A key that a line lacks is null. Types are found by pyarrow: whole numbers of 64 bits are integers, beyond these
    and with a fraction numbers; texts of which every one is an ISO date or moment of whole seconds are timestamps,
    with a fraction of a second they are text unless `types` says otherwise. Where files of one **span** differ, a
    column without any value takes the others' type, integers beside numbers are numbers, and timestamps beside text are
    text, as written. Another span decides nothing: `validate` names the differences.

    The cursor is the name of the last span planned: what comes after it is new.

    Raises InvalidInput for a type that is none.

    Examples
    --------
    >>> Jsonl("events/{span}.jsonl", types={"id": "int64"}).types
    (('id', 'int64'),)
    """

    pattern: str
    spans: str | Sequence[str] = "all"
    base: str | None = None
    types: Mapping[str, str] | Sequence[tuple[str, str]] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "types", check_types(self.types, "Jsonl"))

    @property
    def known_types(self) -> pa.Schema:
        """The columns whose types were given."""
        return declared_schema(self.types)

    def plan(self, cursor: str | None = None) -> Plan:
        """The files of the chosen spans after the cursor. Cost: a look into the folder."""
        return plan_files("jsonl", self.pattern, spans=self.spans, base=self.base, cursor=cursor)

    def look(self, fragment: Fragment, known: Known) -> Piece:
        """The file as it is. Cost: one that is not known is read once."""
        return look_at_file(fragment, known)

    def read(self, fragment: Fragment, schema: pa.Schema | None = None) -> Batches:
        """One file. Memory: the file as a whole, and its rows.

        Raises InvalidInput, naming the file, for what is no JSON lines file, a column of two types, or no column.
        """
        table = _parse(fragment.locator, self.known_types if schema is None else schema)
        found = logical_schema(table.schema, fragment.locator)

        def batches() -> Iterator[pa.RecordBatch]:
            for batch in table.to_batches():
                yield pa.RecordBatch.from_arrays([as_logical(item) for item in batch.columns], names=found.names)

        return Batches(found, batches(), table.num_rows)

    def join(self, shapes: Sequence[tuple[str, pa.Schema]]) -> pa.Schema:
        """The types that take the rows of all files; InvalidSchema names the columns in which the files differ."""
        return joined_schema(shapes, _joined)


def _parse(locator: str, known: pa.Schema) -> pa.Table:
    import pyarrow.json  # only those who read JSON pay for it

    num_bytes = 0
    try:
        packed = "gzip" if locator.lower().endswith(".gz") else None
        with open_to_read(locator) as opened, pa.input_stream(opened, compression=packed) as file:
            data = file.read_buffer()
        num_bytes = data.size
        if not num_bytes:  # Arrow refuses an empty file
            return known.empty_table()
        # One block for all: no line is longer than a block, and the rows in messages are those of the file.
        reading = pyarrow.json.ReadOptions(block_size=min(num_bytes + 1, _MOST_BLOCK_BYTES))
        parsing = pyarrow.json.ParseOptions(explicit_schema=known)
        return pyarrow.json.read_json(pa.BufferReader(data), read_options=reading, parse_options=parsing)
    except (pa.ArrowException, OSError) as error:
        reason = _reason(error, is_one_block=num_bytes < _MOST_BLOCK_BYTES)
        raise InvalidInput(f"not readable as JSON lines: {reason}", where=locator) from error


def _reason(error: Exception, *, is_one_block: bool) -> str:
    """What pyarrow says, in a person's words: "column 'x' changed from number to string in object 2" of the file."""
    text = str(error).split("\n", 1)[0].removeprefix("JSON parse error: ")
    text = re.sub(r"^Column\(/(.*?)\)", r"column '\1'", text)
    return re.sub(r" in row (\d+)$", lambda row: f" in object {int(row[1]) + 1}" if is_one_block else "", text)


def _joined(types: Sequence[pa.DataType]) -> pa.DataType | None:
    """The type that values of all these can be read in, None where there is none."""
    known = [item for item in types if not pa.types.is_null(item)]
    texts = [item for item in known if pa.types.is_string(item)]
    if texts and all(pa.types.is_string(item) or pa.types.is_timestamp(item) for item in known):
        return texts[0]
    return common_type(types)
