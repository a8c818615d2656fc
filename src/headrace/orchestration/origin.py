"""Origin: how the files were written that a model was fitted on, so that others like them can be read alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from headrace.canonical import to_canonical
from headrace.dataset.csv_file import CsvFormat
from headrace.ingestion.sources.csv import Csv
from headrace.orchestration.arguments import real_objects

if TYPE_CHECKING:
    from headrace.store import Store

__all__ = ["Origin", "origin_of"]


@dataclass(frozen=True)
class Origin:
    """How files are read.

    Parameters
    ----------
    written : CsvFormat
        How CSV is written.
    rename : dict of str to str
        Columns' names in the files -> in the data set.
    """

    written: CsvFormat = field(default_factory=CsvFormat)
    rename: dict[str, str] = field(default_factory=dict)


def origin_of(store: Store, model_digest: str) -> Origin:
    """How the files that a model came from are read, by the record of the run that made it.

    An Origin that says nothing where no run made it, or where it came from files that are read in several ways.
    Cost: two look-ups in the store.
    """
    made = next(iter(store.catalog("model", prefix=model_digest, limit=1)), None)
    if made is None or made.run_id is None or made.step is None:
        return Origin()
    steps = {step["name"]: step for step in store.run(made.run_id).plan["steps"]}
    found, waiting = {}, [made.step]
    seen = set(waiting)
    while waiting:
        step = steps.get(waiting.pop())
        if step is None:
            continue
        if step["call"] == "ingest_span":
            how = {name: step["arguments"].get(name) for name in ("source", "rename")}
            found[to_canonical(how)] = how
        new = set(_steps_in(step["arguments"])) - seen
        seen |= new
        waiting += new
    if len(found) != 1:
        return Origin()
    (how,) = found.values()
    source = real_objects(how["source"])
    rename = dict(how["rename"] or {})
    if not isinstance(source, Csv):
        return Origin(rename=rename)
    return Origin(CsvFormat(source.delimiter, source.nulls, source.names), rename)


def _steps_in(value: Any) -> Iterator[str]:
    """The steps that recorded arguments refer to."""
    if isinstance(value, dict):
        if set(value) == {"@"}:
            yield value["@"][0]
        else:
            for item in value.values():
                yield from _steps_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from _steps_in(item)
