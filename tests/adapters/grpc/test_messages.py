"""Messages: what stands on the wire is what the protocol's numbers say."""

import pytest

pytest.importorskip("grpc")

from headrace.adapters.grpc.messages import HEALTH, message  # behind the check that grpcio is installed


def test_a_request_written_by_hand_is_read():
    """Field by field, by the numbers of the protocol; `make prove CASE=inference_protocol` compares all of them."""
    contents = b"\x2a\x0a\x32\x08" + b"\x00\x00\x80\x3f\x00\x00\x00\x40"  # 5: {6: two floats}
    tensor = b"\x0a\x01x\x12\x04FP32\x1a\x01\x02" + contents
    wire = b"\x0a\x04late\x12\x011\x1a\x017" + b"\x22\x07\x0a\x01a\x12\x02\x10\x05"  # names, id, {"a": 5}
    wire += b"\x2a" + bytes([len(tensor)]) + tensor + b"\x32\x0c\x0a\x0aprediction" + b"\x3a\x02ab"
    read = message("ModelInferRequest").FromString(wire)
    assert (read.model_name, read.model_version, read.id, read.parameters["a"].int64_param) == ("late", "1", "7", 5)
    one = read.inputs[0]
    assert (one.name, one.datatype, list(one.shape), list(one.contents.fp32_contents)) == ("x", "FP32", [2], [1.0, 2.0])
    assert [one.name for one in read.outputs] == ["prediction"] and list(read.raw_input_contents) == [b"ab"]
    assert read.SerializeToString(deterministic=True) == wire


def test_an_answer_is_written_by_the_numbers():
    """The fields of an answer and of a health check."""
    told = message("ModelInferResponse")(model_name="late", model_version="1", id="7")
    told.outputs.add(name="p", datatype="FP32", shape=[1]).contents.fp32_contents.append(1.0)
    told.raw_output_contents.append(b"ab")
    output = b"\x0a\x01p\x12\x04FP32\x1a\x01\x01\x2a\x06\x32\x04\x00\x00\x80\x3f"
    expected = b"\x0a\x04late\x12\x011\x1a\x017\x2a" + bytes([len(output)]) + output + b"\x32\x02ab"
    assert told.SerializeToString() == expected
    assert message("HealthCheckResponse", HEALTH)(status="SERVING").SerializeToString() == b"\x08\x01"
