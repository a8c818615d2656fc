"""The values a search may give a trainer's field: whole numbers, numbers, or one of a list.

    space = {"max_depth": Int(2, 10), "learning_rate": Float(0.01, 0.3, log=True), "objective": Choice("a", "b")}

As plain data, for records and for workers in any language: {"int": [2, 10]}, {"float": [0.01, 0.3], "log": true},
{"choice": ["a", "b"]}.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headrace.errors import InvalidInput, UnknownName

__all__ = ["Choice", "Domain", "Float", "Int", "Space", "domain_of", "space_from_plain", "space_to_plain"]


class Domain(ABC):
    """What values a field may take. `Int`, `Float` and `Choice` are all there are: searchers need to know them."""

    @abstractmethod
    def __contains__(self, value: object) -> bool:
        """Whether it is one of the values."""

    @abstractmethod
    def nearest(self, value: Any) -> Any:
        """The value itself where it is one of them, else the nearest; of a choice, the first."""

    @abstractmethod
    def at(self, share: float) -> Any:
        """The value at a place of the domain, 0 <= share <= 1; log-spaced where `log` says so."""

    @abstractmethod
    def place(self, value: Any) -> float:
        """The inverse of `at`: where a value lies, 0..1; of a whole number or a choice the middle of its part."""

    @abstractmethod
    def to_plain(self) -> dict[str, Any]:
        """As plain data."""


@dataclass(frozen=True)
class _Range(Domain):
    low: float
    high: float
    log: bool = False

    def _check(self, wants_int: bool) -> None:
        kind = int if wants_int else (int, float)
        ends: tuple[Any, Any] = (self.low, self.high)  # nothing has checked what was given
        for value in ends:
            if isinstance(value, bool) or not isinstance(value, kind) or not math.isfinite(value):
                raise InvalidInput(
                    f"{self} has the end {value!r}", expected="finite whole numbers" if wants_int else "finite numbers"
                )
        if not self.low < self.high:
            raise InvalidInput(f"{self} holds no two values", expected="a low end under the high one")
        log: Any = self.log
        if not isinstance(log, bool) or (log and self.low <= 0):
            raise InvalidInput(f"{self} cannot be spaced by logarithms", expected="a low end above 0")

    def __contains__(self, value: object) -> bool:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return is_number and self.low <= value <= self.high  # type: ignore[operator]  # a number by then

    def _scaled(self, low: float, high: float, share: float) -> float:
        if self.log:
            return math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
        return low + share * (high - low)

    def _share(self, low: float, high: float, value: float) -> float:
        if self.log:
            return (math.log(value) - math.log(low)) / (math.log(high) - math.log(low))
        return (value - low) / (high - low)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.low!r}, {self.high!r}{', log=True' if self.log else ''})"


@dataclass(frozen=True, repr=False)
class Int(_Range):
    """Whole numbers from `low` to `high`, both among them.

    Parameters
    ----------
    low, high : int
        The ends; low < high.
    log : bool
        Whether 1 to 10 is as wide as 10 to 100.

    Raises InvalidInput for ends that make no range.

    >>> Int(2, 10).at(0.5), 10 in Int(2, 10), 2.5 in Int(2, 10)
    (6, True, False)
    """

    low: int
    high: int

    def __post_init__(self) -> None:
        self._check(wants_int=True)

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int) and super().__contains__(value)

    def nearest(self, value: Any) -> int:
        """See Domain."""
        return min(max(round(value), self.low), self.high) if isinstance(value, (int, float)) else self.low

    def at(self, share: float) -> int:
        """See Domain; each whole number has a part of its own."""
        return min(max(math.floor(self._scaled(self.low - 0.5, self.high + 0.5, share) + 0.5), self.low), self.high)

    def place(self, value: Any) -> float:
        """See Domain."""
        return self._share(self.low - 0.5, self.high + 0.5, value)

    def to_plain(self) -> dict[str, Any]:
        """{"int": [low, high]}, and "log"."""
        return {"int": [self.low, self.high], **({"log": True} if self.log else {})}


@dataclass(frozen=True, repr=False)
class Float(_Range):
    """Numbers from `low` to `high`.

    Parameters
    ----------
    low, high : float
        The ends; low < high.
    log : bool
        Whether 0.01 to 0.1 is as wide as 0.1 to 1: for learning rates and penalties.

    Raises InvalidInput for ends that make no range.

    >>> Float(0.01, 1.0, log=True).at(0.5)
    0.1
    """

    def __post_init__(self) -> None:
        self._check(wants_int=False)
        object.__setattr__(self, "low", float(self.low))
        object.__setattr__(self, "high", float(self.high))

    def nearest(self, value: Any) -> float:
        """See Domain."""
        return min(max(float(value), self.low), self.high) if isinstance(value, (int, float)) else self.low

    def at(self, share: float) -> float:
        """See Domain; twelve digits, so that a value reads well and its last bits are no affair of the machine's."""
        value = float(f"{self._scaled(self.low, self.high, share):.12g}")
        return min(max(value, self.low), self.high)

    def place(self, value: Any) -> float:
        """See Domain."""
        return self._share(self.low, self.high, value)

    def to_plain(self) -> dict[str, Any]:
        """{"float": [low, high]}, and "log"."""
        return {"float": [self.low, self.high], **({"log": True} if self.log else {})}


@dataclass(frozen=True, init=False, repr=False)
class Choice(Domain):
    """One of a few values, whose order means nothing.

    Parameters
    ----------
    *options : str, int, float, bool or None
        At least two, all different.

    Raises InvalidInput otherwise.

    >>> "mean" in Choice("mean", "median"), Choice("mean", "median").at(0.9)
    (True, 'median')
    """

    options: tuple[str | int | float | bool | None, ...]

    def __init__(self, *options: str | int | float | bool | None) -> None:
        object.__setattr__(self, "options", options)
        if len(options) == 1 and isinstance(options[0], (list, tuple)):
            raise InvalidInput("Choice was given one list", fix="give the options themselves: Choice('a', 'b')")
        for option in options:
            if option is not None and not isinstance(option, (str, int, float, bool)):
                raise InvalidInput(f"Choice has the option {option!r}", expected="texts, numbers, True, False or None")
        if len({(type(option), option) for option in options}) < max(2, len(options)):
            raise InvalidInput(f"{self!r} leaves nothing to choose", expected="at least two options, all different")

    def __repr__(self) -> str:
        return f"Choice({', '.join(map(repr, self.options))})"

    def __contains__(self, value: object) -> bool:
        return any(type(option) is type(value) and option == value for option in self.options)

    def nearest(self, value: Any) -> Any:
        """See Domain."""
        return value if value in self else self.options[0]

    def at(self, share: float) -> Any:
        """See Domain; each option has an equal part."""
        return self.options[min(int(share * len(self.options)), len(self.options) - 1)]

    def place(self, value: Any) -> float:
        """See Domain."""
        index = next(n for n, option in enumerate(self.options) if type(option) is type(value) and option == value)
        return (index + 0.5) / len(self.options)

    def to_plain(self) -> dict[str, Any]:
        """{"choice": [...]}."""
        return {"choice": list(self.options)}


Space = Mapping[str, Domain]


def domain_of(plain: Any, name: str) -> Domain:
    """A domain from its plain form, or itself; InvalidInput, naming the parameter, for anything else.

    >>> domain_of({"float": [0.01, 0.3], "log": True}, "learning_rate")
    Float(0.01, 0.3, log=True)
    """
    if isinstance(plain, Domain):
        return plain
    try:
        if isinstance(plain, Mapping):
            options = {key: value for key, value in plain.items() if key in ("log",)}
            kinds = [key for key in plain if key not in options]
            if len(kinds) == 1 and kinds[0] in ("int", "float", "choice"):
                values = plain[kinds[0]]
                if kinds[0] == "choice" and not options:
                    return Choice(*values)
                if kinds[0] != "choice" and len(values) == 2:
                    return {"int": Int, "float": Float}[kinds[0]](*values, **options)
    except InvalidInput as error:
        raise error.locate(f"parameter {name!r}") from None
    except TypeError:
        pass
    raise InvalidInput(
        f"{plain!r} says no range of values",
        where=f"parameter {name!r}",
        expected="hr.Int(2, 10), hr.Float(0.01, 0.3, log=True) or hr.Choice('a', 'b')"
        " (as JSON: {'int': [2, 10]}, {'float': [0.01, 0.3], 'log': true}, {'choice': ['a', 'b']})",
    )


def space_to_plain(space: Space) -> dict[str, Any]:
    """A space as plain data, in the order of its parameters."""
    return {name: domain.to_plain() for name, domain in space.items()}


def space_from_plain(plain: Any) -> dict[str, Domain]:
    """A space from its plain form (or from domains); InvalidInput for what is none, or for one without parameters."""
    if not isinstance(plain, Mapping) or not plain:
        raise InvalidInput(f"space = {plain!r}", expected='parameters and their values: {"max_depth": hr.Int(2, 10)}')
    for name in plain:
        if not isinstance(name, str) or not name:
            raise UnknownName("parameter", str(name), [])
    return {name: domain_of(domain, name) for name, domain in plain.items()}
