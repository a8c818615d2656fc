"""Waivers: a person lets one finding pass, by its name, and says why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from headrace.errors import InvalidInput
from headrace.validation._contract import Item

__all__ = ["Waiver", "waive"]


@dataclass(frozen=True)
class Waiver:
    """One finding that a person lets pass.

    It holds for exactly the item of this code, feature and slice: a waiver for all rows says nothing of a slice, nor
    the other way round, so that nobody lets more pass than was read. Plain data: it travels as JSON.

    Parameters
    ----------
    code : str
        The item's code: "drift_scale".
    feature : str or None
        Its column; None for an item about the whole data set.
    slice : str or None
        Its slice as the item writes it: "carrier=UA"; None = all rows.
    by : str
        Who lets it pass.
    because : str
        Why.

    Raises InvalidInput when code, by or because is empty.

    >>> waiver = Waiver.parse("drift_scale:distance:carrier=UA", by="ada", because="kilometres from now on")
    >>> waiver.feature, waiver.slice, waiver.name
    ('distance', 'carrier=UA', 'drift_scale:distance:carrier=UA')
    """

    code: str
    feature: str | None
    slice: str | None
    by: str
    because: str

    def __post_init__(self) -> None:
        for word in ("code", "by", "because"):
            if not getattr(self, word).strip():
                raise InvalidInput(
                    f"a waiver without {word!r}",
                    where=f"waiver of {self.name!r}",
                    expected="the finding's name, who lets it pass and why",
                )

    @property
    def name(self) -> str:
        """The name of the item it lets pass, as `Item.name` writes it."""
        return ":".join(part for part in (self.code, self.feature, self.slice) if part is not None)

    @classmethod
    def parse(cls, name: str, *, by: str, because: str) -> Self:
        """A waiver of the item of that name; raises InvalidInput for a name with an empty part.

        >>> Waiver.parse("no_rows", by="ada", because="a holiday").feature is None
        True
        """
        parts = name.strip().split(":", 2)
        if not all(parts):
            raise InvalidInput(
                f"waiver of {name!r}", expected="the name of an item: code, code:feature or code:feature:slice"
            )
        code, feature, slice_ = [*parts, None, None][:3]
        assert code is not None
        return cls(code, feature, slice_, by, because)

    def to_plain(self) -> dict[str, Any]:
        """As plain data; `Waiver(**plain)` is an equal one."""
        return asdict(self)


def waive(items: Sequence[Item], waivers: Sequence[Waiver]) -> list[Item]:
    """The items, errors that a waiver names turned into "waived", and one item for each waiver that names none.

    >>> late = Item("range", "delay", None, "error", 0.1, 0.0, "column 'delay' is out of range in 1 of 10 rows")
    >>> waive([late], [Waiver("range", "delay", None, "ada", "a storm")])[0].message
    "column 'delay' is out of range in 1 of 10 rows; waived by ada: a storm"
    """
    given = {waiver.name: waiver for waiver in waivers}
    named = set()
    answer = []
    for item in items:
        waiver = given.get(item.name) if item.severity == "error" else None
        if waiver is not None:
            named.add(waiver.name)
            item = replace(item, severity="waived", message=f"{item.message}; waived by {waiver.by}: {waiver.because}")
        answer.append(item)
    for name, waiver in given.items():
        if name not in named:
            message = f"the waiver of {name!r} by {waiver.by} names no error here"
            answer.append(Item("waiver_unused", waiver.feature, waiver.slice, "info", None, None, message))
    return answer
