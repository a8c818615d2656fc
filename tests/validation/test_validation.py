"""The Validation noun: an artifact whose bytes follow from what was found."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headrace.dataset import Dataset
from headrace.errors import InvalidInput
from headrace.schema import Feature
from headrace.validation import Validation
from tests.validation.spans import judge

N = Feature("n", "number", min_present=0.5, max=9, allow_nan=False)
TABLE = pa.table({"n": [1.0, 99.0, None, float("nan")]})


def test_saved_and_loaded_is_the_same(tmp_path: Path) -> None:
    """What is read back has the same items, digest and answers; saving it again gives the same bytes."""
    validation = judge(TABLE, N)
    validation.save(tmp_path)
    again = Validation.load(tmp_path)
    assert again.items == validation.items and again.digest == validation.digest
    assert again.to_plain() == validation.to_plain()
    assert again.errors[0].rows and not again.ok and Validation.kind == "validation"
    (tmp_path / "twice").mkdir()
    again.save(tmp_path / "twice")
    assert (tmp_path / "twice" / "validation.json").read_bytes() == (tmp_path / "validation.json").read_bytes()


def test_digest_knows_nothing_of_folders_and_fragments(tmp_path: Path) -> None:
    """The same file in another folder gives the same digest; other findings give another."""
    digests = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        pq.write_table(TABLE, tmp_path / name / "rows.parquet")
        digests.append(judge(Dataset.from_parquet(tmp_path / name / "rows.parquet"), N).digest)
    assert digests[0] == digests[1] != judge(TABLE, Feature("n", "number")).digest


def test_accepted_is_found_beside_the_artifact(tmp_path: Path) -> None:
    """A loaded validation hands out the data sets that lie beside it under their digests, or says where it looked."""
    validation = judge(TABLE, N, quarantine=True)
    folder = tmp_path / validation.digest
    folder.mkdir()
    validation.save(folder)
    assert validation.ok
    with pytest.raises(InvalidInput, match="not beside"):
        _ = Validation.load(folder).accepted
    for data in (validation.accepted, validation.quarantined):
        assert data is not None
        (tmp_path / data.digest).mkdir()
        data.save(tmp_path / data.digest)
    again = Validation.load(folder)
    assert again.accepted.num_rows == 2 and again.accepted.schema == validation.accepted.schema
    assert again.quarantined is not None and again.quarantined.num_rows == 2


@pytest.mark.parametrize("data", [b"", b"{}", b'{"format":9}', b"[1]", b"\xff"])
def test_what_is_no_validation_is_refused(tmp_path: Path, data: bytes) -> None:
    """A damaged file, or one of another format, is one clear error that names it."""
    (tmp_path / "validation.json").write_bytes(data)
    with pytest.raises(InvalidInput, match=r"validation\.json"):
        Validation.load(tmp_path)


def test_summary_is_one_line() -> None:
    """The summary counts what was found and gives the first error."""
    assert judge({"n": [1.0]}, N).summary == "nothing wrong; drift not compared: there is no previous data set"
    assert judge({"n": [99.0], "new": [1]}, N).summary.startswith("1 error, 1 warning; column 'n' is out of range")


def test_format_1_is_read_and_stays_what_it_was(tmp_path: Path) -> None:
    """A validation stored before drift and waivers reads back, and saves to its bytes."""
    golden = Path(__file__).parent / "golden" / "format_1"
    again = Validation.load(golden)
    assert again.digest == "79a52ec0a348165ada42213b3519f623aba8ee639c3db3dafff8f97c729c5e4d"
    assert [item.code for item in again.errors] == ["nan", "range"] and again.waivers == ()
    again.save(tmp_path)
    assert (tmp_path / "validation.json").read_bytes() == (golden / "validation.json").read_bytes()


def test_format_2_is_read_and_stays_what_it_was(tmp_path: Path) -> None:
    """A validation stored before fragments and distances were told reads back, and saves to its bytes."""
    golden = Path(__file__).parent / "golden" / "format_2"
    again = Validation.load(golden)
    assert again.digest == "4bc3cc2d4e1ddea37273c312796983cfd8675c64e794d5520da9206705808ba9"
    waived = next(item for item in again.items if item.severity == "waived")
    assert (waived.name, waived.since, again.measurements) == ("drift_scale:distance:carrier=AA", None, ())
    again.save(tmp_path)
    assert (tmp_path / "validation.json").read_bytes() == (golden / "validation.json").read_bytes()
