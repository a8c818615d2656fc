"""Divided traffic: requests that are there together are run together, each by the version that was chosen for it."""

import asyncio

import numpy as np
import pytest

from headrace.errors import InvalidRequest
from headrace.routing import Allocation
from headrace.serving.answering import ask
from headrace.serving.capacity import Capacity
from headrace.serving.core import Served, Serving
from headrace.serving.cost import Cost
from headrace.serving.exchange import Asking
from headrace.serving.route import Route
from headrace.serving.running import APART_NS, Runner

COST = Cost(20_000, 1_000)


class Model:
    """Adds a number of its own to its only column; with `fails`, raises for every row."""

    columns = ()

    def __init__(self, adds, *, fails=False):
        self.adds, self.fails, self.sizes = adds, fails, []
        self.signature = type("Signature", (), {"task": "regression"})

    def predict_lanes(self, lanes, options=None):
        """Its rows, in order."""
        rows = lanes["number"][:, 0]
        self.sizes.append(len(rows))
        if self.fails:
            raise RuntimeError("a version that fails")
        return {"prediction": rows + self.adds}


class Journal:
    """What was written down."""

    def __init__(self):
        self.entries = []

    def take(self, entry):
        """One."""
        self.entries.append(entry)


def divided(first, second, shares, cost=COST, **told):
    """A server whose endpoint `late` is divided between two models; its route, and its gauges."""
    serving, gauges = Serving(Journal()), {}
    versions = {1: Served("late", 1, "1" * 64, first, None, cost), 2: Served("late", 2, "2" * 64, second, None, cost)}
    serving.flip(versions[1])
    plain = {
        "endpoint": "late", "table_id": "t1", "champion": 1, "shadows": [], "unit_column": "", "segment_column": "",
        "segments": [], "output_low": None, "output_high": None,
        "allocations": {"all": Allocation.of(shares, salt="s").to_plain()}, **told,
    }  # fmt: skip
    serving.routes["late"] = Route(plain, versions, gauges)
    serving.num_others = lambda: 5
    return serving, gauges


def answers(serving, values, *, alone=False):
    """What each of these rows gets, asked at the same time: a reply, or what was raised."""

    async def main():
        capacity = Capacity(most_requests=1 << 30, most_bytes=1 << 50, most_wait_s=1e9)
        serving.runner = Runner(asyncio.get_running_loop(), timeout_s=30.0, capacity=capacity)

        def asking(value):
            def read(_served):
                if value is None:
                    raise InvalidRequest("no row of it")
                return {"number": np.array([[value]], float)}

            return Asking("late", read, 1)

        async def one(value):
            found = ask(serving, asking(value), lambda reply: reply)
            return await found if hasattr(found, "__await__") else found

        if alone:
            return [await one(value) for value in values]
        waiting = [ask(serving, asking(value), lambda reply: reply) for value in values]
        found = []
        for each in waiting:
            try:
                found.append(await each if hasattr(each, "__await__") else each)
            except Exception as error:
                found.append(error)
        return found

    return asyncio.run(main())


def test_by_version_and_together():
    """Each gets its own row of the version that its headers name; there are far fewer runs than requests."""
    first, second = Model(1.0), Model(1000.0)
    serving, gauges = divided(first, second, {1: 0.5, 2: 0.5})
    values = [float(value) for value in range(200)]
    for value, reply in zip(values, answers(serving, values), strict=True):
        headers = dict(reply.headers)
        assert headers["headrace-version"] == str(reply.served.version)
        assert reply.prediction.tolist() == [value + {1: 1.0, 2: 1000.0}[reply.served.version]]
        assert headers["headrace-table"] == "t1" and float(headers["headrace-propensity"]) == 0.5
    assert sum(first.sizes) + sum(second.sizes) == 200
    assert len(first.sizes) + len(second.sizes) <= 20, "nothing was run together"
    counted = {version: gauge.read() for version, gauge in gauges.items()}
    assert sum(one[0] for one in counted.values()) == sum(sum(one[4]) for one in counted.values()) == 200
    logged = serving.journal.entries
    assert len({entry[1] for entry in logged}) == 200 and {entry[4] for entry in logged} == {200}


@pytest.mark.parametrize("cost", [COST, Cost(APART_NS * 2, 0)], ids=["together", "apart"])
def test_a_version_that_fails(cost):
    """The champion answers those that it fails for, each its own row; the failure is counted and logged as its own."""
    first, second = Model(1.0), Model(0.0, fails=True)
    serving, gauges = divided(first, second, {1: 0.5, 2: 0.5}, cost)
    values = [float(value) for value in range(40)]
    for value, reply in zip(values, answers(serving, values), strict=True):
        assert reply.prediction.tolist() == [value + 1.0] and reply.served.version == 1
    told = gauges[2].read()
    assert told[0] == told[1] > 5 and sum(told[4]) == 0
    failed = [entry for entry in serving.journal.entries if entry[4] == 500]
    assert len(failed) == told[0] and all(entry[7][0] == "t1/all" for entry in failed)
    again = {entry[1] for entry in serving.journal.entries if entry[4] == 200 and entry[7] is None}
    assert again == {entry[1] for entry in failed}, "the champion's answer is no choice of the table"


def test_what_cannot_be_read_is_its_callers():
    """One that is no row among others is refused; the others are answered."""
    serving, _ = divided(Model(1.0), Model(2.0), {1: 1.0, 2: 0.0})
    found = answers(serving, [1.0, None, 3.0])
    assert str(found[1].problem) == "no row of it" and found[1].prediction is None
    assert [found[place].prediction.tolist() for place in (0, 2)] == [[2.0], [4.0]]
    assert sorted(entry[4] for entry in serving.journal.entries) == [200, 200, 400]


def test_a_champion_that_fails_is_our_fault():
    """There is nobody to answer instead."""
    serving, _ = divided(Model(0.0, fails=True), Model(2.0), {1: 1.0, 2: 0.0})
    assert all(isinstance(one, RuntimeError) for one in answers(serving, [1.0, 2.0]))
