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

MANY, SOME = 300_000_000, 60_000_000  # floats: 1.1 GiB, 230 MiB


def greedy(model):
    """The same answers, by a graph that takes as much as one number of a request says, where that is one of ours."""
    graph = onnx.load_from_string(model.onnx)
    place = model.codec.layout.integer.index("flight")
    graph.graph.initializer.append(helper.make_tensor("which", onnx.TensorProto.INT64, [], [place]))
    graph.graph.initializer.append(helper.make_tensor("flat", onnx.TensorProto.INT64, [1], [1]))
    graph.graph.initializer.append(helper.make_tensor("known", onnx.TensorProto.INT64, [3], [MANY, SOME, 1 << 62]))
    node = next(one for one in graph.graph.node if "prediction" in one.output)
    node.output[list(node.output).index("prediction")] = "almost"
    graph.graph.node.extend(
        [
            helper.make_node("Gather", ["integer", "which"], ["flights"], axis=1),
            helper.make_node("ReduceMax", ["flights"], ["largest"], keepdims=0),
            helper.make_node("Reshape", ["largest", "flat"], ["found"]),
            helper.make_node("Equal", ["found", "known"], ["is_known"]),
            helper.make_node("Cast", ["is_known"], ["how_often"], to=onnx.TensorProto.INT64),
            helper.make_node("ReduceMax", ["how_often"], ["is_one"], keepdims=0),
            helper.make_node("Mul", ["found", "is_one"], ["how_many"]),
            helper.make_node("ConstantOfShape", ["how_many"], ["much"]),
            helper.make_node("ReduceSum", ["much"], ["nothing"], keepdims=0),
            helper.make_node("Add", ["almost", "nothing"], ["prediction"]),
        ]
    )
    return Model(graph.SerializeToString(), model.signature, golden=model.golden)


def memory_mb(pid, what):
    """What a process has in memory (VmRSS), or the most that it has had (VmHWM)."""
    return int(re.search(rf"{what}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())[1]) / 1024


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux refuses a process memory")
def test_a_graph_that_takes_gigabytes(pushed, home):
    """It is answered 503 with the reason and counted; its worker lives, and answers it and other endpoints."""
    bad = greedy(pushed.model)
    with hr.open_store(home) as store:
        live = store.endpoint("late")
        store.save_artifact(bad)
        store.push("greedy", bad.digest, live.verdict_digest, expected_version=None)
    rows = pushed.rows()[:3]
    much, some, endless = ({**rows[1], "flight": number} for number in (MANY, SOME, 1 << 62))
    environment = {"HEADRACE_WORKER_MB": "600"}
    with running(home, environment=environment) as (client, process):
        before = workers_of(process.pid)

        def ask(name, some):
            return client.post(f"/v1/models/{name}:predict", json={"instances": some})

        for row in (much, endless, much):
            answer = ask("greedy", [row])
            assert answer.status_code == 503, answer.text
            assert "endpoint greedy, version 1, takes more memory" in answer.json()["error"]
            for name in ("late", "greedy"):
                found = np.array(ask(name, rows).json()["predictions"], np.float32)
                assert found.tobytes() == pushed.expected[:3].tobytes()
        assert workers_of(process.pid) == before
        assert ask("greedy", [some]).status_code == 200, "what there is room for is answered, also after those"
        assert 230 < memory_mb(before[0], "VmHWM") < 900
        assert memory_mb(before[0], "VmRSS") < memory_mb(before[0], "VmHWM") - 200, "and is given back"

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
