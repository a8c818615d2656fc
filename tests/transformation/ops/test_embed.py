"""ops.embed: a vector beside each key."""

from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import strategies as st

from headrace.dataset import Dataset
from headrace.errors import InvalidInput
from headrace.testing.op_cases import OpCases
from headrace.transformation import ops, transform
from headrace.transformation.ops.embed import Embed

CITIES = {"Oslo": [1.0, 2.5], "": [0.0, -1.0], "é": [3.0, 1e30]}
NUMBERS = {7: [0.5], -1: [2.0]}


class TestEmbed(OpCases):
    """Texts and integers; two numbers and one."""

    columns: ClassVar = {"s": "text", "i": "integer"}
    values: ClassVar = {"s": st.sampled_from([*CITIES, "never"]), "i": st.sampled_from([*NUMBERS, 0])}

    def features(self, x):
        """Both tables."""
        return {
            "s": ops.embed(x.s, keys=list(CITIES), vectors=list(CITIES.values())),
            "i": ops.embed(x.i, keys=list(NUMBERS), vectors=list(NUMBERS.values())),
        }

    def define(self, rows, fitted):
        """A dict."""
        return {
            "s": [CITIES.get(row["s"], [0.0, 0.0]) for row in rows],
            "i": [NUMBERS.get(row["i"], [0.0]) for row in rows],
        }


def test_arrays_are_taken():
    """What NumPy and Arrow hold becomes plain data."""
    keys, vectors = np.array(["a", "b"]), np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
    table = pa.table({"s": ["b", "c"]})
    graph = transform(lambda x: {"s": ops.embed(x.s, keys=keys, vectors=vectors)}, Dataset.from_arrow(table))
    assert graph.apply(table)["s"].to_pylist() == [[3.0, 4.0], [0.0, 0.0]]


@pytest.mark.parametrize(
    ("keys", "vectors"),
    [
        ([], []),
        ("ab", [[1.0], [2.0]]),
        (["a", 1], [[1.0], [2.0]]),
        (["a", "a"], [[1.0], [2.0]]),
        (["a"], [[1.0], [2.0]]),
        (["a", "b"], [[1.0], [2.0, 3.0]]),
        (["a"], [[float("nan")]]),
        (["a"], [[]]),
        (["a"], 5),
        ([2**63], [[1.0]]),
        (["\x00a"], [[1.0]]),
        ([True], [[1.0]]),
    ],
)
def test_bad_tables(keys, vectors):
    """Each is refused before anything is recorded."""
    with pytest.raises(InvalidInput):
        Embed(keys=keys, vectors=vectors)


def test_keys_of_another_kind():
    """Texts are not looked up among numbers."""
    with pytest.raises(InvalidInput, match="looked up among keys that are integer"):
        transform(
            lambda x: {"s": ops.embed(x.s, keys=[1], vectors=[[1.0]])}, Dataset.from_arrow(pa.table({"s": ["a"]}))
        )
