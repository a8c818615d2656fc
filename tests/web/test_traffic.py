"""An endpoint's page: who answers whom, which version wins, what was told, and what can be done about it."""

import time

import pyarrow as pa
import pytest

from headrace.routing.dividing import divide, policy_of
from headrace.serving._segments import Segment, hour_of
from headrace.serving.rewards import SCHEMA as REWARDS
from tests.orchestration.small import month
from tests.web.crawling import Markup

REQUESTS = pa.schema(
    [
        ("request_id", pa.string()),
        ("request_row", pa.int64()),
        ("event_time_us", pa.timestamp("us", "UTC")),
        ("request_status", pa.int64()),
        ("request_latency_us", pa.int64()),
        ("request_arm", pa.string()),
        ("request_propensity", pa.float64()),
    ]
)
SCRIPT = "<script>alert(1)</script>"


def log(store, version, rewards, *, prefix="r", status=200):
    """Requests that a version answered five seconds ago, each with its reward, None for none; in both logs."""
    moment_us = time.time_ns() // 1000 - 5_000_000
    ids = [f"{prefix}{version}-{index}" for index in range(len(rewards))]
    count = len(ids)
    asked = [ids, [0] * count, [moment_us] * count, [status] * count, [900] * count, ["t/all"] * count, [0.5] * count]
    told = [
        (name, moment_us + 1_000_000, reward, None)
        for name, reward in zip(ids, rewards, strict=True)
        if reward is not None
    ]
    for folder, schema, columns, of in (
        (store.home.requests, REQUESTS, asked, version),
        (store.home.rewards, REWARDS, [list(column) for column in zip(*told, strict=True)], 0),
    ):
        if columns:
            folder.mkdir(exist_ok=True)
            segment = Segment(folder, schema, endpoint="late", version=of, hour=hour_of(moment_us))
            segment.add(pa.record_batch(columns, schema=schema))
            segment.close()


@pytest.fixture
def divided(pages):
    """Two versions under Thompson's policy, the second better, as the logs say."""
    store = pages.store
    record = policy_of("thompson", ["floor=0.02", "window_s=60"])
    divide(store, "late", record, reason="may the better one win")
    time.sleep(0.01)
    pages.months.deliver("04", month(4))
    assert pages.months.run().ok
    # The policy is older than what was asked.
    since = store.policy("late")["since_us"]
    wait = 5.5 - (time.time() - since / 1e6)
    if wait > 0:
        time.sleep(wait)
    log(store, 1, [0.0] * 70 + [1.0] * 30)
    log(store, 2, [0.0] * 30 + [1.0] * 60 + [None] * 10)
    return pages


@pytest.mark.slow
def test_who_wins(divided):
    """Share, errors and latency of each version; the posterior, who wins, how sure, at what cost; rewards missing."""
    data = divided.data("/endpoints/late")
    traffic = data["traffic"]
    assert [(one["version"], one["num_requests"]) for one in traffic["versions"]] == [(1, 100), (2, 100)]
    assert traffic["versions"][0]["share"] == 0.5 and 0.8 < traffic["versions"][0]["p50_ms"] < 1.0
    assert traffic["best"] == 2 and traffic["best_probability"] > 0.99 and traffic["regret"] > 10
    rows = {row["version"]: row for row in traffic["segments"]}
    assert (rows[2]["num_decided"], rows[2]["num_rewarded"], traffic["counts"]["pending"]) == (100, 90, 10)
    assert [(one["version"], one["takes_part"]) for one in data["versions"]] == [(2, True), (1, True)]
    page = Markup(divided.client.get("/endpoints/late").text)
    assert page.faults() == []
    for words in ("Which version wins", "thompson (floor 0.02)", "190 of 200", "version 2 is the best"):
        assert words in page.text
    assert any(text.startswith("What is believed") for text in page.texts)
    log(divided.store, 1, [None] * 50, prefix="x", status=500)  # the page reads on
    again = divided.data("/endpoints/late")["traffic"]
    assert again["versions"][0]["num_failed"] == 50 and again["segments"][0]["num_decided"] == 150


@pytest.mark.slow
def test_steering(divided):
    """Promote, take out, let in and divide, by an operator, with a reason, into the log of moves and the audit log."""
    ada = divided.as_person(divided.secret("operator", name="ada"))

    def act(what, status=200, **form):
        answer = ada.post(f"/endpoints/late/{what}.json", data={"because": "tried", **form})
        assert answer.status_code == status, answer.text
        return answer.json()

    assert "a move without a reason" in act("promote", 400, to="2", because=" ")["error"]
    assert act("promote", to="2")["replaced"] == 1
    assert "is what endpoint 'late' serves" in act("withdraw", 400, to="2")["error"]
    act("withdraw", 404, to="9")
    act("withdraw", 400, to="x")
    assert "is the best with" in ada.get("/endpoints/late").text
    act("withdraw", to="1")
    alone = ada.get("/endpoints/late").text
    assert "version 2 alone takes part" in alone and "is the best with" not in alone
    assert ada.get("/endpoints/late.json").json()["traffic"]["withdrawn"] == {"1": "tried"}
    assert "Let it take part" in ada.get("/endpoints/late").text
    act("admit", to="1")
    told = act("policy", policy="epsilon_greedy", settings="epsilon=0.2 window_s=60", versions="1, 2")
    assert told["policy"] == "epsilon_greedy" and told["versions"] == [1, 2]
    for form, words in (
        ({"policy": "epsilon_greed"}, "did you mean 'epsilon_greedy'"),
        ({"policy": "thompson", "settings": "flor=1"}, "did you mean 'floor'"),
        ({"policy": "thompson", "settings": "floor"}, "NAME=VALUE"),
        ({"policy": "thompson", "versions": "7"}, "some of [1, 2]"),
        ({"policy": "thompson", "unit": "passenger"}, "passenger"),
    ):
        answer = ada.post("/endpoints/late/policy.json", data={"because": "tried", **form})
        assert answer.status_code in (400, 404) and words in answer.json()["error"], answer.text
    moves = [(move["action"], move["who"]) for move in ada.get("/endpoints/late.json").json()["moves"]][:4]
    assert moves == [("policy", "ada"), ("admit", "ada"), ("withdraw", "ada"), ("promote", "ada")]
    page = Markup(ada.get("/endpoints/late").text)
    assert page.faults() == []
    for words in (
        "version 1 is the first",
        "version 2 enters beside version 1, the champion",
        "version 2 becomes the champion in place of version 1",
        "version 1 is taken out, the champion is version 2",
        "version 1 takes part again beside version 2, the champion",
        "its traffic is divided anew, the champion is version 2",
    ):
        assert words in page.text, words
    audited = [event.body["what"] for event in divided.store.events_of("audit")]
    assert audited == ["policy", "admit", "withdraw", "promote"]
    act("policy", policy="single")
    assert ada.get("/endpoints/late.json").json()["traffic"]["segments"] == []


def test_alerts(pages):
    """Open ones first, on the endpoint's page, over all endpoints and counted on the overview; markup stays text."""
    store = pages.store
    body = {"endpoint": "late", "rule": "p99_ms <= 5", "slice": f"city={SCRIPT}", "measured": 9.0, "allowed": 5.0}
    store.append_event("alert", {**body, "state": "firing", "began_s": 1.7e9, "items": [f"late: {SCRIPT}"]})
    store.append_event(
        "alert", {"endpoint": "late", "rule": "guardrail", "items": ["version 2 was taken out: it failed"]}
    )
    over = {**body, "slice": "overall", "state": "resolved", "began_s": 1.6e9, "lasted_s": 75.0, "items": ["resolved"]}
    store.append_event("alert-resolved", over)
    data = pages.data("/endpoints/late")
    assert [one["state"] for one in data["alerts"]] == ["firing", "resolved", "told"] and data["firing"] == 1
    assert pages.data("/index")["num_firing"] == 1
    assert pages.data("/endpoints")["endpoints"][0]["num_firing"] == 1
    listed = pages.data("/alerts")
    assert len(listed["open"]) == 1 and len(listed["alerts"]) == 3 and listed["num_monitors"] == 0
    assert [one["rule"] for one in pages.client.get("/alerts.json?state=told").json()["alerts"]] == ["guardrail"]
    for path in ("/alerts", "/endpoints/late", "/endpoints", "/"):
        answer = pages.client.get(path)
        assert Markup(answer.text).faults() == [] and SCRIPT not in answer.text
    assert "1 min 15 s" in pages.client.get("/alerts").text
    store.append_event(
        "alert-resolved", {**body, "state": "resolved", "began_s": 1.7e9, "lasted_s": 1.0, "items": ["x"]}
    )
    assert pages.data("/alerts")["open"] == [] and pages.data("/index")["num_firing"] == 0


def test_how_it_does_is_for_who_may_see(pages):
    """Somebody whose grants do not reach what the model was made from sees that it is served, and nothing of how."""
    pages.store.append_event("alert", {"endpoint": "late", "rule": "drift <= 1", "items": ["city drifted"]})
    eve = pages.as_person(pages.secret("operator", name="eve", reads=("other/*",)))
    data = eve.get("/endpoints/late.json").json()
    assert data["version"] == 1 and "traffic" not in data and "alerts" not in data and not data["may_see"]
    assert eve.get("/alerts.json").json()["alerts"] == [] and "drifted" not in eve.get("/alerts").text
    for what, form in (("policy", {"policy": "canary"}), ("promote", {"to": "1"}), ("withdraw", {"to": "1"})):
        assert eve.post(f"/endpoints/late/{what}", data={"because": "x", **form}).status_code == 403
