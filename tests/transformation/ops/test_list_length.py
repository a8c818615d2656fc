"""ops.list_length: how many values."""

import pyarrow as pa
import pytest

from headrace.dataset import Dataset
from headrace.errors import InvalidInput
from headrace.transformation import ops, transform


def test_by_hand():
    """Null values count, a null list is null; any list of values has a length."""
    table = pa.table({"p": [[1.5, None], [], None], "t": [["a"], None, ["b", "c", "d"]], "f": pa.array([[True]] * 3)})
    graph = transform(
        lambda x: {"p": ops.list_length(x.p), "t": x.t.list.length() * 2, "f": x.f.list.length()},
        Dataset.from_arrow(table),
    )
    found = graph.apply(table).to_pydict()
    assert (found["p"][:2], found["t"][0], found["t"][2], found["f"]) == ([2.0, 0.0], 2.0, 6.0, [1.0] * 3)
    assert found["p"][2] != found["p"][2]


def test_what_is_no_list_of_values():
    """Other kinds, lists of lists and lists in other ops are refused, each with what to do."""
    table = pa.table({"n": [1.0], "l": [[[1.0]]], "p": [[1.0]]})
    dataset = Dataset.from_arrow(table)
    with pytest.raises(InvalidInput, match="number is no list"):
        transform(lambda x: {"f": x.n.list.length()}, dataset)
    with pytest.raises(InvalidInput, match=r"a list of values of an unknown kind cannot enter a model.*column 'l'"):
        transform(lambda x: {"f": x.l.list.length()}, dataset)
    with pytest.raises(InvalidInput, match=r"ops.z_score was given a list.*has length.*join"):
        transform(lambda x: {"f": ops.z_score(x.p)}, dataset)
    with pytest.raises(InvalidInput, match=r"feature 'f' is a list.*list.length"):
        transform(lambda x: {"f": x.p}, dataset)
    with pytest.raises(InvalidInput, match=r"list has no characters.*get\(0\)"):
        transform(lambda x: {"f": x.p.str.length()}, dataset)
