"""What no client of good will sends, and what no gate lets pass: a typed refusal each time, and the server goes on."""

import contextlib
import gzip
import hashlib
import json
import os
import socket

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from onnx import helper

import headrace as hr
from headrace.errors import HeadraceError, InvalidInput
from headrace.model import Model
from tests.serving.conftest import running, wait_until, workers_of

PREDICT = "/v1/models/late:predict"


@pytest.fixture(scope="module")
def served(pushed):
    """A server with little patience: its client, and the process that must be the same at the end."""
    with running(pushed.home, environment={"HEADRACE_CLIENT_TIMEOUT_S": "2"}) as (client, process):
        before = workers_of(process.pid)
        yield client
        assert workers_of(process.pid) == before, "a worker died"


@pytest.fixture(autouse=True)
def goes_on(request, pushed):
    """Whatever was sent, the next request is answered, and rightly."""
    yield
    if "served" in request.fixturenames:
        client = request.getfixturevalue("served")
        answer = client.post(PREDICT, json={"instances": pushed.rows()[:1]})
        assert answer.status_code == 200
        assert np.float32(answer.json()["predictions"][0]) == pushed.expected[0]


def send(client, data):
    """Raw bytes; what comes back until the server, or a pause, ends it."""
    with socket.create_connection(("127.0.0.1", client.base_url.port), timeout=20) as link:
        with contextlib.suppress(OSError):
            link.sendall(data)
        found = b""
        try:
            while part := link.recv(65536):
                found += part
        except OSError:
            pass
        return found


def status_of(answer):
    """The status of a raw answer; 0 where there is none."""
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.") else 0


NAMES = (
    "..%2f..%2f..%2fetc%2fpasswd", "%2e%2e%2f%2e%2e", "..%252f..%252fetc", "..%5c..%5cwindows", "late%00", "%00",
    "late;v=1", "late%0d%0ax-evil:%201", "%c0%ae%c0%ae", "\uff0e\uff0e", "%ff%fe", "late%20", "LATE", "a" * 4000, ".",
    "..", "%", "%zz", "late?x=/../", "late#", "~root", "$HOME", "{}", "'or 1=1--", "<script>alert(1)</script>",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_names(served, name):
    """No name of a route reaches a file, another route, a header, or anybody's endpoint."""
    for path in (f"/v1/models/{name}", f"/v1/models/{name}/metadata", f"/v1/models/{name}:predict", f"/{name}",
                 f"/v1/models/late/labels/{name}:predict", f"/v1/models/late/versions/{name}", f"/v2/models/{name}",
                 f"/v1/models/late/../{name}"):  # fmt: skip
        for method in (b"GET", b"POST"):
            head = b" HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}"
            answer = send(served, method + b" " + path.encode() + head)
            if name in ("late?x=/../", "late#", ".", "..") and status_of(answer) in (200, 405):
                continue  # a query or fragment is cut off by HTTP itself
            assert status_of(answer) in (400, 404, 405), (path, answer[:200])
            assert b"x-evil" not in answer.partition(b"\r\n\r\n")[0].lower()
            assert b"root:" not in answer and b"<html" not in answer


DEEP = 100_000
BODIES = {
    "deep lists": b'{"instances": ' + b"[" * DEEP + b"]" * DEEP + b"}",
    "deep objects": b'{"instances": [' + b'{"delay":' * DEEP + b"1" + b"}" * DEEP + b"]}",
    "deep to the edge": b'{"instances": ' + b"[" * 1000 + b"]" * 1000 + b"}",
    "deep beside NaN": b'{"instances": [{"delay": NaN, "carrier": ' + b"[" * 900 + b"]" * 900 + b"}]}",
    "deep in columns": b'{"inputs": {"delay": ' + b"[" * 1000 + b"]" * 1000 + b"}}",
    "a number of ten thousand digits": b'{"instances": [{"delay": ' + b"9" * 10_000 + b"}]}",
    "an exponent beyond all": b'{"instances": [{"delay": 1e999999999}]}',
    "the same beside NaN": b'{"instances": [{"delay": 1e999999999, "hour": NaN}]}',
    "digits beside NaN": b'{"instances": [{"delay": NaN, "hour": ' + b"9" * 10_000 + b"}]}",
    "an integer beyond 64 bits": b'{"instances": [{"flight": 18446744073709551616}]}',
    "a minus alone": b'{"instances": [{"delay": -}]}',
    "a leading zero": b'{"instances": [{"delay": 01}]}',
    "hexadecimal": b'{"instances": [{"delay": 0x10}]}',
    "half a surrogate": b'{"instances": [{"carrier": "\\ud800"}]}',
    "a NUL first": b'{"instances": [{"carrier": "\\u0000null"}]}',
    "a raw NUL": b'{"instances": [{"carrier": "a\x00"}]}',
    "no UTF-8": b'{"instances": [{"carrier": "\xff\xfe"}]}',
    "UTF-16": '{"instances": [{}]}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"instances": [{"carrier": 5}]}',
    "rows without end": b'{"instances": [' + b"{}," * 5_000_000 + b"{}]}",
    "lists without end": b'{"instances": [' + b"[]," * 5_000_000 + b"[]]}",
    "columns without end": b'{"inputs": {"delay": [' + b"1," * 7_000_000 + b"1]}}",
    "names without end": b'{"instances": [{' + b",".join(b'"%d":1' % i for i in range(200_000)) + b"}]}",
    "a name of megabytes": b'{"instances": [{"' + b"a" * 4_000_000 + b'": 1}]}',
    "a text of brackets": b'{"instances": [{"nothing": "' + b"{" * 4_000_000 + b'"}]}',
    "prototype": b'{"__proto__": {"a": 1}, "instances": [{"__class__": 5}]}',
    "b64 without end": b'{"instances": [{"carrier": {"b64": "' + b"A" * 4_000_001 + b'"}}]}',
    "b64 in b64": b'{"instances": [{"carrier": {"b64": {"b64": "QUE="}}}]}',
    "Parquet": b"PAR1" + b"\x00" * 100 + b"PAR1",
    "a ZIP": b"PK\x03\x04" + b"\x00" * 100,
    "a pickle": b"cos\nsystem\n(S'true'\ntR.",
    "YAML": b"!!python/object/apply:os.system ['true']",
    "XML": b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
}


@pytest.mark.parametrize("name", list(BODIES))
def test_bodies(served, name):
    """Each is a client's mistake with a short message, by every route that reads JSON."""
    for path in (PREDICT, "/v1/models/late:classify", "/v1/models/late:reward", "/rewards", "/v2/models/late/infer"):
        answer = served.post(path, content=BODIES[name])
        assert answer.status_code in (400, 413), (path, answer.text[:200])
        assert len(answer.content) < 4096 and answer.json()["error"]
        assert "Traceback" not in answer.text and "/headrace/" not in answer.text
        if len(BODIES[name]) > 1_000_000 and path == PREDICT:
            break  # the others read by the same functions


def test_a_key_twice(served, pushed):
    """Of a key that is there twice the last counts, at the top and in a row: what is checked is what is answered."""
    row = json.dumps(pushed.rows()[0])
    twice = f'{{"instances": [{{"nothing": 1}}], "instances": [{{"delay": "x", {row[1:]}]}}'
    answer = served.post(PREDICT, content=twice)
    assert answer.status_code == 200, answer.text
    assert np.float32(answer.json()["predictions"][0]) == pushed.expected[0]


def test_compressed_bombs(served):
    """Ten gigabytes of nothing in ten kilobytes, and in those of those: no more is inflated than may be sent."""
    once = gzip.compress(b"0" * (64 << 20), 9)
    for data in (once, gzip.compress(once * 100, 9), b"\x1f\x8b" + b"\x00" * 100, once[:-8]):
        for coding in ("gzip", "deflate", "gzip, gzip", "br", "x-unknown"):
            answer = served.post(PREDICT, content=data, headers={"content-encoding": coding})
            assert answer.status_code in (400, 413, 415), answer.text


HEAD = b"POST /v1/models/late:predict HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n"
SMUGGLED = (
    b"content-length: 4\r\ncontent-length: 40\r\n\r\n{}{}",
    b"content-length: -1\r\n\r\n",
    b"content-length: 99999999999999999999999\r\n\r\n",
    b"content-length: 0x10\r\n\r\n",
    b"content-length: 4, 4\r\n\r\n{}{}",
    b"transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    b"transfer-encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n{",
    b"transfer-encoding: chunked\r\n\r\n-1\r\n{",
    b"transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n",
    b"x y: 1\r\n\r\n",
    b"x\x00y: 1\r\n\r\n",
    b" x: 1\r\n\r\n",
    b"\r\n",
)


@pytest.mark.parametrize("rest", SMUGGLED, ids=range(len(SMUGGLED)))
def test_heads(served, rest):
    """Lengths that contradict each other, chunks beyond all, headers that are none: nobody is answered with 200."""
    assert status_of(send(served, HEAD + rest)) in (0, 400, 408, 413)


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "evil.example:8600@127.0.0.1", "",
     "127.0.0.1, evil.example", "[::ffff:127.0.0.1]", "2130706433", "0", "localhost."],
)  # fmt: skip
def test_other_names(served, host):
    """A page whose name was bound to loopback has its own name in Host, whatever it is: it is answered nothing."""
    for path in ("/", "/health/live", PREDICT):
        answer = send(served, f"GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n".encode())
        assert status_of(answer) in (400, 421), answer[:200]
    answer = send(served, b"GET http://evil.example/v1/models HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")
    assert status_of(answer) in (400, 421)


def test_callers_that_leave(served):
    """A hundred that hang up in the middle leave nothing behind."""
    for number in range(100):
        with socket.create_connection(("127.0.0.1", served.base_url.port)) as link:
            link.sendall(HEAD + b"content-length: 1000\r\n\r\n" + b"{" * (number * 10))
            if number % 2:
                link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


def changed(model, change):
    """The same model with another graph, as nobody's trainer makes it."""
    graph = onnx.load_from_string(model.onnx)
    change(graph)
    return Model(graph.SerializeToString(), model.signature, golden=model.golden)


def reaches(graph):
    """Weights in a file of this machine."""
    tensor = helper.make_tensor("w", onnx.TensorProto.FLOAT, [1], [0.0])
    tensor.ClearField("float_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../../../etc/passwd"
    graph.graph.initializer.append(tensor)


def foreign(graph):
    """An operator of somebody's library."""
    graph.opset_import.append(helper.make_opsetid("evil.domain", 1))
    graph.graph.node.append(helper.make_node("Run", [graph.graph.input[0].name], ["evil"], domain="evil.domain"))


def bomb(graph):
    """Four terabytes out of nothing."""
    graph.graph.initializer.append(helper.make_tensor("shape", onnx.TensorProto.INT64, [1], [10**12]))
    graph.graph.node.append(helper.make_node("ConstantOfShape", ["shape"], ["much"]))
    graph.graph.node.append(helper.make_node("ReduceSum", ["much"], ["sum"], keepdims=0))
    node = next(one for one in graph.graph.node if "prediction" in one.output)
    node.output[list(node.output).index("prediction")] = "almost"
    graph.graph.node.append(helper.make_node("Add", ["almost", "sum"], ["prediction"]))


GRAPHS = {
    "weights in another file": (reaches, "another file"),
    "an operator of a library": (foreign, "not allowed"),
    "more than there is memory": (bomb, "Runtime|golden|fail|memory"),
}


def test_graphs(pushed, home, monkeypatch):
    """Pushed past every gate: each is refused with a reason, what served goes on, and so does the worker."""
    environment = {"HEADRACE_POLL_S": "0.05", "HEADRACE_KEEP_PREVIOUS_S": "0"}
    with running(home, environment=environment) as (client, process):
        before = workers_of(process.pid)
        for version, (change, _) in enumerate(GRAPHS.values(), 2):
            bad = changed(pushed.model, change)
            with monkeypatch.context() as patch, hr.open_store(home) as store:
                patch.setattr(Model, "replay", lambda *_, **__: None)
                store.save_artifact(bad)
                live = store.endpoint("late")
                store.push("late", bad.digest, live.verdict_digest, expected_version=live.version)

            def refused(version=version):
                told = client.get("/v1/models/late").json()["model_version_status"]
                return {int(one["version"]): one for one in told}.get(version, {}).get("state") == "END"

            wait_until(refused, 60)
            answer = client.post(PREDICT, json={"instances": pushed.rows()[:1]})
            assert answer.headers["headrace-version"] == "1"
            assert np.float32(answer.json()["predictions"][0]) == pushed.expected[0]
        assert workers_of(process.pid) == before


@pytest.mark.parametrize("name", [name for name in GRAPHS if name != "more than there is memory"])
def test_graphs_are_named(pushed, monkeypatch, tmp_path, name):
    """Loading says what is wrong, before ONNX Runtime has seen it; links in place of files change nothing of that."""
    change, said = GRAPHS[name]
    with monkeypatch.context() as patch:
        patch.setattr(Model, "replay", lambda *_, **__: None)
        changed(pushed.model, change).save(tmp_path / "model")
    with pytest.raises(HeadraceError, match=said):
        Model.load(tmp_path / "model")
    linked = tmp_path / "linked"
    linked.mkdir()
    for file in (tmp_path / "model").iterdir():
        os.link(file, linked / file.name)
    with pytest.raises(HeadraceError, match=said):
        Model.load(linked)


def test_links_out_of_a_model(pushed, tmp_path):
    """A file of a model that is a link to another: its sha256 is not the model's, whichever kind of link it is."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"s3cret")
    for link in (os.link, os.symlink):
        folder = tmp_path / link.__name__
        pushed.model.save(folder)
        (folder / "model.onnx").unlink()
        link(secret, folder / "model.onnx")
        with pytest.raises(HeadraceError, match="damaged") as caught:
            Model.load(folder)
        assert "s3cret" not in str(caught.value)


def test_rows_out_of_nothing(pushed, tmp_path):
    """Golden rows of a few kilobytes that are millions once they are read are refused by their footer."""
    many = pushed.model.golden.take(pa.array(np.zeros(1_000_000, np.int64))).combine_chunks()
    bad = Model(pushed.model.onnx, pushed.model.signature, golden=pushed.model.golden)
    files = bad.files()
    pq.write_table(many, tmp_path / "golden.parquet", compression="zstd")
    files["golden.parquet"] = (tmp_path / "golden.parquet").read_bytes()
    assert len(files["golden.parquet"]) < 1_000_000
    record = json.loads(files["signature.json"])
    record["files"]["golden.parquet"] = hashlib.sha256(files["golden.parquet"]).hexdigest()
    del record["sha256"]
    files["signature.json"] = json.dumps(record).encode()
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    with pytest.raises(InvalidInput, match="1,000,000 golden rows"):
        Model.load(tmp_path)


def endless(graph):
    """A loop that ends in 292 years."""
    turn = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Identity", ["value"], ["next"])],
        "turn",
        [
            helper.make_tensor_value_info("turn", onnx.TensorProto.INT64, []),
            helper.make_tensor_value_info("go", onnx.TensorProto.BOOL, []),
            helper.make_tensor_value_info("value", onnx.TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("on", onnx.TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", onnx.TensorProto.FLOAT, None),
        ],
    )
    graph.graph.initializer.append(helper.make_tensor("turns", onnx.TensorProto.INT64, [], [1 << 62]))
    graph.graph.initializer.append(helper.make_tensor("yes", onnx.TensorProto.BOOL, [], [True]))
    node = next(one for one in graph.graph.node if "prediction" in one.output)
    node.output[list(node.output).index("prediction")] = "almost"
    graph.graph.node.append(helper.make_node("Loop", ["turns", "yes", "almost"], ["prediction"], body=turn))


def test_a_loop_without_end_is_ended(pushed, monkeypatch):
    """A graph that never answers is refused when its time is over, and the thread that loads it is free again."""
    bad = changed(pushed.model, endless)
    monkeypatch.setattr("headrace.model._model._REPLAY_S", 0.5)
    with pytest.raises(InvalidInput, match=r"no answer within 0\.5 s"):
        bad.replay()
    monkeypatch.setattr("headrace.model._model._REPLAY_S", 120.0)
    pushed.model.replay()
