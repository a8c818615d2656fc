"""Explorer: what deciding at a threshold means and costs, moved by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence

from headrace.report.markup import Content, Html, tag

__all__ = ["explorer"]


def explorer(points: Sequence[tuple[float, float, float]], rate: float, otherwise: Content) -> Html:
    """A slider of thresholds with two costs beside it; without the page's script `otherwise` is all there is.

    Parameters
    ----------
    points : sequence of (threshold, yes, no)
        Ascending; the shares of all rows at or above the threshold that are positive, and that are not.
    rate : float
        The share of all rows that is positive, above 0 and below 1.
    otherwise : Content
        What stands below it, and says the same at a few thresholds.
    """
    plain = [[float(f"{value:.6g}") for value in point] for point in points]
    told = json.dumps(plain, separators=(",", ":"))
    return tag("div", otherwise, class_="explorer", data_points=told, data_rate=f"{rate:.9g}")
