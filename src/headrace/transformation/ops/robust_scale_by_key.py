"""ops.robust_scale_by_key: a number by its distance from the median of its own group, in quartile ranges."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from headrace.transformation.ops._by_key import ScaleByKey

__all__ = ["RobustScaleByKey"]


@dataclass(frozen=True)
class RobustScaleByKey(ScaleByKey):
    """`ops.robust_scale_by_key(x.price, x.shop)`: (value - median) / (upper - lower quartile), of rows of the same key.

    As `ops.robust_scale` has it, group by group: what is dear in one shop is not in another.

    Parameters
    ----------
    min_count : int
        A key with fewer finite values is measured by all rows, like a key that never came and like null.

    Nulls: null stays null; nulls, NaN and infinities are left out of median and quartiles. Where a key's quartiles are
    equal, every finite value of it gives 0, and an infinite one null.

    Raises InvalidInput for a value that is text, a key that is not text, integer or boolean, and beyond 200,000 keys.
    Cost: one fold over both columns, whose state is a distribution a key; seven nodes.

    Examples
    --------
    >>> from headrace.transformation import ops, trace
    >>> trace(lambda x: {"dear": ops.robust_scale_by_key(x.price, x.shop)}).text(2)
    'robust_scale_by_key(x.price, x.shop)'

    Source: median and interquartile range as scikit-learn's RobustScaler.
    """

    measured: ClassVar[str] = "median"

    def measures(self, group: Any) -> tuple[float, float]:
        """The median, and the width between the quartiles."""
        low, middle, high = (float(edge) for edge in group.quantiles([0.25, 0.5, 0.75]))
        width = high - low
        return (middle + 0.0 if math.isfinite(middle) else 0.0), (width if 0.0 < width < math.inf else math.inf)
