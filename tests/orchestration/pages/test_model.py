"""The page of a model: what it takes and answers, and how its training went."""

import headrace as hr
from tests.orchestration.pages.conftest import page
from tests.report.looked_at import check_page


def test_the_curves_of_its_training(nouns):
    """Loss on train and on validation by round, in a drawing and in figures."""
    root = check_page(page("model", nouns["model"]))
    drawn = next(svg for svg in root.all("svg") if svg.children[0].text == "Loss by round")
    assert [item.children[0].text for item in drawn.all("path")] == ["train", "validation"]
    assert next(root.all("h1")).text == "XGBoost predicts how likely it is that late is 1, from 3 raw columns"
    assert "Columns whose values are never logged: email" in root.text


def test_a_model_without_a_history_has_no_curves(nouns):
    """Models of trainers that report nothing, or made before there was a history, or with a damaged one."""
    model = nouns["model"]
    for files in ({}, {"history.json": b"damaged"}):
        bare = hr.Model(model.onnx, model.signature, golden=model.golden, native_files=files)
        assert "Loss by round" not in check_page(page("model", bare)).text
