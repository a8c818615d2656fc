"""ops.min_max_by_key: a number between the smallest and the largest of its own group."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from headrace.transformation.ops._by_key import ScaleByKey

__all__ = ["MinMaxByKey"]


@dataclass(frozen=True)
class MinMaxByKey(ScaleByKey):
    """`ops.min_max_by_key(x.air_time, x.origin)`: (value - smallest) / (largest - smallest), of rows of the same key.

    Parameters
    ----------
    min_count : int
        A key with fewer finite values is measured by all rows, like a key that never came and like null.

    Nulls: null stays null; nulls, NaN and infinities are left out of smallest and largest, which are exact. Where a
    key's values never varied, every finite value of it gives 0, and an infinite one null.

    Raises InvalidInput for a value that is text, a key that is not text, integer or boolean, and beyond 200,000 keys.
    Cost: one fold over both columns, whose state is a distribution a key; seven nodes.

    Examples
    --------
    >>> from headrace.transformation import ops, trace
    >>> trace(lambda x: {"slow": ops.min_max_by_key(x.air_time, x.origin)}).text(2)
    'min_max_by_key(x.air_time, x.origin)'

    Source: as TFX Transform's scale_to_0_1_per_key, which gives an unknown key a sigmoid of the value.
    """

    measured: ClassVar[str] = "smallest and largest"

    def measures(self, group: Any) -> tuple[float, float]:
        """The smallest, and the width up to the largest."""
        low, high = (math.nan if edge is None else float(edge) for edge in (group.min, group.max))
        width = high - low
        return (low if low == low else 0.0), (width if 0.0 < width < math.inf else math.inf)
