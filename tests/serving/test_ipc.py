"""Arrow streams from clients: equal to what was written, or refused; never a crash, never more memory than said."""

import random
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from headrace.errors import HeadraceError, InvalidRequest
from headrace.model import Codec, InputColumn
from headrace.model.answers import to_column
from headrace.serving.ipc import read_lanes, read_stream, write_prediction, write_stream

COLUMNS = [
    InputColumn("a", "number"),
    InputColumn("i", "integer"),
    InputColumn("b", "boolean"),
    InputColumn("d", "text"),
    InputColumn("s", "text"),
    InputColumn("w", "timestamp"),
]
NAMES = {column.name for column in COLUMNS}


def table(turns: int = 20) -> pa.Table:
    """Each kind of column, a null in each."""
    return pa.table(
        {
            "a": pa.array([1.5, None, 3.0] * turns),
            "i": pa.array([1, None, 3] * turns),
            "b": pa.array([True, None, False] * turns),
            "d": pa.array(["x", None, "\u00e9"] * turns).dictionary_encode(),
            "s": pa.array(["AA", None, "b"] * turns),
            "w": pa.array([1, 2, None] * turns, pa.timestamp("s")),
            "more": pa.array([[1, 2], None, [3]] * turns),
        }
    )


def stream(rows: pa.Table, compression: str | None = None, size: int = 25) -> bytes:
    """As bytes, in batches of so many rows."""
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_stream(sink, rows.schema, options=options) as writer:
        for batch in rows.to_batches(max_chunksize=size):
            writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
def test_what_was_written_is_read(compression):
    """The columns wanted, dictionaries among them, whatever the compression."""
    assert read_stream(stream(table(), compression), NAMES).equals(table().select([*"aibdsw"]))
    assert read_stream(stream(table(), compression), {"more"}).equals(table().select(["more"]))


def test_no_rows_and_no_columns_are_tables_too():
    """Whether they are an answer to anything is not for here to say."""
    assert read_stream(stream(table().slice(0, 0)), NAMES).num_rows == 0
    assert read_stream(stream(table()), {"nothing"}).num_columns == 0


def test_a_bomb_is_refused_before_it_is_inflated():
    """96 MB of zeros in a few kB, and a billion nulls in 224 bytes, are not even begun."""
    zeros = stream(pa.table({"a": np.zeros(12_000_000)}), "zstd", 12_000_000)
    assert len(zeros) < 1_000_000
    many = pa.RecordBatch.from_arrays([pa.nulls(10**9)], ["a"])
    for body in (zeros, write_stream(pa.Table.from_batches([many]))):
        before = pa.total_allocated_bytes()
        with pytest.raises(InvalidRequest, match="would take more than") as caught:
            read_stream(body, NAMES)
        assert "fewer rows" in str(caught.value)
        assert pa.total_allocated_bytes() - before < 1 << 20


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"ARROW1\x00\x00", b"\xff" * 64, b"\x00" * 64, stream(table())[:100], stream(table())[8:]],
    ids=["empty", "json", "file", "ones", "zeros", "cut", "headless"],
)
def test_what_is_no_stream_is_refused(body):
    """By an error of the caller's."""
    with pytest.raises(InvalidRequest):
        read_stream(body, NAMES)


def test_lying_offsets_and_codes_are_refused():
    """Arrow reads offsets and codes on trust: they are checked first."""
    good = table().select(["d"]).combine_chunks()
    dictionary = good.column(0).chunk(0)
    lying = pa.DictionaryArray.from_arrays(
        pa.array([0, 5_000_000, 1] * 20, dictionary.indices.type), dictionary.dictionary, safe=False
    )
    with pytest.raises(InvalidRequest):
        read_stream(write_stream(pa.table({"d": lying})), NAMES)
    offsets = pa.py_buffer(np.array([0, 1 << 30, 2], np.int32))
    texts = pa.Array.from_buffers(pa.string(), 2, [None, offsets, pa.py_buffer(b"ab")])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, pa.schema([("s", pa.string())])) as writer:
        writer.write_batch(pa.RecordBatch.from_arrays([texts], ["s"]))
    with pytest.raises(InvalidRequest):
        read_stream(sink.getvalue().to_pybytes(), NAMES)


def test_damaged_streams_are_refused_or_read_but_never_crash():
    """Bytes changed, cut and overwritten at random: an answer or one of our errors, and the process lives."""
    generator = random.Random(5)
    codec = Codec(COLUMNS)
    whole = [stream(table(), compression) for compression in (None, "lz4", "zstd")]
    huge = [b"\xff" * 8, b"\x00" * 8, (1 << 62).to_bytes(8, "little"), (1000).to_bytes(8, "little")]
    num_read = 0
    for _ in range(1_500):
        body = bytearray(generator.choice(whole))
        for _ in range(generator.choice([1, 1, 2, 8])):
            kind, place = generator.randrange(5), generator.randrange(len(body))
            if kind == 0 and place:
                del body[place:]
            elif kind == 1:
                body[place : place + 8] = generator.choice(huge)
            else:
                body[place] = generator.randrange(256)
        try:
            codec.from_batch(read_stream(bytes(body), NAMES))
        except HeadraceError:
            continue
        num_read += 1
    assert 0 < num_read < 1_500


def test_a_zone_that_is_no_text_is_refused():
    """The zone of a timestamp is a text of the client's too; Arrow looks at it late."""
    table = pa.table({"when": pa.array([0], pa.timestamp("us", tz="Europe/Zurich"))})
    body = write_stream(table)
    assert body.count(b"Europe/Zurich") == 1
    model = SimpleNamespace(columns=(column := InputColumn("when", "timestamp"),), codec=Codec([column]))
    assert read_lanes(body, model, 10)["integer"].tolist() == [[0]]
    with pytest.raises(InvalidRequest, match="not UTF-8"):
        read_lanes(body.replace(b"Europe/Zurich", b"Europe/Zuri\xff\xb1"), model, 10)


@pytest.mark.parametrize("shape", [(0,), (1,), (2,), (7,), (512,), (512,), (70_000,), (3, 4)])
def test_predictions_are_written_as_arrow_writes_them(shape):
    """What lies around the values is kept: byte for byte the stream that Arrow makes, NaN and slices among them."""
    values = np.random.default_rng(3).normal(size=shape).astype(np.float32)
    values[: len(values) // 3] = np.nan
    for some in (values, values[::2], values[1:]):
        assert write_prediction(some) == write_stream(pa.table({"prediction": to_column(some)}))
