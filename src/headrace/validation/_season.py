"""Seasons: earlier rows of the same month, day of the week or hour, so that what comes back every year is no drift."""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headrace.dataset import Dataset, Part
from headrace.errors import InvalidInput, UnknownName
from headrace.schema import canonical_array, kind_of

__all__ = ["SEASONS", "check_season", "in_season"]

HOUR_US = 3_600_000_000
LEAST = 0.05  # fewer rows are a border's: the last evening of a month, told in UTC, is in the next
SEASONS = ("day_of_week", "hour", "hour_of_week", "month")


def check_season(season: str | None, dataset: Dataset) -> None:
    """Raise UnknownName for a season there is not, InvalidInput for a data set without a time to tell it by."""
    if season is None:
        return
    if season not in SEASONS:
        raise UnknownName("season", season, SEASONS)
    time = dataset.roles.time
    if time is None:
        raise InvalidInput(
            f"season={season!r}", where="validate", expected="a data set that says when its rows happened",
            fix='name the column: ingest(..., time="time_hour")',
        )  # fmt: skip
    for span in dataset.spans:
        for index in span.arrow_schema.get_all_field_indices(time)[:1]:
            found = span.arrow_schema.field(index).type
            if kind_of(found) != "timestamp":
                raise InvalidInput(f"season={season!r}", where=f"column {time!r}", expected=f"timestamps, not {found}")


def in_season(dataset: Dataset, previous: Dataset, span: str, season: str) -> Dataset | None:
    """The rows of `previous` whose season is one of the new span's; None where there are none.

    Seasons are told in UTC, and spans are cut by other clocks: a season that has less than a twentieth of its share of
    the new span's rows, and an earlier span that has less than a twentieth of their number in these seasons, are left
    out. A row without a time is in no season. Cost: reads the time column of both; 1 byte a row.
    """
    time = dataset.roles.time
    assert time is not None
    counts: Counter[int] = Counter()
    for part in dataset.parts(spans=[span]):
        found, times = np.unique(_season_of(dataset, part, time, season), return_counts=True)
        counts.update(dict(zip(found.tolist(), times.tolist(), strict=True)))
    del counts[-1]
    least = LEAST * counts.total()
    wanted = np.array(sorted(one for one, count in counts.items() if count * len(counts) >= least), np.int64)
    parts = previous.parts()
    masks = [np.isin(_season_of(previous, part, time, season), wanted) for part in parts]
    in_span: Counter[str] = Counter()
    for part, mask in zip(parts, masks, strict=True):
        in_span[part.span] += int(mask.sum())
    kept = [mask & (in_span[part.span] >= least) for part, mask in zip(parts, masks, strict=True)]
    return previous.select_rows(kept) if any(mask.any() for mask in kept) else None


def _season_of(dataset: Dataset, part: Part, time: str, season: str) -> npt.NDArray[np.int64]:
    """int64[num_rows]: each row's season; -1 = no time."""
    found = [np.zeros(0, np.int64)]
    for rows in dataset.read(part, [time]):
        values = canonical_array(rows.batch.column(time), name=time)
        micros = pc.fill_null(values.cast(pa.int64()), 0).to_numpy(zero_copy_only=False)
        places = _places(micros.astype(np.int64), season)
        found.append(np.where(pc.is_valid(values).to_numpy(zero_copy_only=False), places, -1))
    return np.concatenate(found)


def _places(micros: npt.NDArray[np.int64], season: str) -> npt.NDArray[np.int64]:
    hours = micros // HOUR_US
    if season == "hour":
        return hours % 24
    if season == "hour_of_week":
        return (hours + 3 * 24) % (7 * 24)  # 1970-01-01 was a Thursday
    if season == "day_of_week":
        return (hours // 24 + 3) % 7
    months: npt.NDArray[np.int64] = micros.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64) % 12
    return months
