"""ops.list_contains: whether a list has a value."""

import pyarrow as pa
import pytest

from headrace.dataset import Dataset
from headrace.errors import InvalidInput
from headrace.transformation import ops, transform


def test_by_hand():
    """Whole texts, numbers by value; null is in nothing."""
    table = pa.table({"t": [["sale", "new"], ["sal"], [], [None], None], "n": [[1, 2], [None], [2**53 + 1], [], None]})
    graph = transform(
        lambda x: {"t": x.t.list.contains("sale"), "n": ops.list_contains(x.n, value=2**53)}, Dataset.from_arrow(table)
    )
    found = graph.apply(table).to_pydict()
    assert found["t"][:4] == [1.0, 0.0, 0.0, 0.0]
    assert found["n"][:4] == [0.0] * 4
    assert found["t"][4] != found["t"][4]


@pytest.mark.parametrize(("name", "value"), [("t", 1), ("n", "a"), ("n", True), ("n", 1.5)])
def test_a_value_of_another_kind(name, value):
    """It could never be found, so it is refused."""
    dataset = Dataset.from_arrow(pa.table({"t": [["a"]], "n": [[1]]}))
    with pytest.raises(InvalidInput, match=r"is no (text|integer)"):
        transform(lambda x: {"f": x[name].list.contains(value)}, dataset)
