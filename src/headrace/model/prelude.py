"""The prelude: what ONNX cannot do with a text, done by the codec on both sides, from a closed list of steps.

A raw text column may have derived columns. Each is a chain of steps applied to the raw value when it is read, whatever
road it came on; the results lie in the lanes behind the raw columns, and the signature names every step. Clients send
raw values only.

    lower, upper, strip         as Python's str methods
    replace pattern, text       every match of an RE2 pattern, by Arrow's copy of RE2
    split separator, index      one piece, null where there are fewer; a negative index counts from the end
    slice start, stop           some characters, as text[start:stop]
    ngrams least, most          every run of so many characters, joined by U+001F
    length                      how many characters: an integer

A null stays null through every step. A result never begins with U+0000, which stands for null: such characters are cut
off its front.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headrace.errors import InvalidInput, StoreTooNew, UnknownName
from headrace.schema import Kind

__all__ = ["NGRAM_SEPARATOR", "VERSION", "Derived", "check_step", "run_steps", "values_of"]

VERSION = 1
NGRAM_SEPARATOR = "\x1f"
_LONGEST_NGRAM = 8

Plain = str | int | None
Step = tuple[Plain, ...]
_Texts = Sequence[str]


@dataclass(frozen=True)
class Derived:
    """What the prelude makes of one raw text column.

    Parameters
    ----------
    name : str
        The derived column's name inside the graph; no client sees it.
    kind : "text" or "integer"
        What the last step gives.
    steps : tuple of steps
        (("lower",), ("split", "@", 1)).
    is_nullable : bool
        Whether it can be null: where the raw column can, or a step gives null.
    version : int
        Of the list of steps.

    Raises UnknownName for another step, InvalidInput for its parameters, StoreTooNew for a later version.

    >>> Derived("t", "text", (("strip",), ("lower",))).to_plain()["steps"]
    [['strip'], ['lower']]
    """

    name: str
    kind: Kind
    steps: tuple[Step, ...]
    is_nullable: bool = True
    version: int = VERSION

    def __post_init__(self) -> None:
        if self.version > VERSION:
            raise StoreTooNew(
                f"prelude of version {self.version}", expected=f"at most {VERSION}", fix="upgrade headrace"
            )
        object.__setattr__(self, "steps", tuple(tuple(step) for step in self.steps))
        for step in self.steps:
            check_step(step)

    def to_plain(self) -> dict[str, Any]:
        """As plain data, for the signature."""
        return {
            "name": self.name,
            "kind": self.kind,
            "steps": [list(step) for step in self.steps],
            "is_nullable": self.is_nullable,
            "version": self.version,
        }


def _replace(texts: _Texts, pattern: str, replacement: str) -> list[str | None]:
    found = pc.replace_substring_regex(pa.array(texts, pa.large_string()), pattern, replacement)
    return list(found.to_pylist())


def _split(texts: _Texts, separator: str, index: int) -> list[str | None]:
    pieces = [text.split(separator) for text in texts]
    return [each[index] if -len(each) <= index < len(each) else None for each in pieces]


def _ngrams(texts: _Texts, least: int, most: int) -> list[str | None]:
    return [
        NGRAM_SEPARATOR.join(
            text[first : first + size] for size in range(least, most + 1) for first in range(len(text) - size + 1)
        )
        for text in texts
    ]


_STEPS: Mapping[str, tuple[tuple[type, ...], Callable[..., Sequence[Any]]]] = {
    "lower": ((), lambda texts: [text.lower() for text in texts]),
    "upper": ((), lambda texts: [text.upper() for text in texts]),
    "strip": ((), lambda texts: [text.strip() for text in texts]),
    "replace": ((str, str), _replace),
    "split": ((str, int), _split),
    "slice": ((int, int), lambda texts, start, stop: [text[start:stop] for text in texts]),
    "ngrams": ((int, int), _ngrams),
    "length": ((), lambda texts: [len(text) for text in texts]),
}


def check_step(step: Step) -> None:
    """Refuse a step that is not in the list, or whose parameters are wrong; its name comes first.

    Raises UnknownName or InvalidInput.
    """
    name, *parameters = step
    if not isinstance(name, str) or name not in _STEPS:
        raise UnknownName("step of the prelude", str(name), _STEPS)
    kinds, _ = _STEPS[name]
    is_open = name == "slice"  # where None means as far as the text goes
    if len(parameters) != len(kinds) or not all(
        (isinstance(value, kind) and not isinstance(value, bool)) or (is_open and value is None)
        for value, kind in zip(parameters, kinds, strict=True)
    ):
        raise InvalidInput(
            f"{name} with {parameters}", expected=", ".join(kind.__name__ for kind in kinds) or "nothing"
        )
    for value in parameters:
        if isinstance(value, str) and "\x00" in value:
            raise InvalidInput(f"{name} with {value!r}", expected="a text without U+0000")
    if name == "replace":
        try:
            _replace([""], str(parameters[0]), str(parameters[1]))
        except (pa.ArrowInvalid, UnicodeEncodeError) as error:
            raise InvalidInput(
                f"pattern {parameters[0]!r}, replacement {parameters[1]!r}: {error}"[:300],
                expected="RE2's language; \\1 in the replacement is the first group",
            ) from None
    if name == "split" and not parameters[0]:
        raise InvalidInput("split by ''", expected="what stands between the pieces")
    if name == "ngrams" and not 1 <= parameters[0] <= parameters[1] <= _LONGEST_NGRAM:  # type: ignore[operator]
        raise InvalidInput(f"ngrams of {parameters}", expected=f"two sizes from 1 to {_LONGEST_NGRAM}")


def run_steps(steps: Sequence[Step], texts: Sequence[str | None]) -> list[Any]:
    """What the steps make of each text.

    >>> run_steps((("strip",), ("split", "@", 1)), [" a@b ", None, "a"])
    ['b', None, None]
    """
    found: list[Any] = list(texts)
    for name, *parameters in steps:
        known = [item for item in found if item is not None]
        made = iter(_STEPS[str(name)][1](known, *parameters) if known else ())
        found = [None if item is None else next(made) for item in found]
        if name != "length":
            found = [item.lstrip("\x00") if item and item[0] == "\x00" else item for item in found]
    return found


def values_of(derived: Derived, texts: Sequence[str], null: str) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """The lane's values of a derived column, and where they are not null; `null` is how a text lane writes null.

    Each distinct text is worked on once. Cost: about 1 us a text for one row, 0.3 us a distinct one in batches.
    """
    distinct = list(dict.fromkeys(texts))
    made = run_steps(derived.steps, [None if text == null else text for text in distinct])
    table = dict(zip(distinct, made, strict=True))
    found = [table[text] for text in texts]
    present = np.array([item is not None for item in found], dtype=np.bool_)
    if derived.kind == "text":
        values: npt.NDArray[Any] = np.empty(len(found), dtype=np.object_)
        values[:] = [null if item is None else item for item in found]
        return values, present
    return np.array([0 if item is None else item for item in found], dtype=np.int64), present
