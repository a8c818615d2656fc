"""TokenCounts: every law of folds, and counts by hand."""

from typing import ClassVar

import pyarrow as pa
from hypothesis import strategies as st

from headrace.fold import Rows, TokenCounts, lift
from headrace.testing.fold_laws import FoldLaws

TEXTS = st.lists(st.none() | st.lists(st.sampled_from(["a", "b", "é", ""]), max_size=4).map(" ".join), max_size=12)


def _rows(texts):
    return Rows(pa.record_batch([pa.array(texts, pa.string())], ["t"]))


class TestTokenCounts(FoldLaws):
    """Single tokens, and n-grams of one to three."""

    folds: ClassVar = (lift(TokenCounts("t")), lift(TokenCounts("t", " ", 1, 3)))
    rows: ClassVar = TEXTS.map(_rows)


def test_by_hand():
    """Texts that hold a token, and times it came; an empty piece is no token and parts neighbours."""
    fold = TokenCounts("t", "|", 1, 2)
    result = fold.extract(fold.add(fold.create(), _rows(["a|b|a", "", None, "b||a", "a|b|a"])))
    assert result.num_rows == 4
    found = dict(
        zip(result.tokens, zip(result.num_texts.tolist(), result.num_times.tolist(), strict=True), strict=True)
    )
    assert found == {"a": (3, 5), "b": (3, 3), "a|b": (2, 2), "b|a": (2, 2)}


def test_texts_that_are_not_utf8():
    """Read with the replacement character, as counts are."""
    batch = pa.record_batch(
        [pa.StringArray.from_buffers(1, pa.py_buffer(b"\x00\x00\x00\x00\x03\x00\x00\x00"), pa.py_buffer(b"a \xff"))],
        ["t"],
    )
    fold = TokenCounts("t")
    assert fold.extract(fold.add(fold.create(), Rows(batch))).tokens == ("a", "�")
