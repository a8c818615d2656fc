"""Evaluation: an artifact that reads back as it was."""

from __future__ import annotations

import pytest

from headrace.canonical import to_canonical
from headrace.errors import InvalidInput, StoreTooNew
from headrace.evaluation import Evaluation, evaluate, evaluate_predictions

SLICES = ["carrier", ["carrier", "hour"], "moment", "is_night"]


@pytest.fixture
def found(make_model, dataset):
    """An evaluation with everything in it: champion, slices, NaN."""
    return evaluate(make_model(), dataset, metrics=["roc_auc", "brier"], slices=SLICES, champion=make_model(2.0))


def test_it_reads_back_whole(found, tmp_path):
    """Saved and loaded, every cell, table and digest is the same, and saving again writes the same JSON."""
    found.save(tmp_path)
    again = Evaluation.load(tmp_path)
    assert again.digest == found.digest
    assert repr(again.cells) == repr(found.cells)
    assert repr(again.champion.cells) == repr(found.champion.cells)
    assert repr(again.baseline.cells) == repr(found.baseline.cells)
    assert again.predictions.equals(found.predictions)
    assert again.slices == found.slices
    assert again.parts == found.parts
    second = tmp_path / "again"
    second.mkdir()
    again.save(second)
    for name in ("evaluation.json", "predictions.parquet"):
        assert (second / name).read_bytes() == (tmp_path / name).read_bytes()


def test_predictions_alone_read_back(table, tmp_path):
    """An evaluation without models reads back too."""
    found = evaluate_predictions(table, label="y", prediction="x", weight="weight", metrics=["brier"])
    found.save(tmp_path)
    again = Evaluation.load(tmp_path)
    assert again.digest == found.digest
    assert again.champion is None
    assert again.predictions.column_names == ["label", "weight", "prediction"]


def test_the_digest_covers_every_prediction(make_model, dataset):
    """Another model, or another prediction of one row, is another digest; the same is the same."""
    one = evaluate(make_model(), dataset, metrics=["roc_auc"])
    assert one.digest == evaluate(make_model(), dataset, metrics=["roc_auc"]).digest
    other = evaluate(make_model(0.5), dataset, metrics=["roc_auc"])  # the same order of scores, so the same value
    assert other["roc_auc"] == one["roc_auc"]
    assert other.to_plain()["predictions"] != one.to_plain()["predictions"]
    assert other.digest != one.digest


def test_summary_is_plain_and_short(found):
    """The summary says what a person asks first."""
    assert found.summary == {
        "num_rows": found.num_rows,
        "num_dropped": found.num_dropped,
        "num_slices": found.num_slices,
        "metrics": {"roc_auc": found["roc_auc"].value, "brier": found["brier"].value},
    }
    assert repr(found).startswith("<Evaluation roc_auc 0.")


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"format":1}'])
def test_damaged_files_are_refused(found, tmp_path, data):
    """A file that is no evaluation is one clear error."""
    found.save(tmp_path)
    (tmp_path / "evaluation.json").write_bytes(data)
    with pytest.raises(InvalidInput, match="not an evaluation"):
        Evaluation.load(tmp_path)


def test_foreign_predictions_are_refused(found, make_model, dataset, tmp_path):
    """Predictions of another model beside an evaluation are noticed; so are damaged and missing ones."""
    found.save(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    evaluate(make_model(0.5), dataset, metrics=["brier"]).save(other)
    (tmp_path / "predictions.parquet").write_bytes((other / "predictions.parquet").read_bytes())
    with pytest.raises(InvalidInput, match="not those of the evaluation"):
        Evaluation.load(tmp_path)
    (tmp_path / "predictions.parquet").write_bytes(b"PAR1")
    with pytest.raises(InvalidInput, match="not an evaluation"):
        Evaluation.load(tmp_path)
    (tmp_path / "predictions.parquet").unlink()
    with pytest.raises(InvalidInput, match="no evaluation"):
        Evaluation.load(tmp_path)


def test_a_later_format_is_named(tmp_path):
    """A file of a later format asks for a newer headrace."""
    (tmp_path / "evaluation.json").write_bytes(to_canonical({"format": 4}))
    with pytest.raises(StoreTooNew):
        Evaluation.load(tmp_path)
