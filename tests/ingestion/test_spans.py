"""Spans in paths and selectors of spans."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from headrace.errors import InvalidInput, UnknownName
from headrace.ingestion import ResolvedSpan, find_spans, resolve_spans, select_spans


def _touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())


def test_spans_are_sorted_as_people_do(tmp_path: Path) -> None:
    """Natural order: 2013-2 before 2013-10, whatever the file system lists."""
    _touch(tmp_path, "2013-10.parquet", "2013-2.parquet", "2013-1.parquet", "notes.txt")
    assert [name for name, _ in find_spans("{span}.parquet", base=tmp_path)] == ["2013-1", "2013-2", "2013-10"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("{span}/*.parquet", {"a": ["a/1.parquet", "a/2.parquet"], "b": ["b/1.parquet"]}),
        ("{span}/1.parquet", {"a": ["a/1.parquet"], "b": ["b/1.parquet"]}),
        ("?/{span}.parquet", {"1": ["a/1.parquet", "b/1.parquet"], "2": ["a/2.parquet"]}),
        ("[a]/{span}.parquet", {"1": ["a/1.parquet"], "2": ["a/2.parquet"]}),
        ("**/{span}.parquet", {"1": ["a/1.parquet", "b/1.parquet"], "2": ["a/2.parquet"], "x": ["x/x/x.parquet"]}),
        ("x/{span}/{span}.parquet", {"x": ["x/x/x.parquet"]}),
        ("a/*.parquet", {"all": ["a/1.parquet", "a/2.parquet"]}),
        ("a/1.parquet", {"all": ["a/1.parquet"]}),
    ],
)
def test_patterns(pattern: str, expected: dict[str, list[str]], tmp_path: Path) -> None:
    """A span anywhere in the path, once or twice, with the wildcards of glob; no span at all is "all"."""
    folder = tmp_path / "with [brackets]"
    _touch(folder, "a/1.parquet", "a/2.parquet", "b/1.parquet", "x/x/x.parquet")
    found = {
        name: [str(Path(path).relative_to(folder)) for path in paths]
        for name, paths in find_spans(pattern, base=folder)
    }
    assert found == expected


def test_nothing_found_says_what_was_looked_for(tmp_path: Path) -> None:
    """The whole pattern is in the message."""
    with pytest.raises(InvalidInput, match=r"no file found .*/coming/\{span\}\.parquet"):
        find_spans("coming/{span}.parquet", base=tmp_path)


def test_a_name_that_is_nearly_right_is_proposed(tmp_path: Path) -> None:
    """A slip of the finger is told with the nearest file of that kind in the folder."""
    _touch(tmp_path, "penguins.csv", "penguins.py")
    with pytest.raises(InvalidInput, match=r"did you mean 'penguins\.csv'\?$"):
        find_spans("pengiuns.csv", base=tmp_path)
    with pytest.raises(InvalidInput, match="there is no folder"):
        find_spans("gone/penguins.csv", base=tmp_path)


def test_other_names_in_braces_are_refused(tmp_path: Path) -> None:
    """Only {span} has a meaning."""
    with pytest.raises(InvalidInput, match=r"\{month\}"):
        find_spans("{month}.parquet", base=tmp_path)


def test_a_name_that_is_no_span(tmp_path: Path) -> None:
    """A file whose name cannot be a span's is named rather than left out."""
    _touch(tmp_path, "2013-01.parquet", "2013 02.parquet")
    with pytest.raises(InvalidInput, match=r"holds no span .*2013 02\.parquet"):
        find_spans("{span}.parquet", base=tmp_path)


MONTHS = [f"2013-{month:02}" for month in range(1, 8)]


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ("all", MONTHS),
        ("last 2", MONTHS[-2:]),
        ("last 60", MONTHS),
        ("2013-03", ["2013-03"]),
        ("2013-02..2013-04", MONTHS[1:4]),
        (["2013-04", "2013-01", "2013-04"], ["2013-01", "2013-04"]),
        (("2013-07",), ["2013-07"]),
    ],
)
def test_selectors(spans: str | list[str], expected: list[str]) -> None:
    """All, the last few, one, a range, a list: always in the order of time, each once."""
    assert select_spans(MONTHS, spans) == expected


@pytest.mark.parametrize("spans", ["2013-08", "2013-06..2013-08", ["2013-01", "2014-01"], "last", "last 0", "last -1"])
def test_a_missing_span_is_an_error(spans: str | list[str]) -> None:
    """A span that was asked for and is not there is named: never silently less."""
    with pytest.raises(UnknownName) as caught:
        select_spans(MONTHS, spans)
    if isinstance(spans, str) and ".." not in spans:
        assert "expected 'all', 'last 6', 'A..B' (both included), one name, or a list of names" in str(caught.value)


def test_selectors_that_mean_nothing() -> None:
    """An empty list, and a range that ends before it begins."""
    for bad in ([], "2013-04..2013-02"):
        with pytest.raises(InvalidInput):
            select_spans(MONTHS, bad)


def test_resolving_records_contents(tmp_path: Path) -> None:
    """A resolved span is its name and contents: another place or another time is the same, another byte is not."""
    _touch(tmp_path, "one/2013-01.parquet", "one/2013-02.parquet")
    (tmp_path / "two").mkdir()
    (tmp_path / "two/2013-01.parquet").write_bytes((tmp_path / "one/2013-01.parquet").read_bytes())
    (one, _), (two,) = (resolve_spans("{span}.parquet", base=tmp_path / place) for place in ("one", "two"))
    assert one.digest == two.digest
    assert one != two
    os.utime(tmp_path / "one/2013-01.parquet", ns=(1, 1))
    again = resolve_spans("{span}.parquet", "2013-01", base=tmp_path / "one")[0]
    assert again.digest == one.digest
    (tmp_path / "two/2013-01.parquet").write_bytes(b"other")
    assert resolve_spans("{span}.parquet", base=tmp_path / "two")[0].digest != one.digest
    assert ResolvedSpan.from_plain(one.to_plain()) == one


def test_known_files_are_not_read_again(tmp_path: Path) -> None:
    """A file whose path, size and time are known has the sha256 it had."""
    _touch(tmp_path, "2013-01.parquet")
    (first,) = resolve_spans("{span}.parquet", base=tmp_path)
    file = first.pieces[0]
    assert ResolvedSpan.from_plain({"name": "2013-01", "files": [["a", 4, 5, "sha"]]}).pieces[0].mark == "4 5"
    known = {(file.locator, file.mark): "remembered"}
    assert resolve_spans("{span}.parquet", base=tmp_path, known=known)[0].pieces[0].identity == "remembered"
