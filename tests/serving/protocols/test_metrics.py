"""/metrics: the whole server's figures, whichever worker is asked."""

import httpx

from tests.serving.conftest import running
from tests.serving.test_counting import value


def test_figures_of_all_workers(pushed):
    """Two workers, many connections: every scrape tells all that was answered, and none tells less than one before."""
    row = pushed.rows()[0]
    with running(pushed.home, workers=2) as (client, _):
        url = str(client.base_url)
        one = {"endpoint": "late", "version": "1", "arm": ""}
        before = 0.0
        for number in range(1, 13):
            with httpx.Client(base_url=url, timeout=60) as other:  # another connection, perhaps another worker
                assert other.post("/v1/models/late:predict", json={"instances": [row]}).status_code == 200
            with httpx.Client(base_url=url, timeout=60) as other:
                answer = other.get("/metrics")
            assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
            now = value(answer.text, "headrace_requests_total", **one, status="200")
            assert now == number > before
            before = now
        assert value(answer.text, "headrace_workers") == 2
        assert value(answer.text, "headrace_model_runs_total", endpoint="late", version="1") == 12
        bad = client.post("/v1/models/late:predict", json={"instances": [{"delay": "5"}]})
        assert bad.status_code == 400
        assert value(client.get("/metrics").text, "headrace_requests_total", **one, status="400") == 1


def test_it_may_be_open(pushed):
    """Where the setting says so it is read without the token, and nothing else is."""
    with running(pushed.home, environment={"HEADRACE_TOKEN": "s3cret", "HEADRACE_METRICS_OPEN": "true"}) as (client, _):
        assert client.get("/metrics").status_code == 200
        assert client.get("/v1/models").status_code == 401


def test_quotas_and_deadlines_over_http(pushed):
    """A used quota is 429 with when to come back; a header that is no time 400; one that is too short 504."""
    row = pushed.rows()[0]
    path, body = "/v1/models/late:predict", {"instances": [row]}
    with running(pushed.home, environment={"HEADRACE_QUOTAS": "late: 3"}) as (client, _):
        first = client.post(path, json=body, headers={"headrace-timeout-ms": "60000"})
        assert first.status_code == 200
        assert client.post(path, json=body, headers={"headrace-timeout-ms": "soon"}).status_code == 400
        answers = [client.post(path, json=body) for _ in range(4)]
        last = answers[-1]
        assert last.status_code == 429 and int(last.headers["retry-after"]) >= 1
        assert "quota of late" in last.json()["error"]
        assert client.get("/v1/models/late").status_code == 200
