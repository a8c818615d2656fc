"""Running models: together, apart, and no longer than they may."""

import asyncio
import threading
import time

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from headrace.errors import DeadlineExceeded
from headrace.model.session import open_session
from headrace.serving.capacity import Capacity
from headrace.serving.core import Served
from headrace.serving.cost import Cost, measure
from headrace.serving.running import APART_NS, CallerGone, Runner

LOTS = Capacity(most_requests=1 << 30, most_bytes=1 << 50, most_wait_s=1e9)


class Model:
    """Adds one to its only column; what is negative it cannot bear."""

    def __init__(self):
        self.sizes = []
        self.threads = set()

    def predict_lanes(self, lanes, options=None):
        """Its rows, in order."""
        rows = lanes["number"][:, 0]
        self.sizes.append(len(rows))
        self.threads.add(threading.get_ident())
        if (rows < 0).any():
            raise RuntimeError("a negative row")
        return {"prediction": rows + 1}


COST = Cost(20_000, 1_000)


def served(model, cost=COST):
    """A version of it."""
    return Served("late", 1, "0" * 64, model, None, cost)


def lanes(*values):
    """A request of these rows."""
    return {"number": np.array([[value] for value in values], float)}


def asked(runner, one, requests, how="join"):
    """What each request of a list of rows gets: an array, or what was raised."""

    async def ask():
        def done(prediction, error):
            if error is not None:
                raise error
            return prediction

        futures = [
            getattr(runner, how)((one, lanes(*rows), len(rows), 0, done)) for rows in requests
        ]  # fmt: skip
        return await asyncio.gather(*[_of(future) for future in futures], return_exceptions=True)

    return ask()


async def _of(awaitable):
    return await awaitable


def with_runner(work, **options):
    """Run a coroutine function with a runner on a loop of its own."""

    async def main():
        options.setdefault("timeout_s", 30.0)
        runner = Runner(asyncio.get_running_loop(), capacity=LOTS, **options)
        return await work(runner)

    return asyncio.run(main())


def test_callers_get_their_own_rows():
    """Whatever is run together, each caller gets its rows, all of them, in its order."""
    random = np.random.default_rng(5)
    model = Model()
    requests = [random.uniform(0, 1000, random.integers(1, 9)).tolist() for _ in range(200)]
    found = with_runner(lambda runner: asked(runner, served(model), requests))
    assert len(model.sizes) < 60, "nothing was run together"
    for rows, answer in zip(requests, found, strict=True):
        assert answer.tolist() == [row + 1 for row in rows]


def test_a_bad_request_is_its_own_callers():
    """One request that the model raises at, among others, costs the others nothing."""
    requests = [[1.0], [2.0, 3.0], [-1.0], [4.0]]
    found = with_runner(lambda runner: asked(runner, served(Model()), requests))
    assert isinstance(found[2], RuntimeError)
    assert [found[place].tolist() for place in (0, 1, 3)] == [[2.0], [3.0, 4.0], [5.0]]


def test_versions_are_not_mixed():
    """Requests of two versions that wait together are run by their own."""

    async def work(runner):
        first, second = Model(), Model()

        def done(prediction, error):
            return prediction

        futures = [
            runner.join((served(model), lanes(float(place)), 1, 0, done))
            for place, model in enumerate([first, second, first, second])
        ]
        return [(await future).tolist() for future in futures], first.sizes, second.sizes

    found, first, second = with_runner(work)
    assert found == [[1.0], [2.0], [3.0], [4.0]]
    assert sum(first) == sum(second) == 2


def test_together_is_alone_to_the_byte(pushed):
    """With a real model: the bytes of a row run alone and of the same row run among others."""
    one = Served("late", 1, pushed.model.digest, pushed.model, None, Cost(20_000, 1_000))
    rows = pushed.rows()[:60]

    async def work(runner):
        def done(prediction, error):
            return prediction

        futures = []
        for place in range(0, 60, 3):
            asked_rows = pushed.model.codec.from_rows(pushed_rows(rows[place : place + 3]))
            futures.append(runner.join((one, asked_rows, 3, 0, done)))
        return np.concatenate([await future for future in futures])

    assert with_runner(work).tobytes() == pushed.expected[:60].tobytes()


def pushed_rows(rows):
    """Rows as Python has them, of those a client sends."""
    return [dict(row) for row in rows]


def test_long_runs_are_apart_and_cut_into_pieces():
    """A run that takes long is made on another thread; one of many rows in pieces, with the same result."""
    model = Model()
    slow = served(model, Cost(0, 100_000))  # 200 rows in a piece of 20 ms, and at least 256
    assert slow.cost.of(1000) > APART_NS
    rows = [float(value) for value in range(1000)]
    found = with_runner(lambda runner: asked(runner, slow, [rows], how="apart"))
    assert found[0].tolist() == [row + 1 for row in rows]
    assert model.threads != {threading.get_ident()} and max(model.sizes) == 256


def test_two_cores_share_a_run_of_many_rows():
    """Half of the rows run on another thread: the same answer, a bad row's error, and its time is over for both."""
    model = Model()
    slow = served(model, Cost(0, 100_000))
    rows = [float(value) for value in range(1001)]
    found = with_runner(lambda runner: asked(runner, slow, [rows, rows[:300]], how="apart"), num_cores=2)
    assert [one.tolist() for one in found] == [[row + 1 for row in rows], [row + 1 for row in rows[:300]]]
    assert len(model.threads) == 2 and sorted(model.sizes) == [150, 150, 244, 245, 256, 256]
    for place in (3, 900):
        bad = [*rows[:place], -1.0, *rows]
        found = with_runner(lambda runner, bad=bad: asked(runner, slow, [bad, rows], how="apart"), num_cores=2)
        assert isinstance(found[0], RuntimeError) and found[1].tolist() == [row + 1 for row in rows]
    few = Model()
    with_runner(lambda runner: asked(runner, served(few, Cost(0, 100_000)), [rows[:255]], how="apart"), num_cores=2)
    assert few.sizes == [255]


def test_nobody_waits_nothing_is_run():
    """A caller that is gone before its turn is not run."""
    model = Model()

    async def work(runner):
        def done(prediction, error):
            if error is not None:
                raise error
            return prediction

        block = threading.Event()
        runner._pool.submit(block.wait)
        apart = runner.apart((served(model), lanes(1.0), 1, 0, done))
        apart.drop()
        block.set()
        with pytest.raises(CallerGone):
            await apart

    with_runner(work)
    assert model.sizes == []


class Endless:
    """A graph that counts to 2^62."""

    def __init__(self):
        body = helper.make_graph(
            [
                helper.make_node("Add", ["state", "state"], ["next"]),
                helper.make_node("Identity", ["condition"], ["going"]),
            ],
            "body",
            [
                helper.make_tensor_value_info("turn", TensorProto.INT64, []),
                helper.make_tensor_value_info("condition", TensorProto.BOOL, []),
                helper.make_tensor_value_info("state", TensorProto.DOUBLE, None),
            ],
            [
                helper.make_tensor_value_info("going", TensorProto.BOOL, []),
                helper.make_tensor_value_info("next", TensorProto.DOUBLE, None),
            ],
        )
        most = helper.make_tensor("most", TensorProto.INT64, [], [1 << 62])
        true = helper.make_tensor("true", TensorProto.BOOL, [], [True])
        graph = helper.make_graph(
            [helper.make_node("Loop", ["most", "true", "number"], ["prediction"], body=body)],
            "endless",
            [helper.make_tensor_value_info("number", TensorProto.DOUBLE, [None, 1])],
            [helper.make_tensor_value_info("prediction", TensorProto.DOUBLE, [None, 1])],
            [most, true],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model)
        self._session = open_session(model.SerializeToString())

    def predict_lanes(self, lanes, options=None):
        """Never."""
        return {"prediction": self._session.run(["prediction"], lanes, options)[0]}


@pytest.mark.parametrize("where", ["here", "apart", "together"])
def test_a_run_that_passes_its_deadline_is_stopped(where):
    """An endless run ends at its deadline, wherever it is made, and what comes after it is run."""
    endless, good = served(Endless()), served(Model())

    async def work(runner):
        def done(prediction, error):
            if error is not None:
                raise error
            return prediction

        deadline = time.perf_counter_ns() + 100_000_000
        with pytest.raises(DeadlineExceeded):
            if where == "here":
                runner.run(endless, lanes(1.0), deadline)
            else:
                way = runner.apart if where == "apart" else runner.join
                await way((endless, lanes(1.0), 1, deadline, done))
        return runner.run(good, lanes(1.0))

    assert with_runner(work).tolist() == [2.0]


def test_the_setting_holds_where_a_caller_says_nothing():
    """Without a deadline of the caller's the server's own ends a run."""

    async def work(runner):
        with pytest.raises(DeadlineExceeded):
            runner.run(served(Endless()), lanes(1.0))

    with_runner(work, timeout_s=0.1)


def test_a_deadline_that_is_over_is_not_run():
    """A request whose time passed while it waited is not run."""
    model = Model()

    async def work(runner):
        with pytest.raises(DeadlineExceeded):
            runner.run(served(model), lanes(1.0), time.perf_counter_ns() - 1)

    with_runner(work)
    assert model.sizes == []


def test_cost_is_measured():
    """What is measured is of the model: 16 rows cost more than one where a row costs something."""

    def run(asked_lanes):
        time.sleep(0.002 + 0.001 * len(asked_lanes["number"]))

    cost = measure(run, lanes(1.0), turns=1)
    assert cost.row_ns > 0 and cost.base_ns > 0
