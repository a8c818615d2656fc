"""One span of a source, read as one: its fragments' schemas joined, its columns under the names they are to have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa

from headrace.dataset import Fragment
from headrace.dataset.types import renamed_schema
from headrace.ingestion._contract import Source

__all__ = ["OneSpan"]


class OneSpan:
    """The fragments of a span.

    Parameters
    ----------
    source : Source
        Who reads them.
    fragments : sequence of Fragment
        In order.
    rename : mapping of str to str
        The fragments' names of columns -> those of the data set.

    `schema` is that of all of them, `num_rows` their rows, None where only reading can tell.

    Raises InvalidInput naming a fragment that cannot be read, InvalidSchema when they do not go together. Cost: what
    the source needs to know their types.
    """

    def __init__(self, source: Source, fragments: Sequence[Fragment], rename: Mapping[str, str]) -> None:
        self._source, self._fragments, self._rename = source, tuple(fragments), rename
        self._own: list[pa.Schema] = []
        counts: list[int | None] = []
        for fragment in self._fragments:  # one after the other: what reads a whole file must not hold them all
            found = source.read(fragment)
            self._own.append(found.schema)
            counts.append(found.num_rows)
        self.num_rows = None if None in counts else sum(filter(None, counts))
        shapes = [
            (fragment.locator, renamed_schema(own, rename, fragment.locator))
            for fragment, own in zip(self._fragments, self._own, strict=True)
        ]
        self.schema = source.join(shapes)

    def batches(self, index: int) -> Iterator[pa.RecordBatch]:
        """The rows of a fragment, by its place, in the span's names and their order; text may be a dictionary."""
        names = [self._rename.get(name, name) for name in self._own[index].names]
        types = [self.schema.field(name).type for name in names]
        wanted = pa.schema(list(zip(self._own[index].names, types, strict=True)))
        for batch in self._source.read(self._fragments[index], wanted).batches:
            yield batch.rename_columns(names).select(self.schema.names)
