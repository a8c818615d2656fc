"""Part `power` of case `faults`: the smallest shift that is told in 90 of 100 tries, by number of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

SIZES = (100, 300, 1000, 3000, 10_000, 100_000)  # rows on each side


def power(what: str, num_rows: int, num_tries: int) -> dict[str, Any]:
    """With so many rows on each side, the smallest shift seen in 90 of 100 tries: of a mean, in standard deviations, or
    of one of two shares; beyond chance ("noticed") and beyond what matters too ("drifted"). By bisection."""
    from headrace.fold import Distribution, Rows
    from headrace.validation._distances import distances
    from headrace.validation._profile import Profile

    step, known = {"mean": 0.02, "share": 0.01}[what], dict[int, tuple[bool, bool]]()

    def profile(values: Any, kind: str) -> Profile:
        fold = Distribution("x", kind)  # type: ignore[arg-type]
        return Profile.of(fold.extract(fold.add(fold.create(1), Rows(pa.record_batch({"x": values})), None))[0])

    def seen(steps: int) -> tuple[bool, bool]:
        if steps in known:
            return known[steps]
        shift, hits = steps * step, [0, 0]
        for turn in range(num_tries):
            rng = np.random.default_rng((num_rows, turn, steps))
            if what == "mean":
                sides = [profile(rng.normal(at, 1, num_rows), "number") for at in (0.0, shift)]
            else:
                draws = [rng.random(num_rows) < at for at in (0.2, min(1.0, 0.2 + shift))]
                sides = [profile(pa.array(one).cast(pa.int8()).cast(pa.string()), "text") for one in draws]
            measured = distances(*sides, 1e-3 / 20)
            hits[0] += any(one.is_noticeable for one in measured)
            hits[1] += any(one.has_drifted for one in measured)
        known[steps] = hits[0] >= 0.9 * num_tries, hits[1] >= 0.9 * num_tries
        return known[steps]

    smallest: dict[str, float | None] = {}
    for place, word in enumerate(("noticed", "drifted")):
        low, high = 0, 80  # the smallest is above the one and at most the other
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if seen(middle)[place] else (middle, high)
        smallest[word] = round(high * step, 2) if seen(high)[place] else None
    return {"of": what, "rows": num_rows, **smallest, "columns": 20}
