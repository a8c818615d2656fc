"""The ingest verb: from a path pattern to a data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from headrace.dataset import Dataset, Fragment, Roles, Span
from headrace.dataset.reading import FragmentReader, ParquetReader, RenamedReader
from headrace.dataset.types import one_schema
from headrace.ingestion.sources.parquet import Parquet

__all__ = ["ingest"]


def ingest(
    pattern: str | Path,
    *,
    spans: str | Sequence[str] = "all",
    label: str | None = None,
    key: Sequence[str] = (),
    weight: str | None = None,
    time: str | None = None,
    sensitive: Sequence[str] = (),
    positive: str | int | float | bool | None = None,
    split: Mapping[str, int] | None = None,
    rename: Mapping[str, str] | None = None,
    base: Path | None = None,
) -> Dataset:
    """A data set over the Parquet files a pattern finds, read where they are; nothing is copied.

    Parameters
    ----------
    pattern : str or Path
        A path such as "data/flights/{span}.parquet"; without `{span}` all files are the one span "all".
    spans : str or sequence of str
        "all", "last 6", "2013-01..2013-06", one name, or a list of names.
    label, key, weight, time, sensitive, positive
        The roles of columns, see `headrace.dataset.Roles`; UnknownName for a column in no span.
    split : mapping of str to int, optional
        Weights, such as {"train": 8, "eval": 2}; rows are drawn by the hash of their key.
    rename : mapping of str to str, optional
        {"town": "city"}: a file's column "town" is the data set's "city"; files that have no such column stay as they
        are. For a column that was renamed on the way, while older spans still have its old name.
    base : Path, optional
        Where a relative pattern starts; the working folder by default.

    Spans may differ in shape: `validate` names the differences, whoever else reads the data set gets one clear error.
    Raises InvalidInput when there is no file, one is not Parquet, or two columns share a name; InvalidSchema when the
    files of one span differ. Cost: each file's footer.
    """
    plan = Parquet(str(pattern), spans, None if base is None else str(base)).plan()
    roles = Roles(label, tuple(_names(key)), weight, time, tuple(_names(sensitive)), positive)
    by_span: dict[str, list[FragmentReader]] = {}
    fragments: dict[str, list[Fragment]] = {}
    for planned in plan.fragments:
        reader: FragmentReader = ParquetReader(Path(planned.fragment.locator))
        if rename:
            reader = RenamedReader(reader, rename)
        by_span.setdefault(planned.span, []).append(reader)
        fragments.setdefault(planned.span, []).append(planned.fragment)
    records = [
        Span(name, 1, one_schema([(reader.name, reader.arrow_schema) for reader in readers]), tuple(fragments[name]))
        for name, readers in by_span.items()
    ]
    opened = {(name, index): reader for name, readers in by_span.items() for index, reader in enumerate(readers)}
    return Dataset(tuple(records), roles, None if split is None else dict(split), _readers=dict(opened))


def _names(value: Sequence[str]) -> Sequence[str]:
    return (value,) if isinstance(value, str) else value
