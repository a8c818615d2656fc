"""ops.list_join: the texts of a list as one."""

import pyarrow as pa
import pytest
from sklearn.preprocessing import MultiLabelBinarizer

from headrace.dataset import Dataset
from headrace.errors import InvalidInput
from headrace.transformation import ops, transform

TAGS = [["news", "sport"], ["sport"], [], ["a|b", "news"], ["news", "news"]]


def test_multi_hot_as_scikit_learn():
    """The tokens of the joined text are the values of the list; a separator inside one does not part it."""
    table = pa.table({"t": TAGS})
    graph = transform(lambda x: {"t": ops.multi_hot(x.t.list.join("|"), separator="|")}, Dataset.from_arrow(table))
    (constants,) = graph.to_plain()["constants"].values()
    plain = [[tag.replace("|", "") for tag in tags] for tags in TAGS]
    expected = MultiLabelBinarizer(classes=constants["tokens"]).fit_transform(plain)
    assert graph.apply(table)["t"].to_pylist() == expected.tolist()


def test_by_hand():
    """Null values are left out, '' stands for no value, null stays null."""
    table = pa.table({"t": [["b", None, "a"], [], None]})
    graph = transform(lambda x: {"t": ops.vocabulary(x.t.list.join(" ").str.upper())}, Dataset.from_arrow(table))
    (constants,) = graph.to_plain()["constants"].values()
    assert constants["values"] == ["", "B A"]
    for wrong in ("", "\x00"):
        with pytest.raises(InvalidInput):
            transform(lambda x: {"t": ops.vocabulary(x.t.list.join(wrong))}, Dataset.from_arrow(table))  # noqa: B023
