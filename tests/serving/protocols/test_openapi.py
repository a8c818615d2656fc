"""The description of the server: true of what it answers, nothing sensitive in it; and the page to try it."""

import base64
import hashlib
import html.parser
import json
import re
import shutil

import pyarrow as pa
import pytest

import headrace as hr
from headrace.access import Tokens
from headrace.serving import Request, Serving
from headrace.serving.loading import make
from headrace.serving.protocols.openapi import OpenApi
from headrace.serving.protocols.row import Row
from tests.serving.conftest import running


@pytest.fixture(scope="module")
def client(pushed):
    """A client of a server."""
    with running(pushed.home) as (client, _):
        yield client


@pytest.fixture(scope="module")
def guarded():
    """A core with one endpoint whose model has a sensitive column, one that may not be null, and a label in words."""
    secrets = [f"secret-{number}" for number in range(60)]
    table = pa.table(
        {
            "name": secrets,
            "<b>odd</b>": [1.5, None, 2.5] * 20,
            "age": pa.array([20 + number % 40 for number in range(60)], pa.int64()),
            "y": ["yes", "no"] * 30,
        }
    )
    dataset = hr.Dataset.from_arrow(table, label="y", positive="yes", sensitive=["name"])
    schema = hr.infer_schema(hr.analyze(dataset))
    accepted = hr.validate(dataset, schema).accepted
    graph = hr.transform(
        lambda x: {"name": hr.ops.hash_bucket(x.name, num_buckets=8), "odd": x["<b>odd</b>"], "age": x.age}, accepted
    )
    model = hr.train(hr.XGBoost(n_estimators=3, max_depth=2), graph, accepted)
    serving = Serving()
    serving.flip(make("guarded", 1, model.digest, model, with_shape=False))
    return serving


def get(serving, path):
    """The answer of the protocol in process."""
    return OpenApi().answer(serving, Request("GET", path, b""))


def test_the_example_is_answered_as_it_stands(client):
    """Of each endpoint: the request to copy gets a prediction and an explanation that keep to their schemas."""
    document = client.get("/openapi.json").json()
    assert document["openapi"] == "3.1.1"
    content = document["paths"]["/v1/models/late:predict"]["post"]["requestBody"]["content"]
    assert set(content) == {"application/json", "application/vnd.apache.arrow.stream"}
    example = content["application/json"]["example"]
    assert sum(value is None for value in example["instances"][0].values()) == 0
    answer = client.post("/v1/models/late:predict", json=example)
    assert answer.status_code == 200, answer.text
    assert 0 <= answer.json()["predictions"][0] <= 1
    assert client.post("/v1/models/late:explain", json=example).status_code == 200


def test_rows_are_described_by_the_signature(client, pushed):
    """Types, nulls, and values that the data had; no other column, but the label, which is not looked at."""
    row = client.get("/openapi.json").json()["components"]["schemas"]["row.late"]
    assert row["additionalProperties"] is False
    assert row["required"] == [column.name for column in pushed.model.columns if not column.is_nullable]
    assert set(row["properties"]) == {*(column.name for column in pushed.model.columns), "late"}
    assert row["properties"]["flight"]["type"] == ["integer", "null"]
    assert row["properties"]["is_new"]["type"] == ["boolean", "null"]
    assert set(row["properties"]["carrier"]["examples"]) <= {"AA", "UA", "", "\u00e9"}
    assert row["properties"]["when"]["format"] == "date-time"


def test_every_reference_leads_somewhere(client):
    """And every route of the row protocol that is named is one that is answered."""
    document = client.get("/openapi.json").json()
    for reference in re.findall(r'"\$ref": ?"#/components/schemas/([^"]+)"', json.dumps(document)):
        assert reference in document["components"]["schemas"]
    for path, methods in document["paths"].items():
        for method in methods:
            assert client.request(method, path).status_code not in (404, 405, 500), path


def test_nothing_sensitive_is_told(guarded):
    """Neither in the document nor on the page, and the example is answered all the same."""
    for path in ("/openapi.json", "/try", "/try/guarded"):
        answer = get(guarded, path)
        assert answer.status == 200
        assert b"secret-" not in answer.body
    document = json.loads(get(guarded, "/openapi.json").body)
    row = document["components"]["schemas"]["row.guarded"]
    assert row["required"] == ["name", "age"]
    assert "examples" not in row["properties"]["name"]
    assert "examples" in row["properties"]["age"]
    example = document["paths"]["/v1/models/guarded:predict"]["post"]["requestBody"]["content"]["application/json"]
    asked = Request("POST", "/v1/models/guarded:predict", json.dumps(example["example"]).encode())
    assert Row().answer(guarded, asked).status == 200


class Tags(html.parser.HTMLParser):
    """The elements of a page with their attributes."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        """Keep it."""
        self.found.append((tag, dict(attributes)))


def test_the_page_has_a_labelled_field_a_column(guarded):
    """Each with a hint, names escaped; style and script are those that the policy allows, and nothing is fetched."""
    answer = get(guarded, "/try/guarded")
    text = answer.body.decode()
    tags = Tags(text).found
    fields = {one["name"]: one for tag, one in tags if "data-kind" in one}
    assert set(fields) == {"name", "<b>odd</b>", "age"}
    labelled = {one["for"] for tag, one in tags if tag == "label"}
    hints = {one["id"] for tag, one in tags if tag == "small"}
    for field in fields.values():
        assert field["id"] in labelled
        assert field["aria-describedby"] in hints
    assert "required" in fields["age"] and "required" not in fields["<b>odd</b>"]
    assert not [one for tag, one in tags if "src" in one or tag == "link" or "style" in one or "onclick" in one]
    assert [one["href"] for tag, one in tags if "href" in one] == ["#content", "/openapi.json"]
    policy = dict(answer.headers)["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    for tag in ("style", "script"):
        inside = re.search(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)[1]
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_the_page_is_guarded_as_everything_is(home):
    """401 without the token, 404 for an endpoint there is not, 405 for another method; of no endpoint but one's own."""
    _, other = Tokens(home).add("shop", "client", asks=["other"])
    with running(home, environment={"HEADRACE_TOKEN": "s3cret"}) as (client, _):
        stranger = {"authorization": f"Bearer {other}"}
        assert "late" not in client.get("/openapi.json", headers=stranger).text
        assert "/try/late" not in client.get("/try", headers=stranger).text
        assert client.get("/try/late", headers=stranger).status_code == 403
        for path in ("/openapi.json", "/try", "/try/late"):
            assert client.get(path).status_code == 401
            assert client.get(path, headers={"authorization": "Bearer s3cret"}).status_code == 200
        headers = {"authorization": "Bearer s3cret"}
        assert client.get("/try/early", headers=headers).status_code == 404
        assert client.get("/trying", headers=headers).status_code == 404
        assert client.post("/try", headers=headers).status_code == 405


def test_several_endpoints_are_listed(guarded):
    """And none is a page that says so."""
    (served,) = guarded.endpoints.values()
    both = Serving()
    assert b"Nothing was pushed yet" in get(both, "/try").body
    for name in ("late", "early"):
        both.flip(make(name, 1, served.digest, served.model, with_shape=False))
    text = get(both, "/try").body.decode()
    assert 'href="/try/early"' in text and 'href="/try/late"' in text
    assert 'href="/try/early"' in get(both, "/try/late").body.decode()


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node")
def test_the_script_is_javascript(tmp_path):
    """It compiles."""
    import subprocess
    from pathlib import Path

    import headrace.serving as room

    script = Path(room.__file__).with_name("try.js")
    subprocess.run(["node", "--check", str(script)], check=True)
