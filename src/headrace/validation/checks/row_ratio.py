"""New spans with far fewer or more rows than those before had."""

from __future__ import annotations

from collections.abc import Iterator

from headrace.validation._contract import Check, Context, Item
from headrace.validation.drift import new_spans

__all__ = ["RowRatio"]


class RowRatio(Check):
    """Rows of each new span by the mean of the previous data set's spans must be `min_ratio` to `max_ratio`: an error.

    Without a previous data set, or one without rows, nothing is said. `value` is the ratio that lies off farthest,
    `threshold` the end it lies beyond. Cost: no row is read. `volume` warns of gross cases unasked.
    """

    code = "row_ratio"

    def check(self, context: Context) -> Iterator[Item]:
        """Yield one item that names the spans outside."""
        limits, previous = context.schema.dataset, context.previous
        if previous is None or (limits.min_ratio is None and limits.max_ratio is None) or not previous.num_rows:
            return
        dataset = context.dataset
        mean = previous.num_rows / len(previous.spans)
        told: list[str] = []
        worst: tuple[float, float, float] | None = None
        for name in new_spans(dataset, previous):
            number = sum(dataset.expected_rows(part) or 0 for part in dataset.parts(None, [name]))
            ratio = number / mean
            for end, excess in ((limits.min_ratio, -1), (limits.max_ratio, 1)):
                if end is not None and (ratio - end) * excess > 0:
                    word = "at least" if excess < 0 else "at most"
                    told.append(
                        f"span {name} has {number:,} rows, {ratio:.3g} times the usual, {word} {end:g} was asked for"
                    )
                    far = abs(ratio - end)
                    worst = (far, ratio, end) if worst is None or far > worst[0] else worst
        if worst is not None:
            more = f"; and {len(told) - 5} more" if len(told) > 5 else ""
            message = f"{'; '.join(told[:5])}{more} (usual: {mean:,.0f} rows)"
            yield Item(self.code, None, None, "error", round(worst[1], 6), worst[2], message)
