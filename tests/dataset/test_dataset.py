"""The Dataset noun: roles, splits, reading, spans of other shapes, selections."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headrace.dataset import ALL, Dataset, Part, Roles
from headrace.dataset.hashing import keyed_uniform, row_ids, split_of
from headrace.errors import InvalidInput, InvalidSchema, Misuse, UnknownName
from headrace.fold import ROW_ID
from headrace.testing.engine_cases import make_rows


def _read(data: Dataset, split: str | None = ALL, **options: Any) -> list[Any]:
    return [rows for part in data.parts(split) for rows in data.read(part, options.pop("columns", None), **options)]


# Roles


@pytest.mark.parametrize(
    ("role", "value"),
    [
        ("label", "nothing"),
        ("key", ["id", "nothing"]),
        ("weight", "nothing"),
        ("time", "nothing"),
        ("sensitive", ["nothing"]),
    ],
)
def test_a_role_without_a_column_is_named(role: str, value: Any) -> None:
    """A role whose column is nowhere is an UnknownName, whichever role it is."""
    with pytest.raises(UnknownName, match="'nothing'"):
        Dataset.from_arrow(make_rows(3), **{role: value})


def test_one_key_column_may_be_typed_alone() -> None:
    """key="id" is key=["id"]; a column twice is refused."""
    assert Dataset.from_arrow(make_rows(3), key="id").roles.key == ("id",)
    with pytest.raises(InvalidInput, match="twice"):
        Roles(key=("id", "id"))
    with pytest.raises(InvalidInput, match="label"):
        Roles(label=["y"])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "split", [{}, {"train": 0}, {"train": -1}, {"train": 0.8}, {"train": True}, {"a/b": 1}, {"": 1}, {"train": "8"}]
)
def test_bad_splits_are_refused(split: Any) -> None:
    """A split is whole positive weights by name."""
    with pytest.raises(InvalidInput, match="split"):
        Dataset.from_arrow(make_rows(3), split=split)


def test_bad_columns_are_refused() -> None:
    """Two columns of one name, the reserved name, and no columns at all."""
    with pytest.raises(InvalidInput, match="two columns are named 'a'"):
        Dataset.from_arrow(pa.table([[1], [2]], names=["a", "a"]))
    with pytest.raises(InvalidInput, match="reserved"):
        Dataset.from_arrow(pa.table({ROW_ID: [1]}))
    with pytest.raises(InvalidInput, match="no columns"):
        Dataset.from_arrow(pa.table({}))
    with pytest.raises(Misuse, match="list"):
        Dataset.from_arrow([1, 2])  # type: ignore[arg-type]


# Splits and row ids


def test_splits_partition_the_rows() -> None:
    """Every row is in exactly one split, about by weight; equal keys stay together."""
    table = make_rows(5000)
    data = Dataset.from_arrow(table, key=["id"], split={"train": 8, "eval": 2})
    assert data.split_names == ("eval", "train")
    ids = {name: data.to_arrow(name)["id"].to_pylist() for name in ("eval", "train")}
    assert sorted(map(str, ids["eval"] + ids["train"])) == sorted(map(str, table["id"].to_pylist()))
    assert not set(ids["eval"]) & set(ids["train"])
    keys = len(set(ids["eval"])) / len(set(ids["eval"]) | set(ids["train"]))
    assert 0.15 < keys < 0.25


def test_a_split_does_not_depend_on_how_rows_are_held() -> None:
    """The width of the key, its encoding and the order of rows cannot move a row to another split."""
    table = make_rows(500)
    data = Dataset.from_arrow(table, key=["carrier", "id"], split={"train": 8, "eval": 2})
    expected = sorted(map(str, data.to_arrow("eval").to_pylist()))
    shuffled = table.take(pa.array(np.random.default_rng(1).permutation(500)))
    other = shuffled.set_column(0, "id", shuffled["id"].cast(pa.int32()))
    other = other.set_column(1, "carrier", other["carrier"].dictionary_encode())
    again = Dataset.from_arrow(other, key=["carrier", "id"], split={"eval": 2, "train": 8})
    assert sorted(map(str, again.to_arrow("eval").to_pylist())) == expected


def test_without_a_key_the_place_decides() -> None:
    """Rows without a key are drawn by their place; equal rows may be apart, and the span counts."""
    table = pa.table({"x": [1] * 4000})
    first = Dataset.from_arrow(table, split={"a": 1, "b": 1})
    assert 1800 < first.to_arrow("a").num_rows < 2200
    ids = np.concatenate([rows.row_id for rows in _read(first, row_id=True)])
    assert len(set(ids.tolist())) == 4000
    other = Dataset.from_arrow(table, split={"a": 1, "b": 1}, span="other")
    assert not np.array_equal(ids, np.concatenate([rows.row_id for rows in _read(other, row_id=True)]))


def test_draws_of_two_salts_are_independent() -> None:
    """Sampling by one salt says nothing about the split by another."""
    ids = row_ids(pa.record_batch({"id": range(20_000)}), ["id"])
    train = split_of(ids, {"train": 1, "eval": 1}) == 0
    upper = keyed_uniform(ids, "sample") >= np.uint64(1 << 63)
    assert abs(float(np.corrcoef(train, upper)[0, 1])) < 0.03
    assert 0.48 < upper.mean() < 0.52


def test_weights_of_a_split_are_relative() -> None:
    """{8, 2} and {4, 1} draw the same rows."""
    ids = row_ids(pa.record_batch({"id": range(2000)}), ["id"])
    assert np.array_equal(split_of(ids, {"train": 8, "eval": 2}), split_of(ids, {"train": 4, "eval": 1}))


def test_golden_splits() -> None:
    """Rows drawn long ago are drawn the same today."""
    ids = row_ids(
        pa.record_batch({"k": [1, 2, 3, None, 5, 6, 7, 8], "c": ["a", "b", None, "", "e", "f", "g", "h"]}), ["k", "c"]
    )
    assert split_of(ids, {"train": 1, "eval": 1}).tolist() == [0, 1, 0, 0, 0, 1, 0, 1]


def test_an_unknown_split_is_named() -> None:
    """A split that is not there is an UnknownName; a data set without splits has one unnamed part."""
    data = Dataset.from_arrow(make_rows(3), split={"train": 8, "eval": 2})
    with pytest.raises(UnknownName, match="did you mean 'train'"):
        data.parts("trian")
    plain = Dataset.from_arrow(make_rows(3))
    assert plain.split_names == (None,)
    assert plain.parts(None) == plain.parts() == [Part("all", None, 0)]
    with pytest.raises(UnknownName):
        plain.parts("train")


# Reading


def test_batches_keep_order_and_size() -> None:
    """Rows come in the source's order, in batches no larger than asked for, columns as asked for."""
    table = make_rows(1000)
    data = Dataset.from_arrow(table)
    found = _read(data, columns=["delay", "id"], batch_rows=300)
    assert max(rows.num_rows for rows in found) <= 300
    assert found[0].batch.schema.names == ["delay", "id"]
    assert [value for rows in found for value in rows.batch.column("id").to_pylist()] == table["id"].to_pylist()
    assert all(rows.row_id is None and rows.weight is None for rows in found)


def test_row_ids_can_be_asked_for_by_name() -> None:
    """ "@row_id" among the columns is the same as row_id=True; other columns need not be read."""
    data = Dataset.from_arrow(make_rows(10), key=["id"])
    (rows,) = _read(data, columns=[ROW_ID])
    assert rows.batch.num_columns == 0
    assert rows.num_rows == 10
    assert len(rows.row_id) == 10


def test_unknown_columns_are_named() -> None:
    """A column that is nowhere is an UnknownName, before anything is read."""
    data = Dataset.from_arrow(make_rows(3))
    with pytest.raises(UnknownName, match="'dealy'; did you mean 'delay'"):
        _read(data, columns=["dealy"])


def test_weights() -> None:
    """A weight column is given beside the rows; a null weighs nothing, other oddities are refused."""
    table = pa.table({"x": [1, 2, 3], "w": [0.5, None, 2.0]})
    (rows,) = _read(Dataset.from_arrow(table, weight="w"), columns=["x"])
    assert rows.weight.tolist() == [0.5, 0.0, 2.0]
    assert rows.batch.schema.names == ["x"]
    for bad in (-1.0, float("nan"), float("inf")):
        broken = table.set_column(1, "w", pa.array([1.0, bad, 1.0]))
        with pytest.raises(InvalidInput, match="weight 'w'"):
            _read(Dataset.from_arrow(broken, weight="w"), columns=["x"])
    with pytest.raises(InvalidInput, match="weight 'w' is of type string"):
        _read(Dataset.from_arrow(table.set_column(1, "w", pa.array(["1", "2", "3"])), weight="w"))


def test_label_values() -> None:
    """Labels are float64 with NaN for null, whatever number or boolean they are; text is refused."""
    for values in ([True, None, False], [1, None, 0], [1.0, None, 0.0]):
        data = Dataset.from_arrow(pa.table({"y": values}), label="y")
        found = np.concatenate([data.label_values(rows.batch) for rows in _read(data)])
        assert str(found.tolist()) == "[1.0, nan, 0.0]"
        assert np.isnan(data.label_values(pa.record_batch({"y": pa.nulls(1)}))).all()
    data = Dataset.from_arrow(pa.table({"y": ["a"]}), label="y")
    with pytest.raises(InvalidInput, match="label 'y' is of type"):
        data.label_values(_read(data)[0].batch)
    with pytest.raises(Misuse, match="no label"):
        Dataset.from_arrow(pa.table({"y": ["a"]})).label_values(_read(data)[0].batch)


@pytest.mark.parametrize(
    ("values", "positive"),
    [
        (pa.array(["M", None, "B"]), "M"),
        (pa.array(["M", None, "B"]).dictionary_encode(), "M"),
        (pa.array([2, None, 1]), 2),
        (pa.array([2.5, None, 1.0]), 2.5),
        (pa.array([3.0, None, 1.0]), 3),
        (pa.array([False, None, True]), False),
    ],
)
def test_a_positive_value_counts_as_one(values: pa.Array, positive: Any) -> None:
    """The positive value is 1, any other 0, null stays null, whatever kind the label is of."""
    data = Dataset.from_arrow(pa.table({"y": values}), label="y", positive=positive)
    found = np.concatenate([data.label_values(rows.batch) for rows in _read(data)])
    assert str(found.tolist()) == "[1.0, nan, 0.0]"
    assert np.isnan(data.label_values(pa.record_batch({"y": pa.nulls(1)}))).all()
    assert data.digest != Dataset.from_arrow(pa.table({"y": values}), label="y").digest


def test_a_positive_value_of_another_kind_is_refused(tmp_path: Path) -> None:
    """A value the label cannot hold is named with the label's type; one without a label, and NaN, are refused."""
    for values, positive in ((["1", "0"], 1), ([1, 0], "1"), ([1, 0], True), ([True, False], 1)):
        data = Dataset.from_arrow(pa.table({"y": values}), label="y", positive=positive)
        with pytest.raises(InvalidInput, match=f"positive = {positive!r}, but label 'y' is of type"):
            data.label_values(_read(data)[0].batch)
    for roles in ({"positive": "a"}, {"label": "y", "positive": float("nan")}, {"label": "y", "positive": b"a"}):
        with pytest.raises(InvalidInput, match="positive ="):
            Dataset.from_arrow(pa.table({"y": ["a"]}), **roles)
    made = Dataset.from_arrow(pa.table({"y": ["a", "b"]}), label="y", positive="a")
    (tmp_path / "saved").mkdir()
    made.save(tmp_path / "saved")
    assert Dataset.load(tmp_path / "saved").roles == made.roles


def test_to_arrow_is_the_rows(tmp_path: Path) -> None:
    """The table that went in comes out, from memory and from files, whole or by column; an empty one too."""
    table = make_rows(1000)
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=100)
    for data in (Dataset.from_arrow(table), Dataset.from_parquet(tmp_path / "a.parquet")):
        assert str(data.to_arrow().to_pylist()) == str(table.to_pylist())
        assert data.to_arrow().schema == table.schema
        assert data.to_arrow(columns=["hour", "id"]).column_names == ["hour", "id"]
        assert data.num_rows == 1000
    assert Dataset.from_arrow(table.slice(0, 0)).to_arrow().num_rows == 0
    assert Dataset.from_arrow(table.to_batches()[0]).num_rows == 1000


def test_types_are_logical(tmp_path: Path) -> None:
    """Encodings are no types: dictionaries, large and view forms, seconds and date64 read as what they mean."""
    table = pa.table(
        {
            "d": pa.array(["a", None]).dictionary_encode(),
            "n": pa.array([1, None]).dictionary_encode(),
            "l": pa.array(["a", None], pa.large_string()),
            "v": pa.array(["a", None], pa.string_view()),
            "s": pa.array([1, None], pa.timestamp("s")),
            "e": pa.array([86_400_000, None], pa.date64()),
        }
    )
    memory = Dataset.from_arrow(table, key=["d"])
    assert [str(kind) for kind in memory.arrow_schema.types] == [
        "string", "int64", "string", "string", "timestamp[ms]", "date32[day]",
    ]  # fmt: skip
    (tmp_path / "saved").mkdir()
    memory.save(tmp_path / "saved")
    again = Dataset.load(tmp_path / "saved")
    assert again.to_arrow().equals(memory.to_arrow())
    assert Dataset.load(tmp_path / "saved").digest == memory.digest


# Files


def test_no_file_says_what_was_looked_for(tmp_path: Path) -> None:
    """An empty pattern names the whole path it looked for."""
    with pytest.raises(InvalidInput, match=r"no file found .*/data/\*\.parquet"):
        Dataset.from_parquet(tmp_path / "data" / "*.parquet")
    with pytest.raises(InvalidInput, match="no file was named"):
        Dataset.from_parquet([])


@pytest.mark.parametrize("content", [b"", b"id,x\n1,2\n", b"PAR1" + b"\x00" * 50, b"PAR1"])
def test_not_parquet_names_the_file(content: bytes, tmp_path: Path) -> None:
    """A file that is not Parquet is one clear error with its name."""
    (tmp_path / "rows.parquet").write_bytes(content)
    with pytest.raises(InvalidInput, match=r"not a readable Parquet file.*rows\.parquet"):
        Dataset.from_parquet(tmp_path / "rows.parquet")


def test_truncated_and_overwritten_files(tmp_path: Path) -> None:
    """A file cut short is refused at once, one damaged in the middle when it is read; both are named."""
    path = tmp_path / "rows.parquet"
    pq.write_table(make_rows(5000), path, compression="zstd", write_page_checksum=True)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InvalidInput, match=r"rows\.parquet"):
        Dataset.from_parquet(path)
    middle = len(whole) // 3
    path.write_bytes(whole[:middle] + bytes(2000) + whole[middle + 2000 :])
    data = Dataset.from_parquet(path)
    with pytest.raises(InvalidInput, match=r"rows\.parquet"):
        data.to_arrow()


def test_files_of_one_span_must_agree(tmp_path: Path) -> None:
    """Two files of another shape in one span are an InvalidSchema that names both."""
    pq.write_table(pa.table({"a": [1]}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"a": ["x"]}), tmp_path / "2.parquet")
    with pytest.raises(InvalidSchema, match=r"'a' is int64 in .*1\.parquet but string in .*2\.parquet"):
        Dataset.from_parquet(tmp_path / "*.parquet")


def test_columns_may_be_in_another_order(tmp_path: Path) -> None:
    """Files of one span may list their columns in any order."""
    pq.write_table(pa.table({"a": [1], "b": ["x"]}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"b": ["y"], "a": [2]}), tmp_path / "2.parquet")
    found = Dataset.from_parquet(tmp_path / "*.parquet").to_arrow()
    assert found.to_pydict() == {"a": [1, 2], "b": ["x", "y"]}


def test_a_column_with_a_dot_in_its_name(tmp_path: Path) -> None:
    """Names that Parquet would take for a path into a struct are names."""
    table = pa.table({"a.b": [1, 2], "a": [3, 4]})
    pq.write_table(table, tmp_path / "1.parquet")
    assert Dataset.from_parquet(tmp_path / "1.parquet").to_arrow(columns=["a.b"]).to_pydict() == {"a.b": [1, 2]}
    assert Dataset.from_parquet(tmp_path / "1.parquet").to_arrow().equals(table)


# Selections


def test_rows_can_be_set_aside() -> None:
    """What is kept and what is set aside are the data set; row ids and splits stay what they were."""
    table = make_rows(1000)
    data = Dataset.from_arrow(table, split={"train": 8, "eval": 2})
    mask = np.random.default_rng(2).random(1000) < 0.7
    kept, aside = data.select_rows([mask]), data.select_rows([~mask])
    assert (kept.num_rows, aside.num_rows) == (int(mask.sum()), int((~mask).sum()))
    assert str(kept.to_arrow().to_pylist()) == str(table.filter(pa.array(mask)).to_pylist())
    assert kept.to_arrow("eval").num_rows + aside.to_arrow("eval").num_rows == data.to_arrow("eval").num_rows
    assert len({data.digest, kept.digest, aside.digest}) == 3
    assert data.select_rows([np.ones(1000, np.bool_)]).digest == data.digest
    fewer = kept.select_rows([np.arange(kept.num_rows) < 10])
    assert str(fewer.to_arrow().to_pylist()) == str(kept.to_arrow().slice(0, 10).to_pylist())


def test_a_mask_of_another_length_is_refused() -> None:
    """A mask fits its part, or it is an InvalidInput."""
    data = Dataset.from_arrow(make_rows(10))
    with pytest.raises(InvalidInput, match="mask of 9"):
        data.select_rows([np.ones(9, np.bool_)])
    with pytest.raises(InvalidInput, match="0 masks"):
        data.select_rows([])


def test_part_digests_are_named_and_counted() -> None:
    """Parts are "span/split"; a data set without splits has its spans alone."""
    data = Dataset.from_arrow(make_rows(100), key=["id"], split={"train": 8, "eval": 2})
    assert sorted(data.part_digests) == ["all/eval", "all/train"]
    assert data.expected_rows(data.parts("train")[0]) == data.to_arrow("train").num_rows
    assert sorted(Dataset.from_arrow(make_rows(10)).part_digests) == ["all"]
