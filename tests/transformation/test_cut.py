"""The graph cut at its texts, for many rows: the serving graph's bytes, and its errors."""

import numpy as np
import pyarrow as pa
import pytest

from headrace.dataset import Dataset
from headrace.errors import InvalidInput
from headrace.model.codec import Codec, read_codes
from headrace.model.columns import InputColumn
from headrace.transformation import ops, transform

CITIES = ["Oslo", "Łódź", "", "São Paulo", "oslo", None]


def rows(num_rows=5000, seed=3):
    """Texts plain, rare, by dictionary and null; numbers of each kind, with nulls."""
    random = np.random.default_rng(seed)
    words = pa.array(CITIES)
    unique = pa.array([f"user {number}" for number in random.permutation(num_rows)])
    numbers = random.normal(size=num_rows)
    missing = random.random(num_rows) < 0.1
    return pa.table(
        {
            "city": words.take(pa.array(random.integers(0, 6, num_rows))),
            "to": pa.DictionaryArray.from_arrays(
                pa.array(random.integers(0, 6, num_rows), pa.int8()), pa.array(["b", "a", "b", None, "é", "z"])
            ),
            "user": unique,
            "size": pa.array(numbers, mask=missing),
            "count": pa.array(random.integers(-3, 3, num_rows), mask=missing[::-1]),
            "is_new": pa.array(random.random(num_rows) < 0.5, mask=missing),
        }
    )


def features(x):
    """What texts decide alone, in pairs, beside numbers, and as vectors."""
    return {
        "city": ops.vocabulary(x.city),
        "again": ops.vocabulary(x.city),
        "user": ops.hash_bucket(x.user, num_buckets=50),
        "pair": ops.vocabulary(ops.cross(x.city, x.to), num_oov=3),
        "wide pair": ops.hash_bucket(ops.cross(x.user, x.city, x.to), num_buckets=1000),
        "scaled": ops.z_score(ops.count_encode(x.city) + x.size),
        "chosen": ops.vocabulary(ops.where(x.size > 0.0, x.city, x.to)),
        "lower": ops.vocabulary(x.city.str.lower()),
        "length": x.city.str.length() + x["count"],
        "hot": ops.one_hot(x.to),
        "is_new": x.is_new,
        "known": x.city.is_null() & x.is_new,
        "count": x["count"],
        "half": x["count"] / 2,
        "whole": x["count"] // 2,
    }


@pytest.fixture(scope="module")
def graph():
    """Fitted to the rows."""
    return transform(features, Dataset.from_arrow(rows()))


@pytest.mark.parametrize("chunk", [5000, 1999, 1])
def test_the_serving_graphs_bytes(graph, chunk):
    """However the table is cut, each row has the features that a server would give it."""
    table = rows(400 if chunk == 1 else 5000)
    table = pa.Table.from_batches(table.to_batches(max_chunksize=chunk))
    expected = graph.matrix(graph.codec.from_batch(table))
    found = graph.matrix_of(table, few_rows=0)
    assert graph._cut is not None, "cut, not run whole"
    assert np.ascontiguousarray(found).tobytes() == expected.tobytes()


def test_rows_of_other_types_and_none(graph):
    """Columns of type null, views and no rows at all are read as the codec reads them."""
    table = rows(50)
    for name, column in (("city", pa.nulls(50)), ("to", table["city"].cast(pa.string_view())), ("size", pa.nulls(50))):
        table = table.set_column(table.column_names.index(name), name, column)
        expected = graph.matrix(graph.codec.from_batch(table))
        assert np.ascontiguousarray(graph.matrix_of(table, few_rows=0)).tobytes() == expected.tobytes()
    assert graph.matrix_of(table.slice(0, 0), few_rows=0).shape == (0, len(graph.matrix_names))


def test_a_wrong_text_is_named_by_its_row(graph):
    """What a head refuses is said of the row of the table."""
    table = rows(2000)
    words = table["city"].to_pylist()
    words[1234] = "\x00hidden"
    wrong = table.set_column(0, "city", pa.array(words))
    with pytest.raises(InvalidInput, match="row 1234") as error:
        graph.matrix_of(wrong, few_rows=0)
    assert "city" in str(error.value)


def test_vectors_too_many_for_distinct_texts_take_the_serving_graph(monkeypatch, graph):
    """A bound of memory is kept, and the bytes are the same."""
    from headrace.transformation import _cut

    table = rows(2000)
    expected = graph.matrix(graph.codec.from_batch(table))
    monkeypatch.setattr(_cut, "_MOST_VALUES", 10)
    assert np.ascontiguousarray(graph.matrix_of(table, few_rows=0)).tobytes() == expected.tobytes()


def test_texts_cut_beside_numbers_take_the_serving_graph():
    """Pieces of texts that numbers choose are not bounded here, so such a graph is not cut."""
    table = rows(300)
    graph = transform(
        lambda x: {"bag": ops.bag_of_words(ops.where(x.size > 0.0, x.user, x.city))}, Dataset.from_arrow(table)
    )
    assert graph._cut is None
    expected = graph.matrix(graph.codec.from_batch(table))
    assert np.ascontiguousarray(graph.matrix_of(table, few_rows=0)).tobytes() == expected.tobytes()


def test_codes_of_chunks_share_one_dictionary():
    """Codes mean the same in every chunk, null comes last, and a dictionary's unused text is not looked at."""
    chunks = pa.chunked_array([["b", None], ["a", "b"], []], pa.string())
    codes, distinct = read_codes(pa.table({"t": chunks}), InputColumn("t", "text"))
    assert [[*distinct.to_pylist(), None][code] for code in codes.tolist()] == ["b", None, "a", "b"]
    bad = pa.DictionaryArray.from_arrays(pa.array([1, 1]), pa.array(["\x00", "a"]))
    codes, distinct = read_codes(pa.table({"t": bad}), InputColumn("t", "text"))
    assert distinct.take(pa.array(codes)).to_pylist() == ["a", "a"]
    assert Codec([InputColumn("t", "text")]).from_batch(pa.table({"t": bad}))["text"].tolist() == [["a"], ["a"]]
