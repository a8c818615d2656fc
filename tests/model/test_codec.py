"""The codec: laws over random rows, and every kind of bad input at serving."""

import datetime
import decimal
from zoneinfo import ZoneInfo

import numpy as np
import orjson
import pyarrow as pa
import pytest

from headrace.errors import InvalidInput, InvalidRequest, InvalidSchema, UnknownName
from headrace.model import NULL_TEXT, Codec, InputColumn
from headrace.model._values import parse_timestamp
from headrace.testing.codec_cases import CodecCases, equal_lanes

ALL = (
    InputColumn("distance", "number"),
    InputColumn("flight", "integer"),
    InputColumn("carrier", "text"),
    InputColumn("is_weekend", "boolean"),
    InputColumn("time_hour", "timestamp"),
    InputColumn("weight", "number", is_nullable=False),
    InputColumn("seats", "integer", is_nullable=False),
    InputColumn("dest", "text", is_nullable=False),
    InputColumn("is_late", "boolean", is_nullable=False),
    InputColumn("made", "timestamp", is_nullable=False),
)


class TestAllKinds(CodecCases):
    """Every kind, nullable and not."""

    columns = ALL


class TestOneNumber(CodecCases):
    """A single column is fetched differently."""

    columns = (InputColumn("x", "number"),)


class TestOneText(CodecCases):
    """Text alone: no numeric lane at all."""

    columns = (InputColumn("x", "text"),)


class TestIntegersOnly(CodecCases):
    """Without a null, integers need no second look."""

    columns = (InputColumn("a", "integer", is_nullable=False), InputColumn("b", "boolean", is_nullable=False))


def body(*rows):
    """A request body of these rows."""
    return orjson.dumps({"instances": list(rows)})


GOOD = {
    "distance": 1400,
    "flight": 11,
    "carrier": "AA",
    "is_weekend": True,
    "time_hour": "2013-01-31T05:00:00Z",
    "weight": 0.5,
    "seats": 5,
    "dest": "LAX",
    "is_late": False,
    "made": "1999-12-31T23:59:59.25-05:00",
}


def test_lanes_of_one_row_by_hand():
    """Each value lies in its lane, in column order."""
    lanes = Codec(ALL).from_json(body(GOOD))
    assert lanes["number"].tolist() == [[1400.0, 0.5]]
    moment = int(datetime.datetime(2013, 1, 31, 5, tzinfo=datetime.UTC).timestamp()) * 1_000_000
    made = int(datetime.datetime(2000, 1, 1, 4, 59, 59, tzinfo=datetime.UTC).timestamp()) * 1_000_000 + 250_000
    assert lanes["integer"].tolist() == [[11, 1, moment, 5, 0, made]]
    assert lanes["text"].tolist() == [["AA", "LAX"]]
    assert lanes["present"].tolist() == [[True, True, True]]


def test_a_missing_key_is_a_null():
    """Where null is allowed, leaving a key out means null."""
    codec = Codec(ALL)
    nullable = ("distance", "flight", "carrier", "is_weekend", "time_hour")
    missing = {name: value for name, value in GOOD.items() if name not in nullable}
    nulls = {**GOOD, **dict.fromkeys(nullable)}
    assert equal_lanes(codec.from_json(body(missing)), codec.from_json(body(nulls)))
    lanes = codec.from_json(body(nulls))
    assert np.isnan(lanes["number"][0, 0])
    assert lanes["text"][0, 0] == NULL_TEXT
    assert lanes["present"].tolist() == [[False, False, False]]


BAD = [
    ("distance", "5"),
    ("distance", True),
    ("distance", [1.0]),
    ("distance", {"a": 1}),
    ("flight", True),
    ("flight", 5.5),
    ("flight", "5"),
    ("flight", 9007199254740992.0),
    ("flight", 2**63),
    ("carrier", 5),
    ("carrier", "\x00null"),
    ("carrier", "\x00"),
    ("is_weekend", 1),
    ("is_weekend", "true"),
    ("time_hour", 0),
    ("time_hour", ""),
    ("time_hour", "2013-01"),
    ("time_hour", "2013-02-30"),
    ("time_hour", "2013-01-31T05:00:00"),
    ("time_hour", "2013-02-30T05:00:00Z"),
    ("time_hour", "2013-01-31T24:00:00Z"),
    ("time_hour", "2013-01-31T23:59:60Z"),
    ("time_hour", "2013-W05-4T05:00:00Z"),
    ("time_hour", "2013-01-31T05:00:00+24:00"),
    ("time_hour", "2013-01-31T05:00:00Z "),
    ("time_hour", "２013-01-31T05:00:00Z"),  # noqa: RUF001  # a digit, but not RFC 3339's
    ("weight", None),
    ("seats", None),
    ("dest", None),
    ("is_late", None),
    ("made", None),
]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_wrong_value_is_refused_by_row_and_column(name, value):
    """The message names row and column, and what was expected; no road takes what another refuses."""
    codec = Codec(ALL)
    for read in (lambda rows: codec.from_json(body(*rows)), codec.from_rows):
        with pytest.raises(InvalidRequest) as caught:
            read([GOOD, {**GOOD, name: value}])
        assert "row 1" in str(caught.value)
        assert name in str(caught.value)
        assert caught.value.expected
    columns = {key: [GOOD[key], value if key == name else GOOD[key]] for key in GOOD}
    with pytest.raises(InvalidRequest, match=name):
        codec.from_tensors(columns)


@pytest.mark.parametrize("name", ["weight", "seats", "dest", "is_late", "made"])
def test_a_missing_key_is_refused_where_null_is(name):
    """Presence comes from the schema."""
    row = {key: value for key, value in GOOD.items() if key != name}
    with pytest.raises(InvalidRequest, match=f"missing.*row 0.*{name}"):
        Codec(ALL).from_json(body(row))


def test_an_unknown_key_is_refused():
    """A misspelt column must not become a null."""
    with pytest.raises(InvalidRequest, match=r"unknown column 'distanse'.*row 0"):
        Codec(ALL).from_json(body({**GOOD, "distanse": 1}))
    swapped = {("distanse" if key == "distance" else key): value for key, value in GOOD.items()}
    with pytest.raises(InvalidRequest, match="unknown column 'distanse'"):
        Codec(ALL).from_json(body(swapped))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"5",
        b"{}",
        b"\xff",
        b'{"instances": 5}',
        b'{"instances": {"a": 1}}',
        b'{"instances": [5]}',
        b'{"instances": [null]}',
        b'{"instances": [[1]]}',
        b'{"inputs": {"x": [1]}}',
        b'{"instances": [], "instance": 1}',
        b'{"instances": [{"x": 1e999}]}',
        b'{"instances": [{"x": NaN}, {"x": 1e999}]}',
        b'{"instances": [{"x": NaNs}]}',
        b'{"instances": [{"x": NaN}], "x": "\xff"}',
        b'{"instances": [{"x": NaN}], "y": ' + b"[" * 100_000,
        b'{"instances": [{"x": ' + b"9" * 5000 + b"}]}",
        b'{"instances": [{"x": NaN}, {"x": ' + b"9" * 5000 + b"}]}",
    ],
)
def test_a_body_that_is_no_request_is_refused(text):
    """Broken JSON and wrong shapes answer with InvalidRequest and a short message, never with something else."""
    with pytest.raises(InvalidRequest) as caught:
        Codec([InputColumn("x", "number")]).from_json(text)
    assert len(str(caught.value)) < 1000


def test_a_lone_surrogate_is_refused():
    """Half a character pair cannot be UTF-8; ONNX Runtime would raise in the middle of a batch."""
    codec = Codec([InputColumn("x", "text"), InputColumn("y", "number"), InputColumn("z", "text")])
    for text in (b'{"instances": [{"x": "\\ud800"}]}', b'{"instances": [{"x": "\\ud800", "y": NaN}]}'):
        with pytest.raises(InvalidRequest):
            codec.from_json(text)
    with pytest.raises(InvalidRequest, match="surrogate"):
        codec.from_rows([{"x": "\ud83d", "y": 1.0, "z": "\udeeb"}])
    with pytest.raises(InvalidRequest, match="surrogate"):
        codec.from_tensors({"x": np.array(["a", "\ud800"])})


def test_nan_in_one_row_does_not_change_how_numbers_are_read():
    """The second parser reads whole numbers beyond 64 bits as the first does."""
    codec = Codec([InputColumn("x", "number"), InputColumn("n", "integer")])
    for number in ("18446744073709551616", "-9223372036854775809", "9223372036854775808", "1e308", "-0", "-0.0"):
        plain = f'{{"instances": [{{"x": {number}}}, {{"x": null}}]}}'.encode()
        assert equal_lanes(codec.from_json(plain), codec.from_json(plain.replace(b"null", b"NaN")))
    for number in ("9223372036854775808", "-9223372036854775809"):
        for other in ("1", "NaN"):
            with pytest.raises(InvalidRequest, match="'n'"):
                codec.from_json(f'{{"instances": [{{"x": {other}, "n": {number}}}]}}'.encode())


def test_whole_floats_fill_integers():
    """5.0 is 5; JavaScript and pandas write it so."""
    codec = Codec([InputColumn("n", "integer")])
    assert codec.from_json(b'{"instances": [{"n": 5.0}, {"n": -0.0}, {"n": 1e3}]}')["integer"].tolist() == [
        [5],
        [0],
        [1000],
    ]


def test_signature_name_of_serving_clients_is_taken():
    """TensorFlow Serving's clients send "signature_name"; another signature does not exist."""
    codec = Codec([InputColumn("x", "number")])
    assert codec.from_json(b'{"signature_name": "serving_default", "instances": [{"x": 1}]}')["number"].tolist() == [
        [1.0]
    ]
    with pytest.raises(InvalidRequest, match="signature_name"):
        codec.from_json(b'{"signature_name": "other", "instances": [{"x": 1}]}')


@pytest.mark.parametrize("kind", ["number", "integer", "timestamp"])
def test_ranges_hold_on_every_road(kind):
    """A value outside its column's range is refused, a null and both ends are not."""
    codec = Codec([InputColumn("x", kind, min=10, max=20)])
    texts = {"number": "{}", "integer": "{}", "timestamp": '"1970-01-01T00:00:00.0000{}Z"'}
    types = {"number": pa.float64(), "integer": pa.int64(), "timestamp": pa.timestamp("us")}
    for value, is_good in ((10, True), (20, True), (None, True), (21, False), (9, False)):
        text = "null" if value is None else texts[kind].format(f"{value:02}" if kind == "timestamp" else value)
        data = f'{{"instances": [{{"x": {text}}}]}}'.encode()
        table = pa.table({"x": pa.array([value], types[kind])})
        array = np.array([0 if value is None else value], np.int64)
        if is_good:
            assert equal_lanes(codec.from_json(data), codec.from_batch(table))
        else:
            with pytest.raises(InvalidRequest, match="range"):
                codec.from_json(data)
            with pytest.raises(InvalidInput, match="range"):
                codec.from_batch(table)
            with pytest.raises(InvalidRequest, match="range"):
                codec.from_tensors({"x": array})


def test_batches_of_another_shape_are_refused():
    """A missing column, another type and a forbidden null are named; other columns do not matter."""
    codec = Codec([InputColumn("x", "number", is_nullable=False), InputColumn("t", "text")])
    good = pa.table({"late": [1], "t": ["a"], "x": pa.array([1], pa.int8())})
    assert codec.from_batch(good)["number"].tolist() == [[1.0]]
    with pytest.raises(UnknownName, match="'t'"):
        codec.from_batch(good.drop_columns("t"))
    with pytest.raises(InvalidSchema, match="'x' is string"):
        codec.from_batch(good.set_column(2, "x", pa.array(["1"])))
    with pytest.raises(InvalidInput, match=r"null.*row 1.*'x'"):
        codec.from_batch(pa.table({"x": [1.0, None], "t": ["a", "b"]}))
    with pytest.raises(InvalidInput, match=r"row 1.*'t'"):
        codec.from_batch(pa.table({"x": [1.0, 2.0], "t": ["a", "\x00b"]}))
    broken = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\1\0\0\0"), pa.py_buffer(b"\xff")])
    with pytest.raises(InvalidInput, match="UTF-8"):
        codec.from_batch(pa.table({"x": [1.0], "t": broken}))
    nulls = codec.from_batch(pa.table({"x": [1.0], "t": pa.nulls(1)}))
    assert nulls["text"].tolist() == [[NULL_TEXT]]


def test_a_text_beyond_the_slice_does_not_matter():
    """A dictionary may hold texts that no row uses."""
    array = pa.DictionaryArray.from_arrays(pa.array([1, None, 2], pa.int8()), pa.array(["\x00", "a", None]))
    lanes = Codec([InputColumn("t", "text")]).from_batch(pa.table({"t": array}))
    assert lanes["text"].tolist() == [["a"], [NULL_TEXT], [NULL_TEXT]]


def test_any_nan_is_the_one_nan():
    """The sign and payload of a NaN would show in the features' bytes."""
    codec, odd = Codec([InputColumn("x", "number")]), np.array([0xFFF8_0000_0000_0001], np.uint64).view(np.float64)
    plain = codec.from_json(b'{"instances": [{"x": NaN}]}')
    assert equal_lanes(
        codec.from_batch(pa.table({"x": pa.Array.from_buffers(pa.float64(), 1, [None, pa.py_buffer(odd)])})), plain
    )
    assert equal_lanes(codec.from_rows([{"x": odd[0].item()}]), plain)
    assert equal_lanes(codec.from_tensors({"x": odd}), plain)
    assert equal_lanes(codec.from_tensors({"x": odd.tolist()}), plain)


def test_typed_arrays_equal_lists():
    """NumPy dtypes are read at once, and give what values give."""
    codec = Codec(ALL)
    arrays = {
        "distance": np.array([1.5, np.nan], np.float32),
        "flight": np.array([1, 2], np.uint64),
        "carrier": np.array(["AA", "é"]),
        "is_weekend": np.array([True, False]),
        "time_hour": np.array(["2013-01-31T05:00:00", "1950-01-01T00:00:00.5"], "M8[ns]"),
        "weight": np.array([[1], [2]], np.int16),
        "seats": np.array([-(2**63), 2**63 - 1]),
        "dest": np.array(["", "b"], np.object_),
        "is_late": np.array([False, True]),
        "made": np.array([0, 1], np.int64),
    }
    lists = {name: array.reshape(-1).tolist() for name, array in arrays.items()}
    lists["time_hour"] = ["2013-01-31T05:00:00Z", "1950-01-01T00:00:00.5Z"]
    lists["made"] = [datetime.datetime(1970, 1, 1), datetime.datetime(1970, 1, 1, 0, 0, 0, 1, datetime.UTC)]
    assert equal_lanes(codec.from_tensors(arrays), codec.from_tensors(lists))


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("distance", np.array(["1", "2"])),
        ("distance", np.array([True, False])),
        ("flight", np.array([1.0, 2.0])),
        ("flight", np.array([1, 2**63], np.uint64)),
        ("carrier", np.array([b"a", b"b"])),
        ("carrier", np.array(["a", "\x00b"])),
        ("is_weekend", np.array([0, 1])),
        ("time_hour", np.array([2**40, 0], "M8[D]")),
        ("dest", np.array([None, "a"], np.object_)),
        ("made", np.array(["NaT", "2013-01-01"], "M8[us]")),
        ("distance", np.array([[1.0, 2.0]])),
        ("made", np.array([1])),
        ("distance", 5.0),
        ("distance", np.ma.masked_array([1.0, 2.0], [False, True])),
        ("nothing", np.array([1.0, 2.0])),
    ],
)
def test_arrays_of_another_type_or_shape_are_refused(name, array):
    """No dtype is guessed, no shape broadcast; the column is named."""
    columns = {key: [value, value] for key, value in GOOD.items()}
    with pytest.raises(InvalidRequest, match=name):
        Codec(ALL).from_tensors({**columns, name: array})


def test_rows_from_python_hold_python_values():
    """NumPy scalars, zones and dates are what programs hold; they mean what they say."""
    codec = Codec([InputColumn("x", "number"), InputColumn("n", "integer"), InputColumn("t", "timestamp")])
    new_york = datetime.datetime(2013, 7, 1, 8, tzinfo=ZoneInfo("America/New_York"))
    lanes = codec.from_rows([{"x": np.float32(0.5), "n": np.int8(3), "t": new_york}, {"t": datetime.date(2013, 7, 1)}])
    assert lanes["number"][0, 0] == 0.5
    first = parse_timestamp("2013-07-01T12:00:00Z")
    assert lanes["integer"].tolist() == [[3, first], [0, first - 12 * 3_600_000_000]]
    with pytest.raises(InvalidRequest, match="list of objects"):
        codec.from_rows({"x": 1})


def test_messages_stay_short():
    """A client that sends a megabyte gets no megabyte back."""
    codec = Codec([InputColumn("x", "number")])
    deep = []
    for _ in range(5000):
        deep = [deep]
    for row in (
        {"x": "y" * 1_000_000},
        {"y" * 1_000_000: 1},
        {"x": list(range(100_000))},
        {"x": deep},
        {"x": 10**5000},
    ):
        with pytest.raises(InvalidRequest) as caught:
            codec.from_rows([row])
        assert len(str(caught.value)) < 500


def test_a_deep_body_is_an_ordinary_error():
    """As deep as the parser lets pass: the message says what is wrong, nothing overflows."""
    body = b'{"instances": [{"x": ' + b"[" * 1000 + b"]" * 1000 + b"}]}"
    with pytest.raises(InvalidRequest, match=r"row 0.*'x'"):
        Codec([InputColumn("x", "number")]).from_json(body)


@pytest.mark.parametrize(
    "text",
    [
        "2013-01-31T05:06:07Z",
        "2013-01-31t05:06:07z",
        "2013-01-31 05:06:07+00:00",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999999Z",
        "1969-12-31T23:59:59.9Z",
        "2013-01-31T05:06:07.000001-11:30",
        "2012-02-29T05:06:07Z",
        "2012-02-29",
        "0001-01-01",
    ],
)
def test_timestamps_against_numpy(text):
    """RFC 3339 as NumPy reads it, shifted by hand."""
    shift = {"+00:00": 0, "-11:30": 690}.get(text[-6:], 0)
    plain = text.upper().replace(" ", "T").removesuffix("Z").removesuffix("+00:00").removesuffix("-11:30")
    assert parse_timestamp(text) == int(np.datetime64(plain, "us").view(np.int64)) + shift * 60_000_000


def test_whole_raw_rows_may_be_sent():
    """Columns of the data set that no feature uses are not looked at; one it never had is still refused."""
    columns = [InputColumn("distance", "number"), InputColumn("carrier", "text")]
    codec = Codec(columns, ignored=["month"])
    row = {"distance": 1.5, "carrier": "AA"}
    plain = codec.from_rows([row])
    for more in ({"month": 1}, {"month": {"any": "thing"}}):
        found = codec.from_rows([{**row, **more}])
        assert all(found[lane].tolist() == plain[lane].tolist() for lane in plain)
    assert codec.from_rows([{"distance": 1.5, "month": 1}])["text"].tolist() == [[NULL_TEXT]]
    with pytest.raises(InvalidRequest, match="unknown column 'moth'"):
        codec.from_rows([{**row, "moth": 1}])


def test_nan_is_refused_where_a_schema_refuses_it():
    """Where neither null nor NaN is allowed no road takes NaN; where null is, NaN is the same thing."""
    strict, loose = InputColumn("x", "number", False, allow_nan=False), InputColumn("x", "number", allow_nan=False)
    nan = float("nan")
    table = pa.RecordBatch.from_pydict({"x": pa.array([1.0, nan])})
    roads = (
        lambda codec: codec.from_json(b'{"instances": [{"x": 1.0}, {"x": NaN}]}'),
        lambda codec: codec.from_rows([{"x": 1.0}, {"x": nan}]),
        lambda codec: codec.from_batch(table),
        lambda codec: codec.from_tensors({"x": np.array([1.0, nan])}),
    )
    for road in roads:
        assert np.isnan(road(Codec([loose]))["number"][1, 0])
        with pytest.raises(InvalidInput, match="NaN where none is allowed"):
            road(Codec([strict]))
    assert InputColumn(**strict.to_plain()) == strict and "allow_nan" not in loose.to_plain()


def test_decimals_are_numbers():
    """A decimal is the nearest float64."""
    codec = Codec([InputColumn("d", "number")])
    table = pa.table({"d": pa.array([decimal.Decimal("0.1"), None, decimal.Decimal("12345678901234567.8")])})
    lanes = codec.from_batch(table)["number"][:, 0]
    assert lanes[0] == 0.1
    assert np.isnan(lanes[1])
    assert lanes[2] == 12345678901234567.8
