"""The prelude: one list of steps, done on every road into a model, and written in its signature."""

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import headrace as hr
from headrace.dataset import Dataset
from headrace.errors import InvalidInput, StoreTooNew, UnknownName
from headrace.model import Codec, InputColumn, Model
from headrace.model.prelude import VERSION, Derived, run_steps
from headrace.testing.strategies import values
from headrace.transformation import ops, transform

STEPS = (
    ("lower",),
    ("upper",),
    ("strip",),
    ("replace", "[a-z]+", "<\\0>"),
    ("split", "a", 1),
    ("split", " ", -1),
    ("slice", 1, None),
    ("ngrams", 2, 3),
)
CHAINS = st.lists(st.sampled_from(STEPS), max_size=4).map(tuple)
TEXTS = values("text").filter(lambda text: not (text or "").startswith("\x00"))


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(CHAINS, st.lists(st.none() | TEXTS, max_size=9), st.booleans())
def test_every_road_gives_the_same_lanes(chain, texts, has_length):
    """Arrow, JSON, Python rows and tensors, all at once or row by row."""
    steps = (*chain, ("length",)) if has_length else chain or (("strip",),)
    column = InputColumn("t", "text", derived=(Derived("d", "integer" if has_length else "text", steps),))
    codec = Codec([InputColumn("n", "integer"), column])
    rows = [{"n": None if index % 2 else index, "t": text} for index, text in enumerate(texts)]
    table = pa.table({"n": pa.array([row["n"] for row in rows], pa.int64()), "t": pa.array(texts, pa.string())})
    whole = codec.from_batch(table)
    roads = [codec.from_rows(rows), codec.from_json(json.dumps({"instances": rows}).encode())]
    if rows:
        tensors = {"n": np.array([row["n"] for row in rows], object), "t": np.array(texts, object)}
        roads.append(codec.from_tensors(tensors))
        singles = [codec.from_rows([row]) for row in rows]
        roads.append({lane: np.concatenate([each[lane] for each in singles]) for lane in whole})
    for road in roads:
        assert {lane: array.tolist() for lane, array in road.items()} == {
            lane: array.tolist() for lane, array in whole.items()
        }


def test_steps_by_hand():
    """Each step, nulls, and a piece that is not there."""
    assert run_steps((("strip",), ("lower",)), [" Ab ", None, ""]) == ["ab", None, ""]
    assert run_steps((("replace", "(a)(b)", "\\2\\1"),), ["abab c"]) == ["baba c"]
    assert run_steps((("split", "@", 1), ("upper",)), ["a@b", "a", None]) == ["B", None, None]
    assert run_steps((("split", "@", -1),), ["a@b@c"]) == ["c"]
    assert run_steps((("slice", None, -1),), ["abc", ""]) == ["ab", ""]
    assert run_steps((("ngrams", 1, 2),), ["abc", ""]) == ["a\x1fb\x1fc\x1fab\x1fbc", ""]
    assert run_steps((("length",),), ["e\u0301", "", None]) == [2, 0, None]
    assert run_steps((("replace", "^a", ""),), ["a\x00b"]) == ["b"], "U+0000 first stands for null"


@pytest.mark.parametrize(
    "step",
    [
        ("trim",),
        ("lower", 1),
        ("replace", "(", ""),
        ("replace", "a", "\\7"),
        ("replace", "(?=a)", ""),
        ("replace", 5, ""),
        ("split", "", 0),
        ("split", "a", "b"),
        ("split", "a", True),
        ("slice", "a", 1),
        ("ngrams", 0, 1),
        ("ngrams", 2, 1),
        ("ngrams", 1, 9),
    ],
)
def test_bad_steps(step):
    """What is not in the list, or out of range, is refused when the graph is made and when a signature is read."""
    with pytest.raises((InvalidInput, UnknownName)):
        Derived("d", "text", (step,))


def test_a_signature_carries_it(tmp_path):
    """A saved model answers raw rows as before; a prelude of a later version is not guessed at."""
    table = pa.table({"t": ["A@x", "b@Y", None, "a@X"] * 20, "y": [1, 0, 1, 1] * 20})
    dataset = Dataset.from_arrow(table, label="y")
    graph = transform(lambda x: {"home": ops.vocabulary(x.t.str.split("@", 1).str.lower())}, dataset)
    model = hr.train(hr.XGBoost(n_estimators=3), graph, dataset)
    assert [column.name for column in model.columns] == ["t"]
    model.save(tmp_path / "model")
    again = Model.load(tmp_path / "model")
    assert again.predict(table).equals(model.predict(table))
    (column,) = json.loads((tmp_path / "model" / "signature.json").read_text())["signature"]["columns"]
    assert column["derived"][0]["steps"] == [["split", "@", 1], ["lower"]]
    with pytest.raises(StoreTooNew, match="prelude of version"):
        InputColumn("t", "text", derived=({**column["derived"][0], "version": VERSION + 1},))


def test_only_texts_have_a_prelude():
    """A number has no characters; two derived columns of one name are refused."""
    with pytest.raises(InvalidInput, match="a prelude on number"):
        InputColumn("a", "number", derived=(Derived("d", "text", (("lower",),)),))
    twice = (Derived("d", "text", (("lower",),)), Derived("d", "text", (("upper",),)))
    with pytest.raises(InvalidInput, match="appears twice"):
        Codec([InputColumn("t", "text", derived=twice)])
