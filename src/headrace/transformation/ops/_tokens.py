"""What ops on tokens share: their parameters, what they are fitted to, and how a graph counts tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from headrace.errors import InvalidInput
from headrace.fold import Fold, TokenCounts, lift
from headrace.model.graph import GraphBuilder, Value
from headrace.schema import Kind
from headrace.transformation._contract import Op, ValueType
from headrace.transformation.ops._categories import can_be_asked

__all__ = ["TokenOp", "count_tokens"]

_MOST = 10_000
_LONGEST_GRAM = 5


@dataclass(frozen=True)
class TokenOp(Op):
    """An op whose columns are the most frequent tokens: by the number of texts that hold them, then by their bytes."""

    top_k: int | None = None
    min_count: int = 1
    separator: str = " "
    ngrams: tuple[int, ...] = (1, 1)

    def __post_init__(self) -> None:
        for name, least, most in (("top_k", 1, _MOST), ("min_count", 1, 2**63 - 1)):
            value: Any = getattr(self, name)
            if value is None and name == "top_k":
                continue
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                raise InvalidInput(f"{name} = {value!r}", expected=f"a whole number from {least} to {most}")
        separator: Any = self.separator
        if not isinstance(separator, str) or not separator or "\x00" in separator:
            raise InvalidInput(f"separator = {separator!r}", expected="a text such as ' ' or '|'")
        try:
            low, high = self.ngrams
        except (TypeError, ValueError):
            low = high = 0
        sizes: Any = (low, high)
        if not all(isinstance(item, int) and not isinstance(item, bool) for item in sizes) or not (
            1 <= low <= high <= _LONGEST_GRAM
        ):
            raise InvalidInput(f"ngrams = {self.ngrams!r}", expected=f"two numbers from 1 to {_LONGEST_GRAM}: (1, 2)")
        object.__setattr__(self, "ngrams", (low, high))

    def infer(self, inputs: Sequence[ValueType]) -> ValueType:
        """A vector of numbers."""
        if inputs[0].kind != "text":
            raise InvalidInput(f"{inputs[0].kind} has no tokens", expected="text")
        return ValueType("number", is_vector=True)

    def fold(self, columns: Sequence[str], kinds: Sequence[Kind]) -> Fold[Any, Any]:
        """The exact counts of every token."""
        return lift(TokenCounts(columns[0], self.separator, *self.ngrams))

    def constants(self, result: Any) -> dict[str, Any]:
        """The tokens that have a column, and in how many of the texts they are."""
        order = np.argsort(-result.num_texts, kind="stable")  # tokens come ascending
        order = order[result.num_texts[order] >= self.min_count]
        kept = [index for index in order.tolist() if can_be_asked(result.tokens[index])][: self.top_k]
        if len(kept) > _MOST:
            raise InvalidInput(f"{len(kept):,} tokens", expected=f"at most {_MOST:,}", fix="give top_k")
        return {
            "tokens": [result.tokens[index] for index in kept],
            "num_texts": [int(result.num_texts[index]) for index in kept],
            "num_rows": result.num_rows,
        }

    def count(self, builder: GraphBuilder, value: Value, constants: Mapping[str, Any]) -> tuple[str, int]:
        """A float64 tensor of how often each token is in each text, and its width."""
        grams = [tuple(token.split(self.separator)) for token in constants["tokens"]]
        return count_tokens(builder, value, grams, self.separator), max(1, len(grams))


def count_tokens(builder: GraphBuilder, value: Value, grams: Sequence[tuple[str, ...]], separator: str) -> str:
    """A float64 tensor [N, len(grams)] of how often each n-gram is in each text, 0 for null; [N, 1] of 0 for none."""
    sizes = sorted({len(gram) for gram in grams})
    pool: list[str] = []
    starts, places = [], []
    for size in range(1, (sizes or [1])[-1] + 1):
        starts.append(len(pool))
        for place, gram in enumerate(grams):
            if len(gram) == size:
                pool += gram
                places.append(place)
    # The vectorizer wants at least one text and one token; none can hold U+0000 first, so the added ones count nothing.
    if not grams:
        pool, places = ["\x00"], [0]
    column = builder.node("Squeeze", [value.name, builder.integer(1)])
    rows = builder.node("Concat", [column, builder.constant(np.array([""], dtype=object))], axis=0)
    pieces = builder.nodes("StringSplit", [rows], 2, delimiter=separator)[0]
    counts = builder.node(
        "TfIdfVectorizer",
        [pieces],
        mode="TF",
        min_gram_length=(sizes or [1])[0],
        max_gram_length=(sizes or [1])[-1],
        max_skip_count=0,
        ngram_counts=starts,
        ngram_indexes=places,
        pool_strings=pool,
    )
    first = builder.node("Slice", [counts, builder.integer(0), builder.integer(-1), builder.integer(0)])
    return builder.cast(first, np.float64)
