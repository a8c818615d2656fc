"""Canonical execution: the one way headrace runs an ONNX graph, so that the same graph gives the same bytes.

One intra-op thread (ONNX Runtime splits trees and sums over threads, and partial sums round), sequential order, one
fixed optimisation level. Parallelism is over batches: many threads may call `run` of one session at the same time.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from headrace.errors import InvalidInput
from headrace.model.weights import external_content, weights_of

__all__ = ["cuts_texts", "ending", "give_memory_back", "open_session", "run_bounded"]

# A text that is cut into pieces becomes as many columns as the longest has, of 32 bytes a row and more.
_MOST_PIECES = 1 << 22

# ONNX Runtime from 1.29 on reports how it is used, over the network and from a thread of its own, unless this is set
# before it is first imported (https://github.com/microsoft/onnxruntime/pull/27379). Nobody here asked for that.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


_keeps_memory = True


def give_memory_back() -> None:
    """Have every session that is opened from now on in this process give back what a run took, once it is over.

    For servers: ONNX Runtime's own arena keeps for good what the largest request of each version took, and after one
    that asked for more than there are addresses it gives nothing any more. Without it a row takes as long (16.8 us of
    200 trees, 17.1 with it), 16,384 rows at once two percent longer, so that work on batches keeps the arena.
    """
    global _keeps_memory
    _keeps_memory = False


def open_session(onnx: bytes) -> Any:
    """Open a serialised model for canonical execution; an `onnxruntime.InferenceSession`, safe to share by threads.

    Parameters
    ----------
    onnx : bytes
        A serialised ModelProto, with the weights beside it where it is an `OnnxBytes`. Bytes from outside go through
        `headrace.model.checks.check_graph` first.

    Raises InvalidInput when ONNX Runtime refuses the graph.
    Cost: about 8 ms for a graph of 200 trees; starts no thread, so a fork after it is safe.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    # Basic: constant folding and the removal of nodes that do nothing. The levels above pick fusions and layouts by
    # the machine's instruction set.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.use_deterministic_compute = True
    held = _hand_over(onnx, options)
    options.enable_cpu_mem_arena = _keeps_memory
    options.log_severity_level = 4  # what goes wrong is raised; the log would repeat it on standard error
    try:
        session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own classes are made by its C++ module and share no public base
        raise InvalidInput(f"ONNX Runtime refuses this graph: {error}"[:600], where="model.onnx") from error
    session.held = held
    return session


def _hand_over(onnx: bytes, options: Any) -> list[Any]:
    """Give a session the weights beside its graph; what must live as long as the session does.

    Twice: as external initializers, so that the graph's check finds them, and as initializers, of which no copy is made
    (ONNX Runtime 1.32 copies the former).
    """
    weights = weights_of(onnx)
    if not weights:
        return []
    import onnxruntime
    from onnx import ModelProto, helper

    model = ModelProto()
    model.ParseFromString(onnx)
    names, values = [], []
    for tensor in model.graph.initializer:
        digest = external_content(tensor)
        if digest is not None and digest in weights:
            dtype = helper.tensor_dtype_to_np_dtype(tensor.data_type)
            array = np.ascontiguousarray(weights[digest]).reshape(-1).view(dtype).reshape(tuple(tensor.dims))
            names.append(tensor.name)
            values.append(onnxruntime.OrtValue.ortvalue_from_numpy(array))
    options.add_external_initializers(names, values)
    for name, value in zip(names, values, strict=True):
        options.add_initializer(name, value)
    return values


@contextmanager
def ending(session: Any, seconds: float, where: str) -> Iterator[Any]:
    """The session, its runs ended once so much time has gone by: a graph that loops for ever is refused.

    Raises InvalidInput out of the block where that happened. Cost: a thread that sleeps, gone when the block is left.
    """
    import onnxruntime

    options = onnxruntime.RunOptions()
    is_late = threading.Event()

    def end() -> None:
        is_late.set()
        options.terminate = True

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield SimpleNamespace(run=lambda names, feed, *_: session.run(names, feed, options))
    except Exception as error:
        if not is_late.is_set():
            raise
        raise InvalidInput(f"no answer within {seconds:g} s", where=where, fix="is there a loop in it?") from error
    finally:
        timer.cancel()
        timer.join()


def cuts_texts(onnx: bytes) -> bool:
    """Whether a graph cuts texts into pieces, so that one long text makes its whole batch large."""
    return b"StringSplit" in onnx


def run_bounded(
    session: Any, names: Sequence[str], lanes: Mapping[str, npt.NDArray[Any]], *, is_cutting: bool, options: Any = None
) -> list[npt.NDArray[Any]]:
    """The named outputs; where texts are cut, of as many rows at a time as 128 MiB of pieces may be.

    What is made of a row does not depend on the rows around it, so cuts cannot be seen. `options` are ONNX Runtime's
    RunOptions: another thread ends the run by setting `terminate`.
    """
    texts = lanes.get("text")
    if not is_cutting or texts is None or len(texts) < 2:
        return list(session.run(names, dict(lanes), options))
    longest = max(map(len, texts.flat))
    step = max(1, _MOST_PIECES // (longest + 1))
    if len(texts) <= step:
        return list(session.run(names, dict(lanes), options))
    pieces = [
        session.run(names, {name: lane[first : first + step] for name, lane in lanes.items()}, options)
        for first in range(0, len(texts), step)
    ]
    return [np.concatenate(found) for found in zip(*pieces, strict=True)]
