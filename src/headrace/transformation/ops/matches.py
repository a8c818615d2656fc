"""ops.matches: whether a text has a form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headrace.errors import InvalidInput
from headrace.model.graph import GraphBuilder, Value
from headrace.transformation._contract import Op, ValueType

__all__ = ["Matches"]


@dataclass(frozen=True)
class Matches(Op):
    """`ops.matches(x.tail_number, pattern="N[0-9]+.*")`: whether the whole text matches a regular expression.

    Parameters
    ----------
    pattern : str
        In RE2's language, which has no back-references and no look-around, so that no text can make it slow. It must
        match from the first character to the last: write ".*" around what may stand anywhere. "." is no line feed
        unless "(?s)" comes first, and "(?i)" leaves upper and lower case out of it.

    Nulls: null stays null.

    Raises InvalidInput for kinds other than text, or for what is no such pattern. Cost: one node, two with nulls.

    Examples
    --------
    >>> from headrace.transformation import ops, trace
    >>> trace(lambda x: {"is_us": ops.matches(x.tail_number, pattern="N.*")}).text(1)
    "matches(x.tail_number, pattern='N.*')"

    Source: https://github.com/google/re2/wiki/Syntax
    """

    pattern: str

    def __post_init__(self) -> None:
        pattern: Any = self.pattern  # nothing has checked what was given
        if not isinstance(pattern, str) or "\x00" in pattern:
            raise InvalidInput(f"pattern = {pattern!r}", expected="a regular expression as a text")
        try:
            # Arrow holds the same library as ONNX Runtime: what one takes, the other does.
            pc.match_substring_regex(pa.array([""]), self.pattern)
        except (pa.ArrowInvalid, UnicodeEncodeError) as error:
            raise InvalidInput(
                f"pattern = {self.pattern!r}: {error}",
                expected="a regular expression in RE2's language",
                fix="look-around and back-references are not in it",
            ) from None

    def infer(self, inputs: Sequence[ValueType]) -> ValueType:
        """boolean."""
        if inputs[0].kind != "text":
            raise InvalidInput(f"{inputs[0].kind} has no characters to match", expected="text")
        return ValueType("boolean", inputs[0].is_nullable)

    def build(self, builder: GraphBuilder, inputs: Sequence[Value], constants: Mapping[str, Any]) -> Value:
        """RegexFullMatch; the null text, which a pattern might match, is no match."""
        (value,) = inputs
        null = builder.is_null(value)
        found = builder.node("RegexFullMatch", [value.name], pattern=self.pattern)
        if null is None:
            return Value(found, "boolean")
        present = builder.node("Not", [null])
        return Value(builder.node("And", [found, present]), "boolean", present)
