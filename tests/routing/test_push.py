"""Push: only a model that its own verdict says yes to gets behind an endpoint."""

from dataclasses import dataclass

import pytest

from headrace.errors import ChampionMoved, HostDiffers, InvalidInput, NotAccepted
from headrace.routing import push
from headrace.store import Store
from headrace.testing.store_cases import Note


class Served(Note):
    """A model's shape: it can be asked to answer its golden rows."""

    differs = False

    def replay(self, *, where):
        """Fails when this machine is said to differ."""
        if self.differs:
            raise HostDiffers("row 3 of the golden rows", where=where)


class Judgement(Note):
    """A verdict's shape, without a gate."""

    def __init__(self, model_digest, ok=True, findings=()):
        super().__init__(f"{model_digest} {ok}", kind="verdict")
        self.model_digest, self.ok, self.findings = model_digest, ok, findings


@dataclass
class Finding:
    """What a rule found."""

    message: str
    ok: bool = False


@pytest.fixture
def store(tmp_path):
    """A new store."""
    with Store.open(tmp_path / ".headrace") as store:
        yield store


def model(text):
    """A model's shape."""
    return Served(text, kind="model")


def test_a_machine_that_differs_is_no_place_to_push_from(store):
    """Golden rows are answered before anything moves."""
    mo = model("one")
    mo.differs = True
    with pytest.raises(HostDiffers, match="before pushing to 'late'"):
        push(store, mo, Judgement(mo.digest), "late")
    assert store.endpoint("late") is None


def test_an_accepted_model_is_served(store):
    """Model and verdict are saved, and the endpoint names both; the same again moves nothing."""
    mo = model("one")
    vd = Judgement(mo.digest)
    assert push(store, mo, vd, "late", expected_version=None) == 1
    assert push(store, mo, vd, "late", expected_version=None) == 1
    live = store.endpoint("late")
    assert (live.model_digest, live.verdict_digest) == (mo.digest, vd.digest)
    assert store.load_artifact(live.model_digest, type("Model", (Note,), {"kind": "model"})).text == "one"


def test_a_no_is_not_served(store):
    """NotAccepted carries the findings; nothing is saved, no endpoint is made."""
    findings = [Finding("roc_auc 0.5 is below 0.85"), Finding("fine", ok=True), Finding("no champion")]
    mo = model("one")
    with pytest.raises(NotAccepted, match=r"roc_auc 0.5 is below 0.85; no champion") as caught:
        push(store, mo, Judgement(mo.digest, ok=False, findings=findings), "late")
    assert caught.value.items == tuple(findings)
    with pytest.raises(NotAccepted, match="no rule was met"):
        push(store, mo, Judgement(mo.digest, ok=False), "late")
    assert store.endpoint("late") is None and not store.has_artifact(mo.digest)


@pytest.mark.parametrize("judged", [model("two").digest, None])
def test_a_verdict_on_another_model_is_refused(store, judged):
    """A yes to one model is no yes to another, nor to predictions alone."""
    with pytest.raises(InvalidInput, match=r"the verdict is about model .*gate this model"):
        push(store, model("one"), Judgement(judged), "late")
    assert store.endpoint("late") is None


def test_expectations_are_compared(store):
    """A planned push moves the version it was judged against only; "live" takes what is there now."""
    for text, expected, version in (("one", "live", 1), ("two", "live", 2), ("three", 2, 3)):
        mo = model(text)
        assert push(store, mo, Judgement(mo.digest), "late", expected_version=expected) == version
    four = model("four")
    for expected in (None, 1, 2):
        with pytest.raises(ChampionMoved):
            push(store, four, Judgement(four.digest), "late", expected_version=expected)
    assert store.endpoint("late").version == 3


def test_a_name_that_is_none_is_refused_before_anything_is_saved(store):
    """An endpoint's name stands in addresses as it is."""
    mo = model("one")
    with pytest.raises(InvalidInput, match="not an endpoint's name"):
        push(store, mo, Judgement(mo.digest), "../late")
    assert not store.has_artifact(mo.digest)
