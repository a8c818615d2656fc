"""Spans that differ in the type of a column: read in the one type that holds them all, where there is one."""

import itertools

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headrace.dataset.types import common_type, shared_schema
from headrace.errors import InvalidInput, InvalidSchema, UnknownName
from headrace.ingestion import ingest
from headrace.statistics import analyze

TYPES = [
    *(pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
    *(pa.float32(), pa.float64(), pa.null(), pa.bool_(), pa.string(), pa.date32()),
    *(pa.timestamp("ms"), pa.timestamp("us", "UTC"), pa.timestamp("ns", "Asia/Tokyo")),
]


def test_common_type_is_a_join():
    """Commutative, associative where all go together, idempotent; and it holds the ends of both."""
    for first, second in itertools.product(TYPES, TYPES):
        found = common_type([first, second])
        assert found == common_type([second, first])
        if found is not None:
            assert common_type([found, first]) == found == common_type([found, found])
    for several in itertools.combinations(TYPES, 3):
        pairs = [common_type([several[0], several[1]]), several[2]]
        if None not in pairs and common_type(several) is not None and common_type(pairs) is not None:
            assert common_type(pairs) == common_type(several)
    for width in (8, 16, 32):
        signed = common_type([getattr(pa, f"int{width}")(), getattr(pa, f"uint{width}")()])
        assert pa.array([-1, 2**width - 1], signed).to_pylist() == [-1, 2**width - 1]
    assert common_type([pa.int8(), pa.uint64()]) is None


@pytest.fixture
def spans(tmp_path):
    """A function that writes tables as spans and ingests them."""

    def make(*tables, **roles):
        for index, table in enumerate(tables):
            pq.write_table(table, tmp_path / f"{index}.parquet")
        return ingest(tmp_path / "{span}.parquet", **roles)

    return make


def column(values, data_type, **others):
    """A table with an id and x."""
    return pa.table({"id": list(range(len(values))), "x": pa.array(values, data_type), **others})


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (pa.int32(), pa.int64(), pa.int64()),
        (pa.int32(), pa.float64(), pa.float64()),
        (pa.null(), pa.int16(), pa.int16()),
        (pa.timestamp("ms", "UTC"), pa.timestamp("us", "America/New_York"), pa.timestamp("us", "UTC")),
    ],
)
def test_read_in_the_type_that_holds_both(spans, first, second, expected):
    """Reading, whole tables, row ids, splits and statistics work over both; the files stay what they are."""
    values = [None, None] if first == pa.null() else [None, 3]
    data = spans(column(values, first), column([None, 4], second), key=["id"], split={"train": 1, "eval": 1})
    assert data.arrow_schema.field("x").type == expected == data.to_arrow().schema.field("x").type
    assert set(data.uneven_columns) == {"x"}
    assert sum(data.to_arrow(split).num_rows for split in ("train", "eval")) == 4
    assert analyze(data)["x"].num_missing == sum(value is None for value in [*values, None, 4])
    alone = data.select_spans(["0"])
    assert alone.arrow_schema.field("x").type == first
    assert data.part_digests.keys() >= alone.part_digests.keys()


def test_what_does_not_go_together_is_named_when_it_is_read(spans):
    """A column missing or of another kind somewhere is refused by name; the others are read, and analysed."""
    data = spans(column([1], pa.int64(), gone=[1]), column(["a"], pa.string(), new=[2]))
    assert data.shared_schema.names == ["id"]
    assert list(analyze(data).feature_names) == ["id"]
    assert data.to_arrow(columns=["id"]).num_rows == 2
    for names, said in ((["x"], "'x' is int64 in 0 but string in 1"), (None, "'gone'"), (["new"], "missing in 0")):
        with pytest.raises(InvalidSchema, match=said):
            data.to_arrow(columns=names)
    with pytest.raises(UnknownName, match="'nothing'"):
        shared_schema([(span.name, span.arrow_schema) for span in data.spans], ["nothing"])


def test_a_value_that_would_be_rounded_is_an_error(spans):
    """An integer that no float64 holds is never read as another: the file is named."""
    data = spans(column([2**53 + 1], pa.int64()), column([0.5], pa.float64()))
    with pytest.raises(InvalidInput, match=r"'x' cannot be read as double.*0\.parquet"):
        data.to_arrow()
