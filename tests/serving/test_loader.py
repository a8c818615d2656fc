"""The loader: versions are made ready and freed away from requests."""

import gc
import os
import queue
import threading
import time
import weakref
from pathlib import Path

import pytest

from headrace.model import Model
from headrace.serving._loader import Loader
from headrace.serving.core import Serving
from headrace.serving.loading import load, warm
from tests.serving.conftest import wait_until


class Bench:
    """A loader over a store, and what it told."""

    def __init__(self, home, keep_s=0.0):
        self.told = queue.SimpleQueue()
        self.serving = Serving()
        self.loader = Loader(
            home,
            lambda name: [one for one in [self.serving.endpoints.get(name)] if one],
            self.told.put,
            keep_s=keep_s,
            with_shape=True,
        )

    def flip(self, model, version):
        """Prepare a version, flip to it, retire the one before; returns a weak reference to the new one."""
        self.loader.prepare("late", version, model.digest)
        assert self.told.get(timeout=30)["loaded"]["version"] == version
        served = self.loader.take("late", version)
        self.loader.retire(self.serving.flip(served))
        return weakref.ref(served)


@pytest.fixture
def two(pushed, home):
    """A home with two models in its store; returns (home, first, second)."""
    pushed.push(home, 2)
    return home, pushed.other(1), pushed.other(2)


def is_gone(reference):
    """Whether the object is freed; cycles are not waited for."""
    gc.collect()
    return reference() is None


def test_a_replaced_version_is_freed_with_its_last_request(two):
    """A request that still holds a version keeps it whole; once it is done the version is gone."""
    home, first, second = two
    bench = Bench(home)
    old = bench.flip(first, 1)
    request = bench.serving.get("late")
    bench.flip(second, 2)
    time.sleep(0.1)
    assert request.model.predict(request.model.golden).num_rows > 0
    del request
    wait_until(lambda: is_gone(old))
    assert bench.serving.get("late").version == 2


def test_a_kept_version_is_back_without_loading(two, monkeypatch):
    """While it is kept, going back loads nothing; a third version pushes it out."""
    home, first, second = two
    bench = Bench(home, keep_s=60.0)
    bench.flip(first, 1)
    old = bench.flip(second, 2)
    with monkeypatch.context() as patch:
        patch.setattr(Model, "load", lambda *_: pytest.fail("loaded again"))
        bench.flip(first, 1)
        bench.flip(second, 2)
        bench.flip(second, 5)  # the same model under a later version is not loaded either
    assert is_gone(old)


def test_a_kept_version_is_freed_in_time(two):
    """What is kept goes when its time is over, without anything else happening."""
    home, first, second = two
    bench = Bench(home, keep_s=0.3)
    old = bench.flip(first, 1)
    bench.flip(second, 2)
    assert not is_gone(old)
    wait_until(lambda: is_gone(old))


def test_a_forgotten_version_is_freed(two):
    """A version that was prepared and is not wanted any more does not stay."""
    home, first, _ = two
    bench = Bench(home, keep_s=60.0)
    bench.loader.prepare("late", 1, first.digest)
    bench.told.get(timeout=30)
    staged = weakref.ref(bench.loader._staged["late", 1])
    bench.loader.forget("late", 1)
    wait_until(lambda: is_gone(staged))
    assert bench.loader.take("late", 1) is None


def test_what_cannot_be_loaded_is_told(two):
    """A digest that is not there may be tried again, a damaged file not; clients are told no path."""
    home, _, second = two
    bench = Bench(home)
    bench.loader.prepare("late", 9, "0" * 64)
    told = bench.told.get(timeout=30)
    assert (told["refused"]["version"], told["is_final"]) == (9, False)
    file = home / "artifacts" / second.digest / "model.onnx"
    file.chmod(0o600)
    file.write_bytes(file.read_bytes()[:-1] + b"\x00")
    bench.loader.prepare("late", 2, second.digest)
    told = bench.told.get(timeout=30)
    assert told["is_final"]
    assert "damaged" in told["reason"]
    assert str(home) not in told["reason"]
    assert str(home) in told["details"]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads have priorities on Linux alone")
def test_it_works_at_the_lowest_priority(home):
    """Loading takes time from nobody: the loader's thread, and it alone, has the lowest priority."""
    Bench(home)
    loader = next(thread for thread in threading.enumerate() if thread.name == "loader" and thread.is_alive())
    wait_until(lambda: os.getpriority(os.PRIO_PROCESS, loader.native_id) == 19)
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) < 19


def test_warming_answers_as_requests_are_answered(pushed, home):
    """Rows of every kind, odd ones too, go through the codec a client's request takes."""
    served = load(home, "late", 1, pushed.model.digest, with_shape=False)
    assert served.shape is None
    plans = served.model.codec._rows._plans
    assert plans
    warm(served.model)
