"""Verdict: an artifact that cannot say yes when its findings do not."""

from __future__ import annotations

import dataclasses
import math

import pytest

from headrace.canonical import to_canonical
from headrace.errors import InvalidInput, StoreTooNew
from headrace.rules import Measurements, Value, Verdict, judge_all, parse_rule

RULES = ("roc_auc >= 0.85", "roc_auc >= champion")


def make(auc=0.9):
    """A verdict on one value."""
    findings = judge_all([parse_rule(rule) for rule in RULES], Measurements({(): {"roc_auc": Value(auc, 100)}}))
    return Verdict(all(finding.ok for finding in findings), findings, "m" * 64, "e" * 64, RULES)


@pytest.mark.parametrize("auc", [0.9, 0.1, math.nan])
def test_a_verdict_read_back_is_the_same(tmp_path, auc):
    """Saved and loaded, a verdict has the same fields and the same digest."""
    verdict = make(auc)
    verdict.save(tmp_path)
    again = Verdict.load(tmp_path)
    assert again.digest == verdict.digest
    assert again.ok == (auc == 0.9)
    assert repr(again) == repr(verdict)


def test_a_verdict_cannot_be_made_up():
    """`ok` must follow from the findings: yes without findings, or against one, is refused."""
    with pytest.raises(InvalidInput):
        dataclasses.replace(make(0.1), ok=True)
    with pytest.raises(InvalidInput):
        Verdict(True, (), None, "e", ())
    with pytest.raises(InvalidInput):
        dataclasses.replace(make(), rules=())


def test_digest_tells_verdicts_apart():
    """Another value, or another model, is another digest."""
    assert make(0.9).digest != make(0.91).digest
    assert make().digest != dataclasses.replace(make(), model_digest=None).digest


@pytest.mark.parametrize("data", [b"", b"{}", b'{"format":1}', b"[1]", b"\xff"])
def test_a_damaged_verdict_is_refused(tmp_path, data):
    """Bytes that are no verdict are one clear error that names the file."""
    (tmp_path / "verdict.json").write_bytes(data)
    with pytest.raises(InvalidInput, match=r"verdict\.json"):
        Verdict.load(tmp_path)


def test_a_missing_or_later_verdict_is_named(tmp_path):
    """No file, and a file of a later format, each have their error."""
    with pytest.raises(InvalidInput, match="no verdict"):
        Verdict.load(tmp_path)
    (tmp_path / "verdict.json").write_bytes(to_canonical({"format": 3}))
    with pytest.raises(StoreTooNew):
        Verdict.load(tmp_path)
