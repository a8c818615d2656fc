"""Traffic that is divided, over HTTP: sticky, exact, learned from, and safe."""

import json
import os
import signal
import time

import pytest

import headrace as hr
from headrace.routing import Allocation, EndpointPolicy, standing_of
from headrace.serving.traffic import endpoint_summary, estimate_policy, read_ledger
from headrace.testing.spoiled import MARK, spoil
from tests.serving.conftest import running, wait_until, workers_of
from tests.serving.test_swap import spoil as spoil_golden

pytestmark = pytest.mark.slow  # each starts a server and waits for tables

PREDICT = "/v1/models/late:predict"
QUICK = {"HEADRACE_ALLOCATE_S": "0.3", "HEADRACE_POLL_S": "0.05"}


def divide(home, pushed, record, versions=(2,)):
    """Set a policy, then push."""
    with hr.open_store(home) as store:
        store.set_policy("late", record.to_plain())
    for version in versions:
        pushed.push(home, version)


def add(home, model):
    """Push a model."""
    with hr.open_store(home) as store:
        live = store.endpoint("late")
        store.save_artifact(model)
        return store.push("late", model.digest, live.verdict_digest, expected_version=live.version)


def routed(client, row):
    """Ask until a table is there."""

    def asked():
        """a table is published"""
        answer = client.post(PREDICT, json={"instances": [row]})
        return answer if "headrace-table" in answer.headers else None

    return wait_until(asked)


def tables(home):
    """Table id -> allocation."""
    lines = (home / "requests" / "late" / "tables.jsonl").read_text().splitlines()
    told = [json.loads(line) for line in lines]
    return {one["table_id"]: Allocation.from_plain(one["allocations"]["all"]) for one in told}


def test_units_are_sticky_and_propensities_exact(pushed, home):
    """Two workers decide alike, as the published table says of the unit; the answer is that version's, and logged."""
    divide(home, pushed, EndpointPolicy("epsilon_greedy", {"epsilon": 1.0}), versions=(2, 3))
    rows = pushed.rows()
    with running(home, workers=2, environment=QUICK) as (client, _):
        routed(client, rows[0])
        found = {}
        for number in range(120):
            unit = f"user-{number % 40}"
            answer = client.post(PREDICT, json={"instances": [rows[number % 40]]}, headers={"headrace-unit": unit})
            version = int(answer.headers["headrace-version"])
            choice = tables(home)[answer.headers["headrace-table"]].choose(unit)
            assert (choice.version, choice.propensity) == (version, float(answer.headers["headrace-propensity"]))
            assert answer.json()["predictions"][0] == pytest.approx(pushed.predictions(version)[number % 40], abs=1e-7)
            found.setdefault(unit, set()).add(version)
        assert all(len(versions) == 1 for versions in found.values())
        assert set.union(*found.values()) == {1, 2, 3}
    with hr.open_store(home) as store:
        tally = read_ledger(store, standing_of(store, "late")).tallies()["all"]
    assert sum(one.num_decided for one in tally.values()) >= 120


def test_rewards_are_on_the_disk_once_and_teach(pushed, home):
    """Told twice, batched, by both routes, a server restarted between: the sums are right, and the better one wins."""
    divide(home, pushed, EndpointPolicy("thompson", window_s=600.0, is_guarded=False))
    rows = pushed.rows()
    expected = {1: [], 2: []}
    for _ in range(2):
        with running(home, workers=2, environment=QUICK) as (client, process):
            routed(client, rows[0])
            for number in range(150):
                answer = client.post(PREDICT, json={"instances": [rows[number % 400]]})
                version, request_id = int(answer.headers["headrace-version"]), answer.headers["headrace-request-id"]
                reward = float(number % 10 < (2 if version == 1 else 8))
                expected[version].append(reward)
                told = {"request_id": request_id, "reward": reward, "time": "2026-11-02T10:00:00Z"}
                assert client.post("/rewards", json=told).json() == {"recorded": 1}
                if number % 3 == 0:
                    again = {"rewards": [told, {**told, "reward": 1.0 - reward}]}
                    assert client.post("/v1/models/late:reward", json=again).json() == {"recorded": 2}
            time.sleep(1.0)  # decisions are written each half second
            for worker in workers_of(process.pid):
                os.kill(worker, signal.SIGKILL)  # what was answered is on the disk
            wait_until(lambda: len(workers_of(process.pid)) == 2)
    with hr.open_store(home) as store:
        tally = read_ledger(store, standing_of(store, "late")).tallies()["all"]
        summary = endpoint_summary(store, "late")
        known = estimate_policy(store, "late", 2)
        # The last half second of decisions went with the workers that were killed; no reward did.
        for version in (1, 2):
            assert 0.8 * len(expected[version]) <= tally[version].num_rewarded <= len(expected[version])
    assert summary["best"] == 2 and summary["best_probability"] > 0.99 and summary["regret"] > 0
    assert 0.7 < known.snips[0] < 0.9 and not known.refusal
    assert json.loads(json.dumps(summary)) == summary


def test_bad_rewards_are_answered(pushed, home):
    """Unknown ids with 404, what is no reward with 400, each saying what it should be; nothing is recorded."""
    divide(home, pushed, EndpointPolicy("thompson", reward_low=0.0, reward_high=5.0))
    with running(home, environment=QUICK) as (client, _):
        known = routed(client, pushed.rows()[0]).headers["headrace-request-id"]
        for status, body, words in (
            (404, {"request_id": "abc", "reward": 1}, "no request named 'abc'"),
            (404, {"request_id": ("1" if known[12] == "0" else "0") * 26, "reward": 1}, "headrace-request-id"),
            (400, {"request_id": known, "reward": 6}, "0 to 5"),
            (400, {"request_id": known, "reward": None}, "a finite number"),
            (400, {"request_id": known, "reward": True}, "a finite number"),
            (400, {"request_id": known, "reward": 1, "when": 2}, "not a reward"),
            (400, {"request_id": known, "reward": 1, "time": "2026-11-02"}, "RFC 3339"),
            (400, {"rewards": []}, "1 to 10,000"),
            (400, {"rewards": [{"request_id": known, "reward": 1}, {"request_id": known}]}, "reward 1"),
            (404, {"rewards": [{"request_id": "x", "reward": 1}]}, "reward 0"),
        ):
            answer = client.post("/rewards", json=body)
            assert (answer.status_code, words in answer.json()["error"]) == (status, True), answer.text
        assert client.post("/rewards", content=b"{").status_code == 400
        assert client.get("/rewards").status_code == 405
        assert client.post("/v1/models/none:reward", json={}).status_code == 404
    assert not list((home / "rewards").rglob("*.arrows")) and not list((home / "rewards").rglob("*.parquet"))


def test_a_failing_version_is_out_and_no_client_sees_it(pushed, home):
    """Pushed under load, it raises: the champion answers in its place, it is taken out with a reason and an alert."""
    divide(home, pushed, EndpointPolicy("canary", {"share": 0.5}), versions=())
    row = {**pushed.rows()[0], "delay": MARK}
    with running(home, environment=QUICK) as (client, _):
        routed(client, row)
        version = add(home, spoil(pushed.model, "fails"))
        start = time.monotonic()
        with hr.open_store(home) as store:
            while version not in standing_of(store, "late").withdrawn:
                answer = client.post(PREDICT, json={"instances": [row]})
                assert answer.status_code == 200 and answer.headers["headrace-version"] == "1"
                assert time.monotonic() - start < 30
            (move,) = [one for one in store.moves("late") if one.action == "withdraw"]
            assert (move.version, move.replaced, move.who) == (1, version, "guardrail") and "failed at" in move.reason
            assert [event.body["version"] for event in store.events() if event.kind == "alert"] == [version]
            store.admit_version("late", version)
            assert version in standing_of(store, "late").versions


def test_a_version_that_cannot_be_loaded_is_taken_out(pushed, home, monkeypatch):
    """Its golden rows do not come out: no table ever names it, and the log says why."""
    divide(home, pushed, EndpointPolicy("canary", {"share": 0.5}), versions=())
    with running(home, environment=QUICK) as (client, _):
        routed(client, pushed.rows()[0])
        spoil_golden(pushed, home, monkeypatch)
        with hr.open_store(home) as store:
            wait_until(lambda: 2 in standing_of(store, "late").withdrawn)
            assert "could not be loaded: " in standing_of(store, "late").withdrawn[2]
        assert client.post(PREDICT, json={"instances": [pushed.rows()[0]]}).status_code == 200


def test_a_shadow_is_logged_and_never_returned(pushed, home):
    """The champion answers all; the shadow's rows are in the log under the same ids, with propensity 0."""
    divide(home, pushed, EndpointPolicy("shadow"))
    rows = pushed.rows()
    with running(home, environment=QUICK) as (client, _):
        routed(client, rows[0])
        ids = {}
        for number in range(30):
            answer = client.post(PREDICT, json={"instances": [rows[number]]})
            assert answer.headers["headrace-version"] == "1"
            ids[answer.headers["headrace-request-id"]] = number
            time.sleep(0.005)
    from headrace.serving.reading import read_requests

    found = read_requests(home / "requests", "late", version=2).to_arrow().to_pylist()
    mine = [row for row in found if row["request_id"] in ids]
    assert len(mine) >= 20 and all(row["request_propensity"] == 0.0 for row in mine)
    for row in mine:
        assert row["prediction"] == pushed.predictions(2)[ids[row["request_id"]]]
    with hr.open_store(home) as store:
        assert set(read_ledger(store, standing_of(store, "late")).tallies()["all"]) == {1}


def test_a_column_is_the_unit_and_another_the_segment(pushed, home):
    """No header: the raw column's value is sticky; each segment has its table; a header wins."""
    record = EndpointPolicy(
        "epsilon_greedy", {"epsilon": 1.0}, unit_column="flight", segment_column="carrier", segments=("AA",)
    )
    divide(home, pushed, record)
    rows = [row for row in pushed.rows() if row["flight"] is not None][:40]
    with running(home, environment=QUICK) as (client, _):
        table_id = routed(client, rows[0]).headers["headrace-table"]
        line = (home / "requests" / "late" / "tables.jsonl").read_text().splitlines()[-1]
        made = {name: Allocation.from_plain(one) for name, one in json.loads(line)["allocations"].items()}
        assert set(made) == {"AA", "other"}
        for row in rows:
            answer = client.post(PREDICT, json={"instances": [row]})
            table = made["AA" if row["carrier"] == "AA" else "other"]
            assert answer.headers["headrace-table"] == table_id
            assert int(answer.headers["headrace-version"]) == table.choose(str(row["flight"])).version
            answer = client.post(PREDICT, json={"instances": [row]}, headers={"headrace-unit": "me"})
            assert int(answer.headers["headrace-version"]) == table.choose("me").version


def test_promote_rollback_and_single(pushed, home):
    """The champion moves, a rollback takes its version out of the traffic, and `single` ends the dividing."""
    divide(home, pushed, EndpointPolicy("canary", {"share": 0.5}))
    with hr.open_store(home) as store:
        assert (standing_of(store, "late").champion, standing_of(store, "late").versions) == (1, (1, 2))
        store.promote("late", 2)
        assert (standing_of(store, "late").champion, standing_of(store, "late").versions) == (2, (1, 2))
        store.roll_back("late", 1, reason="no")
        assert standing_of(store, "late").versions == (1,)
        assert standing_of(store, "late").withdrawn == {2: "no"}
    with running(home, environment=QUICK) as (client, _):
        routed(client, pushed.rows()[0])
        with hr.open_store(home) as store:
            store.set_policy("late", EndpointPolicy().to_plain())

        def ended():
            """no table is used any more"""
            answer = client.post(PREDICT, json={"instances": [pushed.rows()[0]]})
            return answer.status_code == 200 and "headrace-table" not in answer.headers

        wait_until(ended)
