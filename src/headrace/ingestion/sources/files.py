"""Files of bytes, such as images and texts: a row a file."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from headrace.canonical import digest
from headrace.dataset import Fragment
from headrace.dataset.types import one_schema
from headrace.errors import InvalidInput
from headrace.ingestion._contract import Batches, Known, Piece, Plan, Planned
from headrace.ingestion.planning import look_at_file, plan_files
from headrace.ingestion.spans import find_spans
from headrace.places import find_objects, hash_object, is_url, open_to_read

__all__ = ["Files"]

_BATCH_BYTES, _BATCH_ROWS = 1 << 24, 1 << 12
_MOST_BYTES = 1 << 30  # Arrow counts the bytes of a column's batch in 31 bits
_MAGIC = re.compile(r"\[.\]|([*?]|\[[^]]{2,}\])")  # the first is what glob.escape writes, and no wildcard


@dataclass(frozen=True)
class Files:
    """Files found by a pattern, each as it is: images, texts, recordings.

    Parameters
    ----------
    pattern : str
        A path or URL with `{span}` and the wildcards of glob, see `headrace.ingestion.spans.find_spans`.
    spans : str or sequence of str
        Which spans, see `select_spans`.
    base : str or None
        Where a relative pattern starts; None = the working folder.
    text : bool
        Whether `content` is text: every file is UTF-8 then.

    Columns, in order of `path`:

    | column | type | holds |
    |---|---|---|
    | `path` | string | where the file lies, from the last folder that the pattern names without a wildcard |
    | `size_bytes` | int64 | its size |
    | `content` | binary, or string | its bytes |

    All files of a span are one fragment. The cursor is the name of the last span planned.

    Examples
    --------
    >>> Files("images/{span}/*.png").text
    False
    """

    pattern: str
    spans: str | Sequence[str] = "all"
    base: str | None = None
    text: bool = False

    def plan(self, cursor: str | None = None) -> Plan:
        """The chosen spans after the cursor. Cost: a look into the folder."""
        plan = plan_files("files", self.pattern, spans=self.spans, base=self.base, cursor=cursor)
        pattern = self.pattern
        if not is_url(pattern) and not Path(pattern).is_absolute():
            pattern = f"{glob.escape(str(Path(self.base or '.').absolute()))}/{pattern}"
        names = dict.fromkeys(planned.span for planned in plan.fragments)
        found = [Planned(name, Fragment("files", pattern.replace("{span}", name), None)) for name in names]
        return Plan(tuple(found), plan.next_cursor)

    def look(self, fragment: Fragment, known: Known) -> Piece:
        """The files as they are: their paths and contents are the identity. Cost: what is not known is read once."""
        if is_url(fragment.locator):
            objects = find_objects(fragment.locator)
            marks = [(url, found.mark) for url, found in objects]
        else:
            paths = find_spans(fragment.locator)[0][1]
            looks = [(path, Path(path).stat()) for path in paths]
            marks = [(path, f"{found.st_size} {found.st_mtime_ns}") for path, found in looks]
        mark = digest(marks) if all(mark for _, mark in marks) else ""
        own = known.get((fragment.locator, mark)) if mark else None
        if own is None:
            if is_url(fragment.locator):
                identities = [(url, found.identity or hash_object(url)) for url, found in objects]
            else:
                identities = [(path, look_at_file(Fragment("files", path, None), {}).identity) for path in paths]
            own = digest([[_relative(path, fragment.locator), identity] for path, identity in identities])
        return Piece(fragment.locator, mark, own)

    def read(self, fragment: Fragment, schema: pa.Schema | None = None) -> Batches:
        """The files of a span, one after the other. Memory: 16 MiB, or the largest file.

        Raises InvalidInput, naming the file, for one that cannot be read, is larger than 1 GiB, or is no text.
        """
        places = [place for _, found in find_spans(fragment.locator) for place in found]
        own = pa.schema(
            [("path", pa.string()), ("size_bytes", pa.int64()), ("content", pa.string() if self.text else pa.binary())]
        )
        return Batches(own, self._batches(places, fragment.locator, own), len(places))

    def join(self, shapes: Sequence[tuple[str, pa.Schema]]) -> pa.Schema:
        """The schema that all have."""
        return one_schema(shapes)

    def _batches(self, places: Sequence[str], pattern: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        paths: list[str] = []
        contents: list[bytes] = []
        size = 0
        for place in places:
            content = self._content(place)
            if paths and (size + len(content) > _BATCH_BYTES or len(paths) == _BATCH_ROWS):
                yield _batch(paths, contents, schema)
                paths, contents, size = [], [], 0
            paths.append(_relative(place, pattern))
            contents.append(content)
            size += len(content)
        if paths:
            yield _batch(paths, contents, schema)

    def _content(self, place: str) -> bytes:
        try:
            with open_to_read(place) as file:
                content = file.read(_MOST_BYTES + 1)
        except FileNotFoundError as error:
            raise InvalidInput("the file is not there", where=place, fix="bring it back, or ingest again") from error
        except OSError as error:
            raise InvalidInput(f"the file cannot be read: {error.strerror or error}", where=place) from error
        if len(content) > _MOST_BYTES:
            raise InvalidInput("the file is larger than 1 GiB", where=place, fix="leave it out of the pattern")
        if self.text:
            try:
                content.decode()
            except UnicodeDecodeError as error:
                raise InvalidInput(
                    f"byte {error.start} is no UTF-8", where=place, fix="recode it, or read bytes: text=False"
                ) from error
        return content


def _batch(paths: Sequence[str], contents: Sequence[bytes], schema: pa.Schema) -> pa.RecordBatch:
    arrays = [
        pa.array(paths, pa.string()),
        pa.array([len(content) for content in contents], pa.int64()),
        pa.array(contents, pa.binary()).cast(schema.field("content").type),
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _relative(place: str, pattern: str) -> str:
    """A place from the last folder that a pattern names without a wildcard."""
    folder = pattern.rpartition("/")[0]
    wildcard = next((found.start() for found in _MAGIC.finditer(pattern) if found[1]), None)
    if wildcard is not None:
        folder = pattern[:wildcard].rpartition("/")[0]
    folder = re.sub(r"\[(.)\]", r"\1", folder)
    return place[len(folder) + 1 :] if place.startswith(f"{folder}/") else place
