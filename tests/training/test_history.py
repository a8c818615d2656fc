"""History: what a trainer reports is kept beside the model, and is no part of it."""

import pytest

import headrace as hr
from headrace.errors import InvalidInput
from headrace.training.history import HISTORY, History
from tests.orchestration.pages.conftest import awkward, features


def test_a_history_comes_back():
    """What was reported is read back; rounds that said nothing are left out."""
    history = History()
    for step, values in enumerate([{"train": 0.7}, {}, {"train": 0.1 + 0.2, "validation": float("nan")}]):
        assert history.report(step, values)
    read = History.from_bytes(history.to_bytes())
    assert read.curves["train"] == history.curves["train"] == [(0, 0.7), (2, 0.3)]
    assert read.to_bytes() == history.to_bytes()


@pytest.mark.parametrize("data", [b"", b"[]", b'{"format":2,"rounds":[]}', b'{"format":1,"rounds":[[0,1]]}'])
def test_what_is_no_history_is_refused(data):
    """Damage and later formats are one clear error."""
    with pytest.raises(InvalidInput):
        History.from_bytes(data)


def test_a_model_keeps_what_xgboost_reported(tmp_path):
    """The loss on train at some rounds, on validation at each; the model's digest does not know it."""
    roles = {"label": "late", "key": ["id"]}
    whole = hr.Dataset.from_arrow(awkward(), **roles, split={"train": 8, "validation": 2})
    graph = hr.transform(features, whole)
    model = hr.train(hr.XGBoost(n_estimators=100, early_stopping_rounds=0), graph, whole)
    curves = History.from_bytes(model.native_files[HISTORY]).curves
    assert [step for step, _ in curves["validation"]] == list(range(100))
    assert 40 <= len(curves["train"]) <= 51 and curves["train"][-1][0] == 99
    assert curves["train"][-1][1] < curves["train"][0][1]
    model.save(tmp_path / "model")
    assert hr.Model.load(tmp_path / "model").native_files == model.native_files
    bare = hr.Model(model.onnx, model.signature, golden=model.golden)
    assert bare.digest == model.digest
