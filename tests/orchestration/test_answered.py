"""A request asked again: every value on the way, what each column adds, and what is behind the model."""

import hashlib

import pytest

from headrace.errors import InvalidInput
from headrace.model import Model
from headrace.orchestration.ancestry import ancestry_of
from headrace.orchestration.answered import answered
from headrace.store import Store


@pytest.fixture
def store(prepared, project):
    """A store with one run that pushed a model."""
    prepared(project)
    with Store.open(project.folder / ".headrace", read_only=True) as store:
        yield store


def asked(endpoint, **change):
    """A row of the request log, as `find_request` gives it."""
    row = {"delay": 30.5, "city": "A", "n": None}
    whole = {
        "request_id": "r",
        "request_row": 0,
        "request_status": 200,
        "request_endpoint": "late",
        "request_version": 1,
        "request_model_digest": endpoint.model_digest,
        "request_is_sampled": True,
        "request_masked": None,
        "prediction": 0.5,
        **row,
    }
    return {**whole, **change}


def test_a_request_is_answered_and_explained_again(store):
    """With the transform's values between columns and features; an answer that differs is said to."""
    endpoint = store.endpoint("late")
    model = store.load_artifact(endpoint.model_digest, Model)
    row = {"delay": 30.5, "city": "A", "n": None}
    given = float(model.predict_lanes(model.codec.from_rows([row]))["prediction"][0])
    found = answered(store, [asked(endpoint, prediction=given)])
    assert found.is_same
    assert not answered(store, [asked(endpoint)]).is_same
    (one,) = found.rows
    assert one["values"] == row
    assert set(one["steps"]) == {"z_score(x.delay)", "vocabulary(x.city, top_k=5)"}
    assert one["steps"]["z_score(x.delay)"] == pytest.approx(one["features"]["delay"])
    assert one["explanation"] == model.explain([row]).to_plain()[0]


def test_what_is_behind_a_model_is_found(store, project):
    """Its run, the steps before it and none other, the files that were read by their sha256, and who judged it."""
    endpoint = store.endpoint("late")
    found = ancestry_of(store, endpoint.model_digest, endpoint="late", version=1)
    assert (found.run_id, found.pipeline, found.parameters) == (endpoint.run_id, "flow", {"trees": 4})
    assert {step.call for step in found.steps} == {
        *("ingest", "ingest_span", "analyze", "infer_schema", "load_schema", "previous", "validate"),
        *("transform", "train"),
    }
    assert found.steps[-1].outputs == {"model": ("model", endpoint.model_digest)}
    assert all(step.code.startswith("headrace ") and step.line for step in found.steps)
    files = sorted((project.folder / "data").glob("*.parquet"))
    assert [(span, digest) for span, _, digest in found.files] == [
        (file.stem, hashlib.sha256(file.read_bytes()).hexdigest()) for file in files
    ]
    assert found.verdict == endpoint.verdict_digest
    assert store.artifact(found.evaluation).kind == "evaluation"
    assert found.digest_of("transform_graph")
    assert found.to_plain()["steps"][-1]["outputs"]["model"]["digest"] == endpoint.model_digest
    assert ancestry_of(store, "0" * 64, endpoint="late", version=1) is None
    assert ancestry_of(store, endpoint.model_digest, endpoint="late", version=9).verdict == ""


@pytest.mark.parametrize(
    ("change", "said"),
    [({"request_is_sampled": False}, "not written down"), ({"request_masked": "city"}, "sensitive")],
)
def test_values_that_were_not_kept_cannot_be_asked_again(store, change, said):
    """Refused, with the reason."""
    with pytest.raises(InvalidInput, match=said):
        answered(store, [asked(store.endpoint("late"), **change)])
