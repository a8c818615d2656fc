"""Memory: what a graph takes when it is asked is bounded: that request is refused, and everything else goes on."""

import re
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

import headrace as hr
from headrace.model import Model
from headrace.serving._memory import is_out_of_memory, total_mb
from tests.serving.conftest import running, wait_until, workers_of

MANY = 300_000_000  # floats: 1.1 GiB


def greedy(model):
    """The same answers, by a graph that takes a gigabyte where one number of a request says so."""
    graph = onnx.load_from_string(model.onnx)
    place = model.codec.layout.integer.index("flight")
    graph.graph.initializer.append(helper.make_tensor("which", onnx.TensorProto.INT64, [], [place]))
    graph.graph.initializer.append(helper.make_tensor("flat", onnx.TensorProto.INT64, [1], [1]))
    graph.graph.initializer.append(helper.make_tensor("many", onnx.TensorProto.INT64, [1], [MANY]))
    node = next(one for one in graph.graph.node if "prediction" in one.output)
    node.output[list(node.output).index("prediction")] = "almost"
    graph.graph.node.extend(
        [
            helper.make_node("Gather", ["integer", "which"], ["flights"], axis=1),
            helper.make_node("ReduceMax", ["flights"], ["largest"], keepdims=0),
            helper.make_node("Reshape", ["largest", "flat"], ["found"]),
            helper.make_node("Equal", ["found", "many"], ["is_many"]),
            helper.make_node("Where", ["is_many", "many", "flat"], ["how_many"]),
            helper.make_node("ConstantOfShape", ["how_many"], ["much"]),
            helper.make_node("ReduceSum", ["much"], ["nothing"], keepdims=0),
            helper.make_node("Add", ["almost", "nothing"], ["prediction"]),
        ]
    )
    return Model(graph.SerializeToString(), model.signature, golden=model.golden)


def highest_mb(pid):
    """The most that a process has had in memory."""
    return int(re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())[1]) / 1024


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux refuses a process memory")
def test_a_graph_that_takes_gigabytes(pushed, home):
    """It is answered 503 with the reason and counted; its worker lives, and answers it and other endpoints."""
    bad = greedy(pushed.model)
    with hr.open_store(home) as store:
        live = store.endpoint("late")
        store.save_artifact(bad)
        store.push("greedy", bad.digest, live.verdict_digest, expected_version=None)
    rows = pushed.rows()[:3]
    much = {**rows[1], "flight": MANY}
    environment = {"HEADRACE_WORKER_MB": "600"}
    with running(home, environment=environment) as (client, process):
        before = workers_of(process.pid)

        def ask(name, some):
            return client.post(f"/v1/models/{name}:predict", json={"instances": some})

        for _ in range(3):
            answer = ask("greedy", [much])
            assert answer.status_code == 503, answer.text
            assert "endpoint greedy, version 1, takes more memory" in answer.json()["error"]
            for name in ("late", "greedy"):
                found = np.array(ask(name, rows).json()["predictions"], np.float32)
                assert found.tobytes() == pushed.expected[:3].tobytes()
        assert workers_of(process.pid) == before
        assert highest_mb(before[0]) < 900

        def counted():
            """The refused requests are in /metrics."""
            text = client.get("/metrics").text
            return 'headrace_requests_total{endpoint="greedy",version="1",arm="",status="503"} 3\n' in text

        wait_until(counted)


def test_what_is_out_of_memory():
    """Python's own, and what ONNX Runtime says of it; nothing else."""
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(RuntimeError("Non-zero status code ... Failed to allocate memory for requested buffer"))
    assert is_out_of_memory(RuntimeError("std::bad_alloc"))
    assert not is_out_of_memory(RuntimeError("Non-zero status code returned while running Gather node"))
    assert total_mb() is None or total_mb() > 100
