"""CSV files: headers, rows, types over all rows, and whatever can be wrong with them, by line."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headrace.dataset.csv_file import CsvFile, CsvFormat, join_shapes
from headrace.errors import InvalidInput, InvalidSchema, UnknownName

BLOCKS = (1, 3, 7, 64, 1 << 20)


def read(path: Path, form: CsvFormat | None = None, block_bytes: int = 1 << 20) -> pa.Table:
    """A whole file."""
    file = CsvFile(path, form, block_bytes=block_bytes)
    table = pa.Table.from_batches(file.batches(), file.arrow_schema)
    assert table.num_rows == file.num_rows
    return table


def write(folder: Path, content: bytes, name: str = "x.csv") -> Path:
    """A file of these bytes."""
    path = folder / name
    path.write_bytes(content)
    return path


CASES: list[tuple[bytes, dict[str, list[Any]]]] = [
    (b"a,b\n1,x\n,\n", {"a": [1, None], "b": ["x", None]}),
    (b"\xef\xbb\xbfa;b\r\n007;TRUE\r\n8;false\r\n", {"a": ["007", "8"], "b": [True, False]}),
    (b'a,b\n1,"x\ny"\n\n3,"q""r"\n', {"a": [1, 3], "b": ["x\ny", 'q"r']}),
    (b"a\tb\n1\t2,3\n", {"a": [1], "b": ["2,3"]}),
    (b"a|b\n1|2.5", {"a": [1], "b": [2.5]}),
    (b"a,b\r1,2\r3,4", {"a": [1, 3], "b": [2, 4]}),
    (b'a,b\n1,2"x\n"3,4",5\n"6"7,8\n', {"a": ["1", "3,4", "67"], "b": ['2"x', "5", "8"]}),
    (b'x,y\n"",a\n1,""\n,\n', {"x": [None, 1, None], "y": ["a", "", None]}),
    (b'"a, b", c\n1,2\n', {"a, b": [1], "c": [2]}),
    (b"a\n1\n\n3\n", {"a": [1, None, 3]}),
    (b"a,b\n", {"a": [], "b": []}),
    (b"\n\na,b\n\n1,2", {"a": [1], "b": [2]}),
    (b"2013,2014,name\n1,2,x\n", {"2013": [1], "2014": [2], "name": ["x"]}),
    (b"0,1\n3,4\n", {"0": [3], "1": [4]}),
    ("grüße,b\n\u2028,é\n".encode(), {"grüße": ["\u2028"], "b": ["é"]}),
]


@pytest.mark.parametrize(("content", "expected"), CASES)
def test_by_hand(content: bytes, expected: dict[str, list[Any]], tmp_path: Path) -> None:
    """What is read does not depend on the size of blocks, packed or not."""
    path = write(tmp_path, content)
    packed = write(tmp_path, gzip.compress(content), "x.csv.gz")
    for block_bytes in BLOCKS:
        assert read(path, block_bytes=block_bytes).to_pydict() == expected
        assert read(packed, block_bytes=block_bytes).equals(read(path))


def test_the_last_row_decides_too(tmp_path: Path) -> None:
    """Types are those of all rows, a million before or not."""
    path = write(tmp_path, b"a,b,c\n" + b"1,1,true\n" * 300_000 + b"1.5,x,\n")
    assert read(path).schema.types == [pa.float64(), pa.string(), pa.bool_()]


def test_nulls_and_names_and_delimiter_can_be_said(tmp_path: Path) -> None:
    """NA means null only without quotes; a file without a header has the names it is given."""
    path = write(tmp_path, b'1;NA,5\nNA;"NA"\n')
    form = CsvFormat(delimiter=";", nulls=("NA",), names=("a", "b"))
    assert read(path, form).to_pydict() == {"a": [1, None], "b": ["NA,5", "NA"]}
    assert read(path, CsvFormat(names="ab", delimiter="|")).column_names == ["ab"]


def test_codes_can_be_declared(tmp_path: Path) -> None:
    """A column that is said to be text is, whatever it looks like; a typo is answered with the name that was meant."""
    path = write(tmp_path, b"code,n\n113,1\n,2\n")
    assert read(path, CsvFormat(text=("code",))).to_pydict() == {"code": ["113", None], "n": [1, 2]}
    with pytest.raises(UnknownName, match=r"'cdoe'.*line 1.*did you mean 'code'"):
        read(path, CsvFormat(text=("cdoe",)))


FAULTS = [
    (b"", "the file is empty"),
    (b"\r\n\n", "the file is empty"),
    (b"a,b\n1,2\n3,4,5\n", r"3 values in a row \(.*x\.csv, line 3\); expected 2"),
    (b'a,b\n"1\n\n",2\n3\n', r"1 value in a row \(.*x\.csv, line 5\); expected 2"),
    (b"a,b\n1,2\n3,4,\n", r"3 values in a row \(.*line 3"),
    (b'a,b\n1,2\n3,x "y, z"\n', r"3 values in a row \(.*line 3.*or a quote is written in quotes"),
    (b"a,b\n1,2\n\n3,caf\xe9\n", r"no UTF-8: e9 \(.*x\.csv, line 4\).*iconv -f windows-1252"),
    (b'a,b\n1,2\n3,"open\n5,6\n', r"does not end \(.*x\.csv, line 3\).*written twice"),
    (b"a,b\n1,2\n3,\0\0\n", r"zero byte \(.*x\.csv, line 3\)"),
    ("a,b\n1,2\n".encode("utf-16"), "UTF-16"),
    (b"a,b,a\n1,2,3\n", r"two columns are named 'a' \(.*x\.csv, line 1\)"),
    (b"\na,\n0,2\n", r"column 2 of 2 has no name \(.*x\.csv, line 2\).*only a first column"),
    (b",index\n0,2\n", r"column 1 of 2 has no name"),
    (b"@row_id\n1\n", "reserved"),
    (b"5.1,3.5,setosa\n4.9,3.0,setosa\n", r"'5\.1' as the name of a column .*names=\[\.\.\.\]"),
    (b"5,3\n4,3\n", r"'5' as the name of a column"),
]


@pytest.mark.parametrize(("content", "message"), FAULTS)
@pytest.mark.parametrize("block_bytes", BLOCKS)
def test_faults_are_named_by_file_and_line(content: bytes, message: str, block_bytes: int, tmp_path: Path) -> None:
    """What is wrong, where, what was expected, what to do."""
    with pytest.raises(InvalidInput, match=message):
        read(write(tmp_path, content), block_bytes=block_bytes)


def test_packed_faults(tmp_path: Path) -> None:
    """A packed file that is cut short or is none, and one that is not there."""
    whole = gzip.compress(b"a,b\n" + b"1,2\n" * 5000)
    with pytest.raises(InvalidInput, match=r"cut short .*x\.csv\.gz"):
        read(write(tmp_path, whole[:-9], "x.csv.gz"))
    with pytest.raises(InvalidInput, match=r"not a gzip file.*x\.csv\.gz"):
        read(write(tmp_path, b"a,b\n1,2\n", "x.csv.gz"))
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 255
    with pytest.raises(InvalidInput, match=r"x\.csv\.gz"):
        read(write(tmp_path, bytes(flipped), "x.csv.gz"))
    with pytest.raises(InvalidInput, match="not there"):
        read(tmp_path / "gone.csv")


def test_names_that_do_not_fit(tmp_path: Path) -> None:
    """As many names as columns."""
    with pytest.raises(InvalidInput, match=r"2 values in a row .*line 1.*expected 3, the columns that names= names"):
        read(write(tmp_path, b"1,2\n"), CsvFormat(names=("a", "b", "c")))
    for wrong in ({"delimiter": ":"}, {"delimiter": ",;"}, {"nulls": [1]}, {"names": [None]}):
        with pytest.raises(InvalidInput, match=next(iter(wrong))):
            CsvFormat(**wrong)


def test_a_file_that_changes_between_the_readings(tmp_path: Path) -> None:
    """A value that came after the types were found is an error, never a null."""
    path = write(tmp_path, b"a\n1\n")
    file = CsvFile(path)
    assert file.arrow_schema.types == [pa.int64()]
    path.write_bytes(b"a\nx\n")
    with pytest.raises(InvalidSchema, match=r"'a' holds a value that is no int64 .*x\.csv"):
        list(file.batches())


def test_files_are_joined_by_column() -> None:
    """Integers beside floats are floats, what does not go together is text, no value decides nothing."""
    types = {"a": pa.int64(), "b": pa.float64(), "c": pa.bool_(), "d": pa.null()}
    other = {"d": pa.timestamp("us", "UTC"), "c": pa.int64(), "b": pa.int64(), "a": pa.null()}
    joined = join_shapes([("x", pa.schema(types)), ("y", pa.schema(other))])
    assert joined == pa.schema({"a": pa.int64(), "b": pa.float64(), "c": pa.string(), "d": pa.timestamp("us", "UTC")})
    with pytest.raises(InvalidSchema, match="column 'b' is in x and not in y"):
        join_shapes([("x", pa.schema(types)), ("y", pa.schema(types).remove(1))])


CELLS = st.one_of(
    st.none(),
    st.integers(-99, 99),
    st.floats(-1e6, 1e6),
    st.text(st.sampled_from('ab ,;"\n\r\té'), max_size=6),
)


def by_state(text: str) -> tuple[list[list[str]], int | None]:
    """Rows by a machine of states, character by character, and the line that a quote opened in and never closed."""
    rows, row, value, state, line, opened = [], [], "", "start", 1, 1
    for place, item in enumerate(text + "\n"):
        if state == "quoted":
            state = "closing" if item == '"' else state
            value += "" if item == '"' else item
        elif state == "closing" and item == '"':
            value, state = value + '"', "quoted"
        elif item == '"' and state == "start":
            state = "quoted"
        elif item == ",":
            row, value, state = [*row, value], "", "start"
        elif item in "\r\n":
            if row or value or state != "start":
                rows.append([*row, value])
            row, value, state = [], "", "start"
        else:
            value, state = value + item, "bare"
        line += item == "\n" or (item == "\r" and text[place + 1 : place + 2] != "\n")
        opened = line if not row and not value and state == "start" else opened
    return rows, opened if state == "quoted" else None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.text(st.sampled_from('a,"\n\r'), max_size=40), block_bytes=st.integers(1, 12))
def test_quotes_wherever_they_stand(text: str, block_bytes: int, tmp_path: Path) -> None:
    """Any tangle of quotes, delimiters and ends of lines is the rows a plain machine of states sees, or is refused."""
    rows, unclosed = by_state(text)
    path = write(tmp_path, ("x,y\n" + text).encode())
    if unclosed is not None or any(len(row) != 2 for row in rows):
        with pytest.raises(InvalidInput, match=r"values? in a row|does not end"):
            for size in (block_bytes, 1 << 20):
                read(path, block_bytes=size)
        return
    for size in (block_bytes, 1 << 20):
        found = [batch.to_pylist() for batch in CsvFile(path, block_bytes=size).texts()]
        assert [[value or "" for value in row.values()] for batch in found for row in batch] == rows


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rows=st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=20), block_bytes=st.integers(1, 40))
def test_python_writes_and_we_read(rows: list[tuple[Any, ...]], block_bytes: int, tmp_path: Path) -> None:
    """What Python's csv module wrote and DuckDB reads as text is what we read, whatever the block."""
    sink = io.StringIO()
    csv.writer(sink).writerows([("a", "b", "c"), *rows])
    path = write(tmp_path, sink.getvalue().encode())
    file = CsvFile(path, CsvFormat(delimiter=","), block_bytes=block_bytes)
    found = pa.Table.from_batches(file.texts(), pa.schema([(name, pa.string()) for name in "abc"]))
    as_written = [[None if cell is None or cell == "" else str(cell) for cell in row] for row in rows]
    given_back = [[cell or None for cell in row.values()] for row in found.to_pylist()]
    assert given_back == as_written
    assert read(path, CsvFormat(delimiter=","), block_bytes).equals(read(path, CsvFormat(delimiter=",")))


def test_polars_and_duckdb_read_the_same(tmp_path: Path) -> None:
    """Two other readers, told to look at all rows, agree on types and values."""
    rows = [
        f"{i},{i / 8},{['x', 'a b', ''][i % 3]},{str(i % 2 == 0).lower()},2013-01-{i % 28 + 1:02}T10:00:00"
        for i in range(5000)
    ]
    path = write(tmp_path, ("i,f,t,b,m\n" + "\n".join([*rows, ",,,,"])).encode())
    found = read(path).cast(
        pa.schema([("i", "i8"), ("f", "f8"), ("t", "str"), ("b", pa.bool_()), ("m", pa.timestamp("us"))])
    )
    other = pl.read_csv(path, infer_schema_length=None, try_parse_dates=True).to_arrow().cast(found.schema)
    assert found.equals(other)
    third = duckdb.read_csv(str(path), sample_size=-1).to_arrow_table().cast(found.schema)
    assert found.equals(third)


def test_a_first_column_without_a_name_is_an_index(tmp_path: Path) -> None:
    """What pandas and R write by default is read, and the column has a name."""
    path = write(tmp_path, b",a\n0,x\n1,y\n")
    assert CsvFile(path).arrow_schema.names == ["index", "a"]
