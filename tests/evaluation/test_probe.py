"""The serving probe: what cannot be served, or costs too much, is refused, each with its reason."""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow as pa
import pytest

from headrace import contained
from headrace.dataset import Dataset
from headrace.errors import InvalidInput
from headrace.evaluation import Limits, evaluate, gate
from headrace.evaluation._probe import probe
from headrace.model import InputColumn, Model
from headrace.rules import Verdict
from headrace.serving._probing import wrong_of
from tests.evaluation import probed

RULE = ["brier <= 0.9 by value"]


@pytest.fixture(scope="module")
def dataset():
    """600 rows, of which a few are of carrier UA."""
    generator = np.random.default_rng(1)
    x = np.round(generator.random(600), 2)
    carrier = np.where(np.arange(600) % 50 == 0, "UA", np.where(np.arange(600) % 2 == 0, "AA", "DL"))
    y = (generator.random(600) < x).astype(int)
    return Dataset.from_arrow(pa.table({"x": x, "carrier": carrier, "gate": x, "y": y}), label="y")


@pytest.fixture(scope="module")
def champion():
    """What is served."""
    return probed.model()


@pytest.fixture(scope="module")
def report(champion, dataset):
    """The champion's own evaluation, beside itself."""
    return evaluate(champion, dataset, metrics=["brier"], slices=["carrier"], champion=champion)


@pytest.fixture(scope="module")
def verdict(champion, report):
    """A yes, with all limits."""
    return gate(champion, report, rules=RULE, limits=Limits(memory_mb=600, min_prediction=0, max_prediction=1))


def judge(model, report, champion=None, **limits):
    """name -> finding of a model that was never run in this process; `report` stands for its evaluation."""
    about = dataclasses.replace(report, champion_digest=None if champion is None else champion.digest)
    found, _ = probe(model, about, Limits(**limits), champion)
    return {finding.metric: finding for finding in found}


def refused(findings):
    """What is not ok and was judged."""
    return {name: one.reason for name, one in findings.items() if not one.ok and one.is_judged}


def test_a_good_model_is_safe_to_serve(verdict):
    """Every limit is judged, measured beside allowed, and kept."""
    limits = {finding.metric: finding for finding in verdict.findings if finding.is_limit}
    assert verdict.ok, repr(verdict)
    assert list(limits) == [
        *("loads", "answers", "malformed", "columns", "predictions"),
        *("memory_mb", "load_s", "growth_mb", "request_growth_mb", "latency_ratio", "throughput_ratio"),
    ]
    assert all(finding.is_judged for finding in limits.values())
    assert 40 < limits["memory_mb"].measured < limits["memory_mb"].allowed == 600
    assert limits["latency_ratio"].measured > 0.0 and limits["throughput_ratio"].measured > 0.0
    assert limits["malformed"].rows > 30 and limits["predictions"].rows > 800
    assert "memory_mb <= 600" in limits["memory_mb"].message


def test_figures_are_beside_the_verdict_and_not_in_it(verdict, tmp_path):
    """What was decided is the digest; what was measured lies in a file of its own, and may be another next time."""
    verdict.save(tmp_path)
    read = Verdict.load(tmp_path)
    assert read == verdict and read.measured == verdict.measured and read.digest == verdict.digest
    other = dataclasses.replace(
        verdict,
        findings=tuple(
            dataclasses.replace(one, measured=1.5) if one.is_limit and one.measured is not None else one
            for one in verdict.findings
        ),
        measured={"memory_mb": 1.5},
    )
    assert other.digest == verdict.digest
    (tmp_path / "measured.json").unlink()
    bare = Verdict.load(tmp_path)
    assert bare.ok and bare.digest == verdict.digest
    assert [one.measured for one in bare.findings if one.is_limit] == [None] * 11


def test_a_second_attempt_gives_the_same_verdict(champion, report, verdict):
    """Other figures, the same digest."""
    again = gate(champion, report, rules=RULE, limits=Limits(memory_mb=600, min_prediction=0, max_prediction=1))
    assert again.digest == verdict.digest and again.measured != verdict.measured


def test_without_limits_a_verdict_is_what_it_was(champion, report):
    """No limits: no probe, and the form that verdicts had before there were any."""
    verdict = gate(champion, report, rules=RULE)
    assert verdict.to_plain()["format"] == 1 and "is_limit" not in verdict.to_plain()["findings"][0]
    assert not verdict.measured


def test_limits_alone_are_no_rules(champion, report, verdict):
    """A model that is safe to serve and held to no rule is not accepted."""
    found = [finding for finding in verdict.findings if finding.is_limit]
    with pytest.raises(InvalidInput, match="says ok"):
        Verdict(True, tuple(found), champion.digest, report.digest, ())


def test_the_first_version_has_no_champion_to_be_measured_beside(champion, report):
    """Relative limits are "first version", as rules are; the others are judged."""
    findings = judge(champion, report)
    assert all(finding.ok for finding in findings.values())
    for name in ("latency_ratio", "throughput_ratio"):
        assert not findings[name].is_judged and "first version" in findings[name].reason


def test_a_champion_that_is_not_at_hand_is_a_no(champion, report):
    """The evaluation names one, and its model is nowhere: nothing is let pass unmeasured."""
    found, _ = probe(champion, report, Limits(), None)
    wrong = [finding for finding in found if not finding.ok]
    assert [finding.metric for finding in wrong] == ["latency_ratio", "throughput_ratio"]
    assert "not at hand" in wrong[0].reason


def test_a_slow_model_is_refused_beside_the_champion(champion, report):
    """Ten times slower and more: by time of a row, and by rows a second."""
    found = refused(judge(probed.model(probed.slow, golden=None), report, champion))
    assert set(found) == {"latency_ratio", "throughput_ratio"}
    assert "slower than the champion" in found["latency_ratio"]


def test_nan_for_one_slice_is_refused(report):
    """No golden row is of that carrier; the slices of the evaluation are asked."""
    found = refused(judge(probed.model(probed.nan_for_one_carrier, golden=None), report))
    assert found == {"predictions": "the prediction is not a finite number for carrier=UA"}


def test_nan_among_the_evaluated_rows_is_refused(champion, dataset):
    """Also where no slice names them."""
    bad = probed.model(probed.nan_for_one_carrier, golden=None)
    report = evaluate(bad, dataset, metrics=["brier"])
    assert "12 of 600 evaluated rows have no finite prediction" in refused(judge(bad, report))["predictions"]


def test_a_model_that_fails_for_odd_values_is_refused(report):
    """What no golden row has, and any client may send: an answer that is the server's fault is none."""
    odd = Model(probed.fails_for_large_numbers(), probed.model().signature, sample=probed.sample())
    assert refused(judge(odd, report)) == {"malformed": "'x' = 1e308: status 500"}


def test_predictions_beyond_their_range_are_refused(report):
    """A probability over 1, and a row that shows it."""
    found = refused(judge(probed.model(probed.beyond, golden=None), report))
    assert "is over 1 for golden row" in found["predictions"]


@pytest.mark.parametrize("given", [True, False])
def test_a_column_that_requests_do_not_have_is_refused(champion, report, given):
    """By name in the limits, or as the champion's requests have them; a column that may be missing is none."""
    needs = probed.model(columns=(*probed.COLUMNS, InputColumn("gate", "number", is_nullable=False)))
    found = judge(needs, report, columns=["x", "carrier"]) if given else judge(needs, report, champion)
    assert refused(found) == {"columns": "it needs 'gate', which requests do not have"}
    if not given:
        may = probed.model(columns=(*probed.COLUMNS, InputColumn("gate", "number", is_nullable=True)))
        assert refused(judge(may, report, champion)) == {}


def test_a_model_that_reads_its_label_is_refused(report):
    """No request has what is to be predicted."""
    columns = (*probed.COLUMNS, InputColumn("y", "integer", is_nullable=True))
    assert "its own label" in refused(judge(probed.model(columns=columns), report))["columns"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (probed.huge_constant, "loading it: "),
        (probed.doubling, "loading it: "),
        (probed.endless, "loading it: it was stopped after 6 s"),
    ],
)
def test_a_bomb_is_refused_and_takes_nothing_with_it(report, body, says):
    """It is small as a file; what it would take is stopped in a process apart, and nothing further is let pass."""
    bomb = probed.model(body)
    assert len(bomb.onnx) < 10_000
    findings = judge(bomb, report, memory_mb=600, timeout_s=6)
    assert findings["loads"].reason.startswith(says) and not findings["loads"].ok
    assert not any(findings[name].ok for name in ("answers", "malformed", "predictions", "memory_mb", "load_s"))


def test_a_graph_too_deep_to_be_read_is_refused(report):
    """Six hundred graphs within each other: told by the reader, not by a stack that ends."""
    found = refused(judge(probed.model(onnx=probed.deep()), report))
    assert "not an ONNX model" in found["loads"]


def test_a_model_over_its_memory_is_measured_and_refused(champion, report):
    """What was measured stands beside what is allowed."""
    finding = judge(champion, report, memory_mb=20)["memory_mb"]
    assert not finding.ok and finding.measured > finding.allowed == 20
    assert "more memory" in finding.message


def test_a_model_other_than_its_golden_rows_is_refused(report):
    """The golden rows of another model: nothing that it answers can be trusted."""
    found = refused(judge(probed.model(golden=probed.beyond), report))
    assert "golden row" in found["loads"]


LEAKING = """
from headrace.serving._probing import load_served, main

KEPT = []


def load(folder, endpoint):
    KEPT.append(bytearray(3 << 20))
    return load_served(folder, endpoint)


main(load)
"""
CRASHING = 'import os\nprint(\'{"stage": "loading it"}\', flush=True)\nos.abort()\n'


def runs(text):
    """The probe's process, as another program."""

    def run(folder, seconds):
        (folder / "another.py").write_text(text)
        return contained.run_contained("another", [], contained.Limits(seconds=seconds), folder=folder)

    return run


def test_what_is_not_freed_is_refused(champion, report):
    """Three MiB a load that stay."""
    about = dataclasses.replace(report, champion_digest=None)
    found, measured = probe(champion, about, Limits(), None, run=runs(LEAKING))
    assert refused({one.metric: one for one in found}) == {
        "growth_mb": "the process grows with every load: what is let go of is not freed"
    }
    assert 2.5 < measured["growth_mb"] < 4.0


def test_a_model_that_grows_with_every_request_is_refused(champion, report):
    """A graph that keeps 16 KiB of every answer, and predicts the same: nothing else is wrong with it."""
    findings = judge(probed.model(probed.growing), report)
    assert refused(findings) == {
        "request_growth_mb": "the process grows with every request: what an answer takes is not freed"
    }
    assert findings["request_growth_mb"].measured > 8.0
    assert judge(champion, report)["request_growth_mb"].measured < 0.5


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (CRASHING, "loading it: its process was killed by SIG"),
        ("raise SystemExit(3)", "starting: its process ended with status 3"),
        ("", "starting: its process ended with status 0"),
        ("print('[]'); print('no JSON')", "starting: its process ended with status 0"),
    ],
)
def test_a_probe_that_ends_otherwise_is_a_no(champion, report, text, says):
    """Crashed, ended, silent: nothing is let pass."""
    found, measured = probe(champion, report, Limits(memory_mb=600), champion, run=runs(text))
    assert not any(finding.ok for finding in found) and measured == {}
    assert not any(finding.is_judged for finding in found)
    assert found[0].reason.startswith(says)  # an init process that aborts ends by another signal


def test_the_figures_of_a_probe_that_lies_are_a_no(champion, report):
    """NaN is within no limit."""
    text = 'print(\'{"measured": {"memory_mb": NaN}, "done": true}\')'
    found, _ = probe(champion, report, Limits(memory_mb=600), champion, run=runs(text))
    assert not any(finding.ok for finding in found)


def test_errors_are_told_in_one_line():
    """What has no message is told by its name."""
    assert wrong_of(MemoryError()) == "MemoryError" and wrong_of(ValueError("a\nb")) == "ValueError: b"
    assert wrong_of(InvalidInput("wrong", where="/some/path")) == "wrong"


def test_another_champion_is_an_error(champion, report):
    """What is measured beside must be what the evaluation compared with."""
    with pytest.raises(InvalidInput, match="not compared with"):
        gate(champion, report, rules=RULE, limits=Limits(), champion=probed.model(probed.beyond, golden=None))
    with pytest.raises(InvalidInput, match="predictions alone"):
        gate(None, report, rules=RULE, limits=Limits())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("memory_mb", 0),
        ("memory_mb", "512"),
        ("memory_mb", float("nan")),
        ("memory_mb", True),
        ("timeout_s", None),
        ("timeout_s", 0),
        ("growth_mb", -1),
        ("latency_ratio", float("inf")),
        ("columns", "x"),
        ("columns", [1]),
        ("max_prediction", "1"),
    ],
)
def test_a_limit_that_cannot_be_one_is_an_error(field, value):
    """Each is told by its name."""
    with pytest.raises(InvalidInput, match=field):
        Limits(**{field: value})


def test_limits_are_plain_records():
    """Numbers are floats, columns a tuple; a range has its lower end first."""
    assert Limits(memory_mb=512, columns=["x"]) == Limits(memory_mb=512.0, columns=("x",))
    with pytest.raises(InvalidInput, match="lower end first"):
        Limits(min_prediction=1, max_prediction=0)
