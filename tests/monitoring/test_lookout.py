"""Every endpoint that records of rules name is followed, those that come later too; who is told follows the record."""

import time

import pytest

import headrace as hr
from headrace.alerting import AlertRules
from headrace.errors import InvalidInput, UnknownName
from headrace.monitoring import Lookout, alerts
from tests.monitoring.test_watch import Receiver
from tests.serving.conftest import home, pushed, wait_until  # noqa: F401  # fixtures

STALE = "stale_s <= 0.01"


def add_endpoint(store, name):
    """The model of `late` behind another endpoint."""
    live = store.endpoint("late")
    store.push(name, live.model_digest, live.verdict_digest, expected_version=None)


def test_records_say_who_is_followed_and_told(pushed, home):  # noqa: F811
    """One record tells a webhook, the other rolls back; an endpoint pushed later is taken up; nobody else is."""
    receiver, told, acted = Receiver(), [], []
    records = (
        AlertRules(("late",), (STALE,), 1.0, webhooks=(receiver.url,)),
        AlertRules(("new-*",), (STALE,), 1.0, then="rollback"),
    )
    with hr.open_store(home) as store:
        lookout = Lookout(
            store,
            records,
            tell=lambda text, body: told.append(body["endpoint"]),
            act=lambda then, body: acted.append((then, body["endpoint"])),
        )
        assert lookout.turn() == ["late"] and len(store.announced("monitor")) == 1
        add_endpoint(store, "new-one")
        add_endpoint(store, "other")
        assert lookout.turn() == ["new-one"]
        time.sleep(0.1)
        lookout.turn()
        assert lookout.endpoints == ["late", "new-one"]
        assert sorted(told) == ["late", "new-one"] and acted == [("rollback", "new-one")]
        store.append_event("alert", {"endpoint": "late", "rule": "guardrail", "items": ["version 2 was taken out"]})
        lookout.turn()
        wait_until(lambda: len(receiver.got) == 2)
        assert [body["state"] for _, body in receiver.got] == ["firing", "told"]
        lookout.close()
        assert store.announced("monitor") == []
    receiver.close()


def test_an_alert_whose_rule_is_gone_is_closed(pushed, home):  # noqa: F811
    """When the settings change, what was open by a rule that nobody asks any more does not stay open for ever."""
    with hr.open_store(home) as store:
        for rule, is_open in ((STALE, True), ("p99_ms <= 1000000", False)):
            lookout = Lookout(store, (AlertRules(rules=(rule,), window_s=1.0),), is_whole=True)
            lookout.turn()
            time.sleep(0.05)
            lookout.turn()
            lookout.close()
            assert [one["state"] for one in alerts(store, "late")] == ["firing" if is_open else "resolved"]


def test_what_fits_nobody_is_said_once(pushed, home, capfd):  # noqa: F811
    """A column that the model has not: said once, the others are followed; `is_strict` raises it."""
    records = (AlertRules(slices=("origin",)), AlertRules(rules=(STALE,)))
    with hr.open_store(home) as store:
        lookout = Lookout(store, records)
        for _ in range(3):
            lookout.turn()
        assert lookout.endpoints == ["late"]
        assert capfd.readouterr().err.count("endpoint late is not followed: no column named 'origin'") == 1
        with pytest.raises(UnknownName, match="origin"):
            Lookout(store, records).take_up(is_strict=True)
        lookout.close()


def test_bad_records_are_refused(pushed, home, monkeypatch):  # noqa: F811
    """A rule that is none and a webhook's variable that is not set are errors before anything is followed."""
    monkeypatch.delenv("ALERT_HOOK", raising=False)
    with hr.open_store(home) as store:
        with pytest.raises(UnknownName, match="p99_ms"):
            Lookout(store, (AlertRules(rules=("p99_s <= 1",)),))
        with pytest.raises(InvalidInput, match="environment variable ALERT_HOOK"):
            Lookout(store, (AlertRules(webhooks=("$ALERT_HOOK",)),))


def test_alerts_are_read_back_from_the_newest(pushed, home):  # noqa: F811
    """Among many other events the newest alerts come first, each once and as it stands; a limit is kept."""
    with hr.open_store(home) as store:
        for number in range(30):
            body = {"state": "firing", "endpoint": "late", "rule": "r", "slice": "overall", "began_s": float(number)}
            store.append_event("alert", {**body, "items": [str(number)]})
            store.append_event("noise", {"number": number})
            if number % 3 == 0:
                store.append_event("alert-resolved", {**body, "state": "resolved", "items": [str(number)]})
        found = alerts(store, "late")
        assert len(found) == 30 and sum(one["state"] == "resolved" for one in found) == 10
        assert [one["began_s"] for one in alerts(store, limit=3)] == [29.0, 28.0, 27.0]
        assert alerts(store, "other") == []
