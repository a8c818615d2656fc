"""Free checks: a condition over the columns of one row, written in SQL's words and computed by Arrow.

    arr_time > dep_time or arr_time is null
    carrier in ('AA', 'UA') and distance between 50 and 5000
    regexp_matches(tailnum, 'N[0-9]+') or length(tailnum) = 6

Columns are names, in double quotes where they have other signs than letters, digits and _; texts are in single quotes.
A row is right unless the condition is **false**: null, which is unknown, is no fault, as in a CHECK of SQL.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headrace.errors import InvalidInput, UnknownName
from headrace.schema._evaluation import FUNCTIONS, evaluate

__all__ = ["Condition", "parse_condition"]

_LONGEST = 10_000
_DEEPEST = 100
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)(?![\w.])
      | (?P<text>'(?:[^']|'')*')
      | (?P<quoted>"(?:[^"]|"")+")
      | (?P<word>[^\W\d]\w*)
      | (?P<sign><=|>=|<>|!=|==|\|\||[-+*/%(),<>=])
    )""",
    re.VERBOSE,
)
_COMPARISONS = {
    "=": "equal",
    "==": "equal",
    "<>": "not_equal",
    "!=": "not_equal",
    "<": "less",
    "<=": "less_equal",
    ">": "greater",
    ">=": "greater_equal",
}
_WORDS = {"and", "or", "not", "is", "null", "in", "between", "like", "true", "false", "case", "when", "then", "else"}
_WORDS |= {"end", "timestamp"}

Node = tuple[Any, ...]


@dataclass(frozen=True)
class Condition:
    """A condition that was read: its text, the columns it names, and what it computes.

    >>> import pyarrow as pa
    >>> condition = parse_condition("low <= high")
    >>> condition.columns
    ('low', 'high')
    >>> condition({"low": pa.array([1, 3, None]), "high": pa.array([2, 2, 2])}).to_pylist()
    [True, False, None]
    """

    text: str
    columns: tuple[str, ...]
    _tree: Node

    def __call__(self, columns: Mapping[str, Any]) -> Any:
        """Whether the condition holds: bool[num_rows], null where it is unknown.

        Parameters
        ----------
        columns : mapping of str to pyarrow.Array
            Every column of `columns`, in its kind's canonical type, all of one length.

        Raises InvalidInput where types do not go together, or whole numbers leave 64 bits. Cost: one pass of Arrow's
        kernels for each operation.
        """
        import pyarrow as pa

        num_rows = len(next(iter(columns.values()))) if columns else 1
        found = evaluate(self._tree, columns, self.text)
        if isinstance(found, pa.Scalar):
            found = pa.repeat(found, num_rows)
        if pa.types.is_null(found.type):
            found = found.cast(pa.bool_())
        if not pa.types.is_boolean(found.type):
            raise InvalidInput(f"{self.text!r} is {found.type}", expected="a condition: something true or false")
        return found


@functools.lru_cache(maxsize=512)
def parse_condition(text: str) -> Condition:
    """Read a condition.

    Parameters
    ----------
    text : str
        Comparisons (= <> < <= > >=), `and or not`, `is [not] null|true|false`, `[not] in (...)`, `[not] between`,
        `[not] like`, arithmetic (+ - * / %), `||`, `case when ... then ... else ... end`, `timestamp '...'` (RFC 3339)
        and the functions of `FUNCTIONS`. `/` divides as decimals do; by zero gives null.

    Raises InvalidInput that points at the character, UnknownName for a function that there is not.
    """
    if len(text) > _LONGEST:
        raise InvalidInput(f"an expression of {len(text):,} characters", expected=f"at most {_LONGEST:,}")
    parser = _Parser(text)
    tree = parser.either(0)
    parser.end()
    return Condition(text, tuple(dict.fromkeys(parser.columns)), tree)


class _Parser:
    """Recursive descent, one method a level of precedence."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[tuple[str, str, int]] = []
        self.place = 0
        self.columns: list[str] = []
        start = 0
        while text[start:].strip():
            match = _TOKEN.match(text, start)
            if match is None:
                start += len(text[start:]) - len(text[start:].lstrip())
                raise self.error(f"{text[start]!r} has no meaning here", start)
            kind = str(match.lastgroup)
            self.tokens.append((kind, match.group(kind), match.start(kind)))
            start = match.end()

    def error(self, what: str, at: int, expected: str = "") -> InvalidInput:
        where = f"character {at + 1} of {self.text!r}" if len(self.text) <= 200 else f"character {at + 1}"
        return InvalidInput(f"expression: {what}", where=where, expected=expected)

    def peek(self, ahead: int = 0) -> str:
        """The next token as it is compared: words in small letters, names in quotes and texts never."""
        if self.place + ahead >= len(self.tokens):
            return ""
        kind, value, _ = self.tokens[self.place + ahead]
        return value.lower() if kind == "word" else value if kind == "sign" else ""

    def take(self, *words: str) -> bool:
        if self.peek() in words and self.peek():
            self.place += 1
            return True
        return False

    def need(self, word: str) -> None:
        if not self.take(word):
            raise self.missing(repr(word))

    def missing(self, expected: str) -> InvalidInput:
        if self.place < len(self.tokens):
            _, value, at = self.tokens[self.place]
            return self.error(f"{value!r} stands where something else should", at, expected)
        return self.error("it ends too early", len(self.text), expected)

    def end(self) -> None:
        if self.place < len(self.tokens):
            raise self.missing("and, or, or the end")

    def deeper(self, depth: int) -> int:
        if depth > _DEEPEST:
            raise self.error("it is nested too deep", self.tokens[min(self.place, len(self.tokens) - 1)][2])
        return depth + 1

    def either(self, depth: int) -> Node:
        depth = self.deeper(depth)
        left = self.both(depth)
        while self.take("or"):
            left = ("or_kleene", left, self.both(depth))
        return left

    def both(self, depth: int) -> Node:
        left = self.negated(depth)
        while self.take("and"):
            left = ("and_kleene", left, self.negated(depth))
        return left

    def negated(self, depth: int) -> Node:
        depth = self.deeper(depth)
        return ("invert", self.negated(depth)) if self.take("not") else self.predicate(depth)

    def predicate(self, depth: int) -> Node:
        left = self.sum(depth)
        if self.peek() in _COMPARISONS:
            name = _COMPARISONS[self.tokens[self.place][1]]
            self.place += 1
            return (name, left, self.sum(depth))
        if self.take("is"):
            is_not = self.take("not")
            if self.take("null"):
                found: Node = ("is_null", left)
            elif self.peek() in ("true", "false"):
                found = ("is", left, self.take("true") or not self.take("false"))
            else:
                raise self.missing("null, true or false")
            return ("invert", found) if is_not else found
        is_not = self.take("not")
        if self.take("in"):
            self.need("(")
            found = ("in", left, tuple(self.items(depth)))
        elif self.take("between"):
            low = self.sum(depth)
            self.need("and")
            found = ("and_kleene", ("greater_equal", left, low), ("less_equal", left, self.sum(depth)))
        elif self.take("like"):
            found = ("like", left, self.literal_text())
        elif is_not:
            raise self.missing("in, between or like")
        else:
            return left
        return ("invert", found) if is_not else found

    def literal_text(self) -> str:
        if self.place < len(self.tokens) and self.tokens[self.place][0] == "text":
            self.place += 1
            return _unquoted(self.tokens[self.place - 1][1])
        raise self.missing("a text in single quotes")

    def items(self, depth: int) -> list[Node]:
        """Expressions between commas, to the closing bracket."""
        found = [self.either(depth)]
        while self.take(","):
            found.append(self.either(depth))
        self.need(")")
        return found

    def sum(self, depth: int) -> Node:
        left = self.product(depth)
        while self.peek() in ("+", "-", "||"):
            sign = self.tokens[self.place][1]
            self.place += 1
            left = ({"+": "add", "-": "subtract", "||": "join"}[sign], left, self.product(depth))
        return left

    def product(self, depth: int) -> Node:
        left = self.signed(depth)
        while self.peek() in ("*", "/", "%"):
            sign = self.tokens[self.place][1]
            self.place += 1
            left = ({"*": "multiply", "/": "divide", "%": "modulo"}[sign], left, self.signed(depth))
        return left

    def signed(self, depth: int) -> Node:
        depth = self.deeper(depth)
        if self.take("-"):
            inner = self.signed(depth)
            if inner[0] == "value" and isinstance(inner[1], (int, float)) and not isinstance(inner[1], bool):
                return ("value", -inner[1])
            return ("negate", inner)
        return self.signed(depth) if self.take("+") else self.single(depth)

    def single(self, depth: int) -> Node:
        if self.place >= len(self.tokens):
            raise self.missing("a column, a value or a bracket")
        kind, value, at = self.tokens[self.place]
        word = self.peek()
        if kind == "word" and self.peek(1) == "(" and word not in _WORDS:
            return self.call(word, depth)
        self.place += 1
        if kind == "number":
            is_whole = value.isdigit()
            if is_whole and int(value) >= 2**63:
                raise self.error(f"{value} does not fit 64 bits", at, "a smaller number, or one with a point")
            return ("value", int(value) if is_whole else float(value))
        if kind == "text":
            return ("value", _unquoted(value))
        if kind == "quoted":
            return self.column(_unquoted(value))
        if word == "(":
            found = self.either(depth)
            self.need(")")
            return found
        if word in ("true", "false", "null"):
            return ("value", {"true": True, "false": False, "null": None}[word])
        if word == "timestamp":
            return ("moment", self.literal_text())
        if word == "case":
            return self.cases(depth)
        if kind == "word" and word not in _WORDS:
            return self.column(value)
        self.place -= 1
        raise self.missing("a column, a value or a bracket")

    def column(self, name: str) -> Node:
        self.columns.append(name)
        return ("column", name)

    def call(self, name: str, depth: int) -> Node:
        if name not in FUNCTIONS:
            raise UnknownName("function", name, FUNCTIONS, where=f"expression {self.text[:200]!r}")
        at = self.tokens[self.place][2]
        self.place += 2
        arguments = [] if self.take(")") else self.items(depth)
        low, high = FUNCTIONS[name]
        if not low <= len(arguments) <= high:
            raise self.error(f"{name} with {len(arguments)} values", at, f"{low}" if low == high else f"{low} or more")
        if name in ("regexp_matches", "starts_with", "ends_with", "contains") and (
            arguments[1][0] != "value" or not isinstance(arguments[1][1], str)
        ):
            raise self.error(f"the second value of {name} is computed", at, "a text in single quotes")
        return ("call", name, *arguments)

    def cases(self, depth: int) -> Node:
        pairs = []
        while self.take("when"):
            condition = self.either(depth)
            self.need("then")
            pairs.append((condition, self.either(depth)))
        if not pairs:
            raise self.missing("when")
        other: Node = self.either(depth) if self.take("else") else ("value", None)
        self.need("end")
        return ("case", tuple(pairs), other)


def _unquoted(text: str) -> str:
    return text[1:-1].replace(text[0] * 2, text[0])
