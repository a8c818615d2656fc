"""Records as lines: what a person reads of a fit, of the newest attempt alone, and of a file that grows."""

from headrace.cli.following import _File
from headrace.cli.records import line_of, newest, thinned


def test_the_newest_attempt_alone_is_told():
    """What an attempt before recorded is not its story; records without a beginning are all told."""
    records = [{"kind": "begin", "n": 1}, {"kind": "step"}, {"kind": "begin", "n": 2}, {"kind": "step"}]
    assert newest(records) == records[2:]
    assert newest(records[1:2]) == records[1:2]
    assert newest([]) == []


def test_steps_are_thinned_and_nothing_else():
    """The last step is among those that stay; few stay all."""
    records = [{"kind": "begin"}, *({"kind": "step", "step": number} for number in range(45)), {"kind": "model"}]
    kept = thinned(records, most=10)
    assert [record["kind"] for record in kept] == ["begin", *["step"] * 10, "model"]
    assert kept[-2]["step"] == 44
    assert thinned(records, most=100) == records
    assert thinned([]) == []


def test_each_kind_has_its_line():
    """Values that are no numbers are texts, long lists are cut, what says nothing to a person is no line."""
    step = {"kind": "step", "step": 3, "values": {"a": "nan", "b": 1.23456789}, "steps_per_s": 0.5, "rss_mb": 99.6}
    assert line_of(step) == "step 3      a nan  b 1.235  0.5/s  100 MB"
    parts = {f"2013-{month:02d}/train": "d" * 64 for month in range(1, 7)}
    data = line_of({"kind": "data", "num_rows": 12345, "num_features": 3, "parts": parts})
    assert data.startswith(
        "data        12,345 rows of 3 features, 0 to validate, 0 without a label (2013-01/train dddd"
    )
    assert data.endswith(" and 3 more)")
    assert line_of({"kind": "begin"}) == line_of({"kind": "what a later headrace writes"}) == line_of({}) == ""


def test_a_growing_file_gives_whole_lines(tmp_path):
    """A line that is half written waits for its end; at the very end it is given as it is."""
    path = tmp_path / "train.log"
    path.write_bytes(b"one\ntw")
    file = _File(path)
    assert file.lines(is_last=False) == ["one"]
    assert file.lines(is_last=False) == []
    with path.open("ab") as more:
        more.write("o ß\nthr".encode())
    assert file.lines(is_last=False) == ["two ß"]
    assert file.lines(is_last=True) == ["thr"]
