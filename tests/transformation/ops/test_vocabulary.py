"""ops.vocabulary: count descending, value ascending; -1 or hash buckets outside; null stays null."""

import json
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import strategies as st
from sklearn.metrics import mutual_info_score

from headrace.dataset import Dataset
from headrace.errors import InvalidInput, UnknownName
from headrace.fold.counts import ValueCounts
from headrace.testing.op_cases import OpCases
from headrace.transformation import TransformGraph, ops, transform
from headrace.transformation._contract import ValueType
from headrace.transformation.ops.vocabulary import Vocabulary
from tests.transformation import meaning

TEXTS = st.sampled_from(["", "a", "A", "b", "é", "e\u0301", "😀", "\uffff", "zz"])


class TestVocabulary(OpCases):
    """Texts, integers, booleans; top_k, min_count; text filled first, so that null is a token."""

    columns: ClassVar = {"t": "text", "i": "integer", "f": "boolean"}
    values: ClassVar = {"t": TEXTS, "i": st.sampled_from([0, 1, -1, 2**63 - 1, -(2**63), 2**53 + 1])}

    def features(self, x):
        """Every parameter."""
        return {
            "t": ops.vocabulary(x.t),
            "top": ops.vocabulary(x.t, top_k=2),
            "often": ops.vocabulary(x.t, min_count=2),
            "i": ops.vocabulary(x.i),
            "f": ops.vocabulary(x.f),
            "filled": ops.vocabulary(x.t.fill_null("none")),
        }

    def define(self, rows, fitted):
        """Sorted counts."""

        def feature(make, **parameters):
            known = meaning.vocabulary([make(row) for row in fitted], **parameters)
            return [meaning.code(make(row), known) for row in rows]

        return {
            "t": feature(lambda row: row["t"]),
            "top": feature(lambda row: row["t"], top_k=2),
            "often": feature(lambda row: row["t"], min_count=2),
            "i": feature(lambda row: row["i"]),
            "f": feature(lambda row: row["f"]),
            "filled": feature(lambda row: "none" if row["t"] is None else row["t"]),
        }


class TestHashed(OpCases):
    """What the vocabulary does not hold is hashed; scikit-learn's MurmurHash3 is the oracle."""

    columns: ClassVar = {"t": "text", "i": "integer", "f": "boolean"}
    has_reference = False

    def features(self, x):
        """All kinds."""
        return {
            "t": ops.vocabulary(x.t, num_oov=16),
            "top": ops.vocabulary(x.t, top_k=1, num_oov=3),
            "i": ops.vocabulary(x.i, min_count=2, num_oov=1000),
            "f": ops.vocabulary(x.f, min_count=3, num_oov=2),
        }

    def define(self, rows, fitted):
        """Place, or hash."""

        def feature(name, num_oov, **parameters):
            known = meaning.vocabulary([row[name] for row in fitted], **parameters)
            return [meaning.code(row[name], known, num_oov) for row in rows]

        return {
            "t": feature("t", 16),
            "top": feature("t", 3, top_k=1),
            "i": feature("i", 1000, min_count=2),
            "f": feature("f", 2, min_count=3),
        }


def test_the_order_of_codes():
    """Most frequent first, ties by bytes: upper case before lower, é after z."""
    values = ["b", "b", "é", "z", "A", "a", None]
    graph = transform(lambda x: {"t": ops.vocabulary(x.t)}, Dataset.from_arrow(pa.table({"t": values})))
    codes = graph.apply(pa.table({"t": ["b", "A", "a", "z", "é", "unseen", ""]}))["t"].to_pylist()
    assert codes == [0.0, 1.0, 2.0, 3.0, 4.0, -1.0, -1.0]
    assert graph.feature_kinds == ("categorical",)


def test_texts_of_every_sort_are_values(tmp_path):
    """Line feeds, '', NUL inside, quotes and separators come through fit, save and look-up; NUL first is told."""
    words = ["a\nb", "a\r\nb", "", "a\x00b", "\n", "a\x1fb", '"', "\\", "\u2028", "\U0001f600", " ", "null", "NaN"]
    values = [word for times, word in enumerate(reversed(words), 1) for _ in range(times)]
    table = pa.table({"t": values})
    graph = transform(lambda x: {"t": ops.vocabulary(x.t), "hot": ops.one_hot(x.t)}, Dataset.from_arrow(table))
    graph.save(tmp_path)
    wanted = list(range(len(words)))
    for found in (graph, TransformGraph.load(tmp_path)):
        assert found.apply(pa.table({"t": words}))["t"].to_pylist() == wanted
        lanes = found.codec.from_json(json.dumps({"instances": [{"t": word} for word in words]}).encode())
        assert found.matrix(lanes)[:, 0].tolist() == wanted
    new = pa.table({"t": ["a", "\x00 first"]})
    fitted = transform(lambda x: {"t": ops.vocabulary(x.t)}, Dataset.from_arrow(new))
    assert fitted.apply(new.slice(0, 1))["t"].to_pylist() == [0.0]
    with pytest.raises(InvalidInput, match=r"begins with U\+0000.*row 1, column 't'"):
        fitted.apply(new)


@pytest.mark.parametrize(
    "parameters", [{"top_k": 0}, {"top_k": 1.5}, {"min_count": 0}, {"num_oov": -1}, {"num_oov": True}]
)
def test_bad_parameters(parameters):
    """Whole numbers in their range."""
    with pytest.raises(InvalidInput, match="expected a whole number"):
        Vocabulary(**parameters)


def test_numbers_have_none():
    """A float is not a category."""
    with pytest.raises(InvalidInput, match="number has no vocabulary"):
        Vocabulary().infer([ValueType("number")])


def test_too_many_values_are_refused():
    """Above a million values top_k is asked for; with it the same counts are fine."""
    counted = ValueCounts(pa.array(np.arange(1_000_001)), np.ones(1_000_001, np.int64))
    with pytest.raises(InvalidInput, match=r"a vocabulary of 1,000,001 values.*give top_k"):
        Vocabulary().constants(counted)
    assert Vocabulary(top_k=2).constants(counted) == {"values": [0, 1]}


def test_mutual_information_orders():
    """As scikit-learn's mutual_info_score says, value by value; the smaller value first where two say as much."""
    random = np.random.default_rng(11)
    values = random.choice(["common", "a", "b", "c", "d"], 400, p=[0.8, 0.05, 0.05, 0.05, 0.05])
    chances = {"common": 0.5, "a": 0.0, "b": 0.9, "c": 0.5, "d": 1.0}
    label = (random.random(400) < [chances[value] for value in values]).astype(int)
    table = pa.table({"s": pa.array([None if i == 0 else v for i, v in enumerate(values)]), "y": label})
    dataset = Dataset.from_arrow(table, label="y")
    graph = transform(lambda x: {"s": ops.vocabulary(x.s, order="mutual_information")}, dataset)
    known = graph.to_plain()["constants"]["1"]["values"]
    said = [mutual_info_score(table["s"].to_numpy(zero_copy_only=False) == word, label) for word in known]
    assert set(known) == set(chances)
    assert said == sorted(said, reverse=True)
    assert known != transform(lambda x: {"s": ops.vocabulary(x.s)}, dataset).to_plain()["constants"]["1"]["values"]


def test_mutual_information_wants_a_binary_label():
    """Any other label, or none, is refused; so is another order."""
    table = pa.table({"s": ["a", "b"], "y": [2.0, 0.0]})

    def features(x):
        return {"s": ops.vocabulary(x.s, order="mutual_information")}

    with pytest.raises(InvalidInput, match="other values than 0 and 1"):
        transform(features, Dataset.from_arrow(table, label="y"))
    with pytest.raises(InvalidInput, match="has no label"):
        transform(features, Dataset.from_arrow(table))
    with pytest.raises(UnknownName, match="mutual_information"):
        Vocabulary(order="information")
