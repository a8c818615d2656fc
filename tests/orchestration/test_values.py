"""Values between steps: they come back equal, equal ones have one digest, and what cannot travel is refused."""

import math

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.errors import InvalidInput, StoreError
from headrace.orchestration.values import TableFile, Value, as_artifact, load_value, stage
from headrace.store import Store

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(derandomize=True, max_examples=50, deadline=None)
@given(plain)
def test_plain_data_comes_back(tmp_path_factory, value):
    """Plain data is the same after the store, and its digest depends on it alone."""
    folder = tmp_path_factory.mktemp("value")
    Value(value).save(folder)
    loaded = Value.load(folder)
    assert loaded.value == value
    assert loaded.digest == Value(value).digest


def test_table_digest_is_of_its_rows(tmp_path):
    """Chunks and slices of larger buffers cannot be seen; nulls, types and order can."""
    table = pa.table({"a": [1, None, 3], "b": ["x", "é", None]})
    chunked = pa.concat_tables([table.slice(0, 1), table.slice(1)])
    sliced = pa.concat_tables([table, table]).slice(3, 3)
    assert TableFile(table).digest == TableFile(chunked).digest == TableFile(sliced).digest
    assert TableFile(table).digest != TableFile(table.slice(0, 2)).digest
    assert TableFile(table).digest != TableFile(table.set_column(0, "a", table["a"].cast(pa.int32()))).digest
    empty = table.slice(0, 0)
    for one in (table, chunked, empty):
        folder = tmp_path / str(id(one))
        folder.mkdir()
        TableFile(one).save(folder)
        assert TableFile.load(folder).value.equals(one.combine_chunks())


def test_what_cannot_travel():
    """A step that returns something else is told what it may return."""
    with pytest.raises(InvalidInput, match=r"a set was returned.*step 'x'.*expected plain data"):
        as_artifact({1}, "step 'x'")
    assert math.isnan(as_artifact(math.nan, "").value)


def test_stage_and_load(tmp_path):
    """Staged outputs load as they were; equal ones are written once, known ones not at all; a missing one says so."""
    with Store.open(tmp_path / "home") as store:
        run = store.create_run("p", {})
        attempt = store.begin_attempt(run, "s", "k" * 64)
        staged = stage(store, {"a": [1], "b": [1], "t": pa.table({"x": [1]})}, attempt.folder, "step 's'")
        assert staged["a"].folder == staged["b"].folder
        store.commit(attempt, staged, {}, "k" * 64)
        assert load_value(store, staged["a"].digest) == [1]
        assert load_value(store, staged["t"].digest).to_pydict() == {"x": [1]}
        assert stage(store, {"a": [1]}, tmp_path, "step 's'")["a"].folder is None
        with pytest.raises(StoreError, match="no artifact"):
            load_value(store, "0" * 64)
