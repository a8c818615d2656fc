"""What a person types becomes a pattern of files and a name for the pipeline."""

import pytest

from headrace.errors import InvalidInput
from headrace.proposal import check_name, find_pattern, name_of


@pytest.fixture
def folder(tmp_path):
    """Files of every shape; nothing is read."""
    for name in ("one.parquet", "data/2024-01.parquet", "data/2024-02.parquet", "parts/0.parquet", "parts/1.parquet"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    for name in ("deep/a/0.parquet", "od[d]/0.parquet", "empty/readme.txt"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("source", "pattern"),
    [
        ("one.parquet", "one.parquet"),
        ("./one.parquet", "one.parquet"),
        ("data/../one.parquet", "one.parquet"),
        ("data/{span}.parquet", "data/{span}.parquet"),
        ("parts/*.parquet", "parts/*.parquet"),
        ("data", "data/{span}.parquet"),
        ("data/", "data/{span}.parquet"),
        ("parts", "parts/*.parquet"),
        ("deep", "deep/**/*.parquet"),
        ("od[d]", "od[[]d]/*.parquet"),
    ],
)
def test_patterns(folder, source, pattern):
    """A folder of days or months is spans, another one all of its files; what lies in the project is relative."""
    assert find_pattern(source, folder) == pattern
    assert find_pattern(str(folder / source), folder) == pattern


def test_files_elsewhere_keep_their_place(folder):
    """What lies outside the project is named from the root."""
    assert find_pattern("../one.parquet", folder / "data") == str(folder / "one.parquet")


@pytest.mark.parametrize("source", ["two.parquet", "empty", "nowhere/x.parquet"])
def test_nothing_to_read_is_said(folder, source):
    """A path that is not there, and a folder without tables."""
    with pytest.raises(InvalidInput) as caught:
        find_pattern(source, folder)
    assert caught.value.where == source


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("data/Kundenabwanderung (März).parquet", "kundenabwanderung_marz"),
        ("/a/b/{span}.parquet", "b"),
        ("{span}.parquet", "data"),
        ("2024.parquet", "data_2024"),
        ("日本.parquet", "data"),
        ("class.parquet", "class_pipeline"),
        ("statistics.parquet", "statistics_pipeline"),
        ("numpy.parquet", "numpy_pipeline"),
        ("headrace.parquet", "headrace_pipeline"),
    ],
)
def test_names(pattern, name):
    """A Python name, and none that the pipeline's file would take from Python or from a package."""
    assert name_of(pattern) == name


@pytest.mark.parametrize("name", ["a b", "1a", "_a", "class", "ä", "", "numpy", "statistics"])
def test_bad_names_are_refused(name):
    """A name asked for is not changed behind the person's back."""
    with pytest.raises(InvalidInput):
        check_name(name)
    assert check_name("churn_2") == "churn_2"
