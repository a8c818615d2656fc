"""Alert rules as a record: the same in TOML, in the environment and in Python; mistakes are named."""

import pytest

from headrace.alerting import AlertRules
from headrace.errors import InvalidInput, UnknownName
from headrace.settings import Settings, load_settings

TABLE = """
[[alerts]]
endpoints = ["late", "early-*"]
rules = ["p99_ms <= 50", "drift <= 1 on every feature,carrier"]
window_s = 30
slices = ["carrier"]
webhooks = ["$HOOK", "https://example.org/T0/secret"]
emails = "oncall@example.org"
then = "rollback"

[[alerts]]
"""
ONE = AlertRules(
    ("late", "early-*"),
    ("p99_ms <= 50", "drift <= 1 on every feature,carrier"),
    30.0,
    ("carrier",),
    ("$HOOK", "https://example.org/T0/secret"),
    ("oncall@example.org",),
    then="rollback",
)


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch):
    monkeypatch.delenv("HEADRACE_ALERTS", raising=False)


def test_the_same_everywhere(tmp_path, monkeypatch):
    """Tables in headrace.toml, JSON in the environment, and records in Python are equal."""
    (tmp_path / "headrace.toml").write_text(TABLE)
    assert load_settings(tmp_path) == Settings(home=tmp_path / ".headrace", alerts=(ONE, AlertRules()))
    monkeypatch.setenv("HEADRACE_ALERTS", '[{"rules": "p50_ms <= 1"}]')
    assert load_settings(tmp_path).alerts == (AlertRules(rules=("p50_ms <= 1",)),)


def test_who_is_meant():
    """Names and patterns; everybody by default."""
    assert ONE.matches("late") and ONE.matches("early-1") and not ONE.matches("later")
    assert AlertRules().matches("anything")


def test_what_is_shown_holds_no_secret():
    """Of a webhook's address the host alone: what follows may be a secret."""
    shown = ONE.shown()
    assert shown["webhooks"] == ["$HOOK", "example.org"] and "secret" not in str(shown)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("alerts = 3", InvalidInput, "alerts = 3"),
        ("alerts = [3]", InvalidInput, "is no table"),
        ("[[alerts]]\nrule = 'x'", UnknownName, "did you mean 'rules'"),
        ("[[alerts]]\nwindow_s = 0.5", InvalidInput, "1 to 86,400"),
        ("[[alerts]]\nwindow_s = nan", InvalidInput, "1 to 86,400"),
        ("[[alerts]]\nwindow_s = '5'", InvalidInput, "a number"),
        ("[[alerts]]\nendpoints = []", InvalidInput, "for every one"),
        ("[[alerts]]\nrules = [1]", InvalidInput, "texts in brackets"),
        ("[[alerts]]\nwebhooks = ['file:///etc/passwd']", InvalidInput, "no webhook"),
        ("[[alerts]]\nemails = ['a']", InvalidInput, "no e-mail"),
        ("[[alerts]]\nsmtp = 'x'", InvalidInput, "no mail relay"),
        ("[[alerts]]\nthen = 'explode'", InvalidInput, "rollback"),
    ],
)
def test_mistakes_are_named(tmp_path, text, error, message):
    """A wrong table says what, in which file, and what would be right; in a profile that is not chosen too."""
    for where in (text, text.replace("[[alerts]]", "[[profiles.x.alerts]]")):
        (tmp_path / "headrace.toml").write_text(where if "alerts]]" in where else f"[profiles.x]\n{where}")
        with pytest.raises(error, match=message) as caught:
            load_settings(tmp_path)
        assert "headrace.toml" in str(caught.value)
