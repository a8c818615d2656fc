"""duplicated: rows that came twice are told with their share and slice; rows that are alike by nature are not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headrace.schema import Schema
from headrace.validation import Validation, validate
from tests.validation.changes import earlier, month, table
from tests.validation.spans import item_of, of_spans


def twice(rows: pa.Table, **options: Any) -> Validation:
    """A month with these rows once more, beside four months."""
    whole = pa.concat_tables([table(month(104)), rows])
    data, previous = of_spans({"may": whole}, label="late"), of_spans(earlier(), label="late")
    return validate(data, Schema.from_arrow(data.arrow_schema), previous=previous, **options)


def test_all_and_a_part() -> None:
    """All rows twice are half of the rows too many; a tenth of them a tenth."""
    item = item_of(twice(table(month(104))), "drift_duplicated")
    assert item is not None and (item.severity, item.value, item.num_rows) == ("error", 0.5, 600)
    assert item.feature is None and item.message.startswith("rows: 50 % of rows repeat another in every column")
    item = item_of(twice(table(month(104)).slice(0, 60)), "drift_duplicated")
    assert item is not None and item.num_rows == 60


def test_the_slice() -> None:
    """One carrier's rows delivered twice: the carrier is named."""
    rows = table(month(104))
    found = twice(rows.filter(pc.equal(rows["carrier"], "UA")))
    assert [item.name for item in found.errors] == ["drift_duplicated:carrier=UA"]
    assert not twice(rows.filter(pc.equal(rows["carrier"], "UA")), quarantine=True).ok  # nobody can tell which to keep


def test_nature_is_no_fault() -> None:
    """No copies say nothing; nor do rows of a few kinds, which repeat each other in every month."""
    assert item_of(twice(table(month(104)).slice(0, 0)), "drift_duplicated") is None

    def coarse(seed: int) -> pa.Table:
        rng = np.random.default_rng(seed)
        return pa.table({"a": rng.integers(0, 30, 500), "b": rng.choice(["x", "y", "z"], 500)})

    data, previous = of_spans({"5": coarse(5)}), of_spans({str(seed): coarse(seed) for seed in range(4)})
    assert validate(data, Schema.from_arrow(data.arrow_schema), previous=previous).ok
