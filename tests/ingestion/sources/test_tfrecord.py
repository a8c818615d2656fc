"""The TFRecord source."""

from __future__ import annotations

import gzip
import json
import math
import random
import struct
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import headrace as hr
from headrace import checksum, lookup
from headrace.dataset import Fragment
from headrace.errors import InvalidInput, InvalidSchema
from headrace.fold.kernels.native import library, without_native
from headrace.ingestion import Source
from headrace.ingestion.kernels import tfrecord as kernels
from headrace.ingestion.sources.tfrecord import TFRecord
from headrace.testing.examples import encode_example, encode_records
from headrace.testing.source_cases import SourceCases

GOLDEN = Path(__file__).parent.parent / "golden"
TYPES = {"id": "int64", "carrier": "string", "hour": "int8", "delay": "double"}


def records_of(table: pa.Table) -> list[bytes]:
    """The table, an Example a row; a null is left out, a number is written as its own digits."""
    rows = []
    for row in table.to_pylist():
        found: dict[str, list[Any]] = {}
        for name, value in row.items():
            if isinstance(value, str):
                found[name] = [value.encode()]
            elif isinstance(value, float):
                found[name] = [repr(value).encode()]  # a float_list has 32 bits
            elif value is not None:
                found[name] = [value]
        rows.append(encode_example(found))
    return rows


class TestTypesGiven(SourceCases):
    """The laws of sources, on `{span}.tfrecord` with the types of all columns: everything is kept."""

    def deliver(self, folder: Path, spans: Mapping[str, pa.Table]) -> None:
        """Files of the span's name."""
        for name, table in spans.items():
            (folder / f"{name}.tfrecord").write_bytes(encode_records(records_of(table)))

    def source(self, folder: Path) -> Source:
        """Found by that name."""
        return TFRecord("{span}.tfrecord", base=str(folder), types=TYPES)

    def damage(self, folder: Path, span: str) -> None:
        """Cut short."""
        path = folder / f"{span}.tfrecord"
        path.write_bytes(path.read_bytes()[:-10])


class TestOneFolderASpan(SourceCases):
    """The laws of sources, on `{span}/*.tfrecord.gz` with two files a span, of which one is ZLIB for all its name."""

    def deliver(self, folder: Path, spans: Mapping[str, pa.Table]) -> None:
        """Packed files, in a folder of the span's name."""
        for name, table in spans.items():
            (folder / name).mkdir()
            half = table.num_rows // 2
            for part, rows, packing in (("a", table.slice(0, half), "GZIP"), ("b", table.slice(half), "ZLIB")):
                data = encode_records(records_of(rows), packing=packing)
                (folder / name / f"{part}.tfrecord.gz").write_bytes(data)

    def source(self, folder: Path) -> Source:
        """Found by that name."""
        return TFRecord(f"{folder}/{{span}}/*.tfrecord.gz", types=TYPES)

    def damage(self, folder: Path, span: str) -> None:
        """One of the two is no gzip."""
        path = folder / span / "a.tfrecord.gz"
        path.write_bytes(path.read_bytes()[:-20])


def read(tmp_path: Path, records: list[bytes], **options: Any) -> pa.Table:
    """What records read as."""
    (tmp_path / "x.tfrecord").write_bytes(encode_records(records))
    return hr.ingest(TFRecord(str(tmp_path / "x.tfrecord"), **options)).to_arrow()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", 0),
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
    ],
)
def test_crc32c_is_that_of_rfc_3720(data: bytes, expected: int) -> None:
    """The vectors of appendix B.4, in Python, by instruction and by table; in two pieces too."""
    for function in (checksum.crc32c, kernels.checksum, lambda *args: kernels.checksum(*args, by_table=True)):
        assert function(data) == expected
        for cut in range(len(data) + 1):
            assert function(data[cut:], function(data[:cut])) == expected


@pytest.mark.parametrize("packing", ["", "GZIP", "ZLIB"])
def test_what_tensorflow_wrote(packing: str) -> None:
    """Files written by TensorFlow 2.21 read as TensorFlow reads them: every kind, lists, nothing, NaN and infinity."""
    expected = [json.loads(line) for line in (GOLDEN / "tensorflow.jsonl").read_text().splitlines()]
    table = hr.ingest(TFRecord(str(GOLDEN / f"tensorflow{packing and '-' + packing.lower()}.tfrecord"))).to_arrow()
    assert table.num_rows == len(expected)
    assert [plain(row) for row in table.to_pylist()] == [
        {name: row["features"].get(name) for name in table.column_names} for row in expected
    ]


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """A row as TensorFlow's was written down: lists of bytes as hexadecimal, of floats by their bits, null as None."""

    def one(value: Any) -> Any:
        if isinstance(value, str):
            return value.encode().hex()
        if isinstance(value, bytes):
            return value.hex()
        return struct.pack("<f", value).hex() if isinstance(value, float) else value

    found = {}
    for name, value in row.items():
        values = value if isinstance(value, list) or value is None else [value]
        found[name] = None if values is None else [one(item) for item in values]
    return found


def test_kinds_and_shapes(tmp_path: Path) -> None:
    """What each form becomes: found types, lists where a record has several values, null for all that says nothing."""
    records = [
        {"i": [1], "f": [0.5], "t": ["café".encode()], "b": [b"\xff"], "many": [1, 2], "none": None},
        {"i": None, "t": None, "many": []},
        {},
        {"i": [-(2**63)], "f": [math.inf], "t": [b""], "b": [b"\0"], "many": [2**63 - 1]},
    ]
    table = read(tmp_path, [encode_example(record) for record in records])
    assert table.schema == pa.schema(
        [
            ("b", pa.binary()),
            ("f", pa.float32()),
            ("i", pa.int64()),
            ("many", pa.list_(pa.int64())),
            ("none", pa.null()),
            ("t", pa.string()),
        ]
    )
    assert table.to_pydict() == {
        "b": [b"\xff", None, None, b"\0"],
        "f": [0.5, None, None, math.inf],
        "i": [1, None, None, -(2**63)],
        "many": [[1, 2], [], None, [2**63 - 1]],
        "none": [None] * 4,
        "t": ["café", None, None, ""],
    }


def test_declared_types(tmp_path: Path) -> None:
    """Declared features come first and in their order, are there where no record has them, and are converted."""
    records = [
        encode_example({"z": [1], "at": [b"2013-01-01T05:00:00Z"], "us": [1], "late": [1], "tags": [b"a"], "x": [0.1]}),
        encode_example({"z": [300], "late": [0]}),
    ]
    types = {
        "z": "int16",
        "at": "timestamp[us, tz=UTC]",
        "us": "timestamp[us, tz=UTC]",
        "late": "bool",
        "tags": "list<string>",
        "x": "double",
        "gone": "string",
    }
    table = read(tmp_path, records, types=types)
    assert table.column_names == list(types)
    assert [str(kind) for kind in table.schema.types[:4]] == [
        "int16",
        "timestamp[us, tz=UTC]",
        "timestamp[us, tz=UTC]",
        "bool",
    ]
    assert table["at"][0].value == 1357016400000000 and table["us"][0].value == 1
    assert table["tags"].to_pylist() == [["a"], None] and table["gone"].null_count == 2
    assert table["x"][0].as_py() == float(np.float32(0.1))
    with pytest.raises(InvalidInput, match=r"feature 'z' does not go into int8: .*x.tfrecord, records 1 to 2"):
        read(tmp_path, records, types={"z": "int8"})
    with pytest.raises(InvalidInput, match=r"2 values in one record: list<int64> takes them"):
        read(tmp_path, [encode_example({"z": [1, 2]})], types={"z": "int64"})
    with pytest.raises(InvalidInput, match="types = "):
        TFRecord("x", types={"a": "list<nothing>"})


def test_every_form_that_is_legal(tmp_path: Path) -> None:
    """Unpacked numbers, a feature named twice, a feature of two kinds, lists in pieces, fields of later versions."""

    def field(number: int, data: bytes) -> bytes:
        return bytes([number << 3 | 2, len(data)]) + data

    def one(feature: bytes) -> bytes:
        return field(1, field(1, field(1, b"x") + field(2, feature)))

    ints = [field(3, field(1, bytes([value]))) for value in range(4)]
    forms = {
        encode_example({"x": [1, 2, 3]}, is_packed=False): [1, 2, 3],
        encode_example([("x", [7]), ("x", [1])]): [1],
        encode_example({"x": [1]}) + encode_example({"x": [2]}): [2],  # two `features` are merged
        one(ints[1] + ints[2]): [1, 2],  # two lists of one kind are one list
        one(field(1, field(1, b"text")) + ints[3]): [3],  # of two kinds the last one counts
        one(field(3, b"\x08\x05" + field(1, b"\x06\x07") + b"\x08\x08")): [5, 6, 7, 8],
        one(b"\x78\x05" + ints[1] + field(9, b"later")): [1],
        field(1, field(1, field(2, ints[2]) + field(1, b"x"))): [2],  # the value before the name
        one(field(3, b"\x08" + b"\xff" * 9 + b"\x01")): [-1],
    }
    table = read(tmp_path, list(forms), types={"x": "list<int64>"})
    assert table["x"].to_pylist() == list(forms.values())
    for form, values in forms.items():
        assert [int(value) for value in parsed(form).features.feature["x"].int64_list.value] == values


def parsed(data: bytes) -> Any:
    """The Example as Google's own library reads it, from its description alone."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    pool = descriptor_pool.DescriptorPool()
    file = descriptor_pb2.FileDescriptorProto(name="example.proto", package="t", syntax="proto3")
    kinds = descriptor_pb2.FieldDescriptorProto

    def message(name: str) -> Any:
        return file.message_type.add(name=name)

    def add(to: Any, name: str, number: int, kind: int, type_name: str = "", *, repeated: bool = False) -> Any:
        label = kinds.LABEL_REPEATED if repeated else kinds.LABEL_OPTIONAL
        return to.field.add(name=name, number=number, type=kind, type_name=type_name or None, label=label)

    for name, kind in (
        ("BytesList", kinds.TYPE_BYTES),
        ("FloatList", kinds.TYPE_FLOAT),
        ("Int64List", kinds.TYPE_INT64),
    ):
        add(message(name), "value", 1, kind, repeated=True)
    feature = message("Feature")
    feature.oneof_decl.add(name="kind")
    for number, name in enumerate(("BytesList", "FloatList", "Int64List"), 1):
        add(feature, name.replace("List", "_list").lower(), number, kinds.TYPE_MESSAGE, f".t.{name}").oneof_index = 0
    features = message("Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    add(entry, "key", 1, kinds.TYPE_STRING)
    add(entry, "value", 2, kinds.TYPE_MESSAGE, ".t.Feature")
    add(features, "feature", 1, kinds.TYPE_MESSAGE, ".t.Features.FeatureEntry", repeated=True)
    add(message("Example"), "features", 1, kinds.TYPE_MESSAGE, ".t.Features")
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("t.Example")).FromString(data)


_VALUES = st.one_of(
    st.none(),
    st.lists(st.integers(-(2**63), 2**63 - 1), max_size=4),
    st.lists(st.floats(width=32), min_size=1, max_size=4),
    st.lists(st.binary(max_size=5), min_size=1, max_size=4),
)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(
    st.lists(st.dictionaries(st.sampled_from(["a", "bb", "ccc", ""]), _VALUES, max_size=4), max_size=5), st.booleans()
)
def test_twins_and_protobuf_agree(rows: list[dict[str, Any]], is_packed: bool) -> None:
    """Any Examples: compiled kernel, Python and Google's library find the same values."""
    data = encode_records(encode_example(row, is_packed=is_packed) for row in rows)
    names = [b"", b"a", b"bb", b"ccc"]
    expected = [parsed(encode_example(row, is_packed=is_packed)) for row in rows]
    for twin in (nullcontext, without_native):
        with twin():
            frames = kernels.find_frames(data)
            assert (len(frames.starts), frames.end, frames.fault) == (len(rows), len(data), "")
            places = kernels.find_places(data, frames.starts, frames.lengths, names)
            for index, name in enumerate(names):
                for row, example in enumerate(expected):
                    feature = example.features.feature
                    which = feature[name.decode()].WhichOneof("kind") if name.decode() in feature else None
                    kind = {None: 3, "bytes_list": 1, "float_list": 2, "int64_list": 3}[which]
                    found = kernels.take_column(
                        data, places.starts[index, row : row + 1], places.sizes[index, row : row + 1], kind
                    )
                    values = [] if which is None else list(getattr(feature[name.decode()], which).value)
                    assert found.counts.tolist() == [-1 if which is None else len(values)]
                    if kind == 1:
                        assert found.values.tobytes() == b"".join(values)
                        assert found.ends is not None and np.diff(found.ends, prepend=0).tolist() == [*map(len, values)]
                    else:
                        assert found.values.tobytes() == struct.pack(
                            f"<{len(values)}{'f' if kind == 2 else 'q'}", *values
                        )


def outcome(data: bytes, names: list[bytes]) -> Any:
    """What a kernel makes of bytes that may be anything."""
    try:
        places = kernels.find_places(data, np.zeros(1, np.int64), np.array([len(data)]), names)
        found = [kernels.take_column(data, places.starts[i], places.sizes[i], 1 + i % 3) for i in range(len(names))]
    except kernels.Fault as fault:
        return fault.what, fault.name, fault.kind
    return [(item.counts.tolist(), item.values.tobytes()) for item in found]


@pytest.mark.skipif(library() is None, reason="no compiled kernels here: the twin is all there is")
def test_twins_agree_on_damage() -> None:
    """Bits flipped and bytes cut off behind the checksums: the same fault, or the same values, in both."""
    choose = random.Random(1)
    names = [b"t", b"x", b"i"]
    whole = encode_example({"t": [b"ab", b"c"], "x": [1.0, 2.0], "i": [5, -1]})
    kinds = set()
    for _ in range(2000):
        data = bytearray(whole)
        for _ in range(choose.randint(1, 3)):
            data[choose.randrange(len(data))] ^= 1 << choose.randrange(8)
        if choose.random() < 0.2:
            data = data[: choose.randint(len(data) // 2, len(data))]
        compiled = outcome(bytes(data), names)
        with without_native():
            assert outcome(bytes(data), names) == compiled
        kinds.add(compiled[0] if isinstance(compiled, tuple) else "read")
    assert kinds == {"read", "it is no tf.train.Example", "a feature of a name not known", "a feature of two kinds"}


def test_damage_is_named_by_its_record_and_byte(tmp_path: Path) -> None:
    """A flipped bit anywhere, and a cut anywhere, is found, and told with the record and the byte it begins at."""
    records = [encode_example({"i": [number], "t": [b"x" * number]}) for number in range(5)]
    whole = encode_records(records)
    starts = np.cumsum([0, *(len(record) + 16 for record in records)]).tolist()
    path = tmp_path / "x.tfrecord"
    for place in range(len(whole)):
        record = int(np.searchsorted(starts, place, side="right")) - 1
        named = rf"x.tfrecord, record {record + 1}, at byte {starts[record]}\)"
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        with pytest.raises(InvalidInput, match=r"the checksum of its (length|data) is wrong.*" + named):
            TFRecord(str(path)).read(Fragment("tfrecord", str(path), None))
        path.write_bytes(whole[:place])
        if place not in starts:
            with pytest.raises(InvalidInput, match=r"cut short: .*" + named):
                TFRecord(str(path)).read(Fragment("tfrecord", str(path), None))
    path.write_bytes(gzip.compress(whole[:-1] + b"\0"))
    with pytest.raises(InvalidInput, match=rf"x.tfrecord, unpacked, record 5, at byte {starts[4]}\)"):
        TFRecord(str(path)).read(Fragment("tfrecord", str(path), None))


def test_what_is_no_example(tmp_path: Path) -> None:
    """Whole records of something else, two kinds, a group, another file format: one clear error each."""
    for records, told in (
        ([encode_example({"i": [1]}), b"\xff" * 20], r"no tf.train.Example \(.*record 2, at byte"),
        ([encode_example({"i": [1]}), encode_example({"i": [0.5]})], r"'i' is of float_list .*record 2.*int64_list"),
        ([b"\x0b\x0c"], "no tf.train.Example"),
        ([encode_example({}) + b"\x0a"], "no tf.train.Example"),
    ):
        with pytest.raises(InvalidInput, match=told):
            read(tmp_path, records)
    (tmp_path / "x.tfrecord").write_bytes(b"id,name\n1,one\n2,two\n")
    with pytest.raises(InvalidInput, match=r"checksum of its length is wrong .*record 1, at byte 0\); is it TFRecord"):
        hr.ingest(str(tmp_path / "x.tfrecord"))
    (tmp_path / "x.tfrecord").write_bytes(b"")
    with pytest.raises(InvalidInput, match="there are no columns"):
        hr.ingest(str(tmp_path / "x.tfrecord"))
    with pytest.raises(InvalidInput, match="not there"):
        TFRecord("").read(Fragment("tfrecord", str(tmp_path / "gone.tfrecord"), None))


def test_files_of_one_span_are_widened(tmp_path: Path) -> None:
    """Text beside binary is binary, single values beside lists are lists, nothing beside anything is that."""
    for name, row in (
        ("a", {"x": [1], "t": [b"text"], "n": None}),
        ("b", {"x": [1, 2], "t": [b"\xff"], "n": [1.0]}),
    ):
        (tmp_path / f"{name}.tfrecord").write_bytes(encode_records([encode_example(row)]))
    table = hr.ingest(str(tmp_path / "*.tfrecord")).to_arrow()
    assert table.to_pydict() == {"n": [None, 1.0], "t": [b"text", b"\xff"], "x": [[1], [1, 2]]}
    with pytest.raises(InvalidSchema, match="'x' is int64 in one but string in two"):
        TFRecord("").join([("one", pa.schema([("x", pa.int64())])), ("two", pa.schema([("x", pa.string())]))])


def test_large_records_and_many_stretches(tmp_path: Path) -> None:
    """Records larger than a block, and files of many blocks, read whole; compiled and in Python alike."""
    choose = random.Random(3)
    sizes = [0, 5_000_000, 1, 9_000_000, 100]
    rows = [{"i": [number], "b": [choose.randbytes(size)]} for number, size in enumerate(sizes)]
    table = read(tmp_path, [encode_example(row) for row in rows])
    assert [len(value) for value in table["b"].to_pylist()] == sizes
    assert [hash(value) for value in table["b"].to_pylist()] == [hash(row["b"][0]) for row in rows]


def test_it_is_found_by_its_name() -> None:
    """`hr.TFRecord`, and by the ending of a pattern."""
    assert lookup.find("source", "tfrecord") is TFRecord is hr.TFRecord
    from headrace.ingestion import choose_source

    for ending in ("tfrecord", "tfrecords", "tfrecord.gz", "TFRecord.zlib"):
        assert choose_source(f"gs://b/{{span}}.{ending}") == TFRecord(f"gs://b/{{span}}.{ending}")
