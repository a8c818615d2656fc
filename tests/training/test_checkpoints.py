"""Checkpoints: the newest one whole, or none."""

import subprocess
import sys

import pytest

from headrace import disk
from headrace.errors import StoreError
from headrace.testing.stepping import Stepping
from headrace.testing.trainer_cases import random_features
from headrace.training import Group, Journal
from headrace.training.checkpoints import Checkpoints


def test_the_newest_counts(tmp_path):
    """Empty states too; nothing was kept before the first."""
    kept = Checkpoints(tmp_path / "of" / "a fit")
    assert kept.resume() is None
    for state in (b"one", b"", b"three" * 10_000):
        kept.save(state)
        assert Checkpoints(tmp_path / "of" / "a fit").resume() == state
    assert [path.name for path in (tmp_path / "of" / "a fit").iterdir()] == ["newest"]


@pytest.mark.parametrize(
    "spoil", [lambda data: data[:-1], lambda data: data[:60] + b"x" + data[61:], lambda data: b"x"]
)
def test_a_damaged_one_is_none(tmp_path, capfd, spoil):
    """Cut short, changed, or something else: the fit begins anew, and says so."""
    kept = Checkpoints(tmp_path)
    kept.save(bytes(100))
    file = tmp_path / "newest"
    file.write_bytes(spoil(file.read_bytes()))
    assert kept.resume() is None
    assert "damaged: the fit begins anew" in capfd.readouterr().err


def test_a_full_disk_leaves_the_one_before(tmp_path, monkeypatch):
    """A write that fails is an error, and what was kept stays."""
    kept = Checkpoints(tmp_path)
    kept.save(b"before")

    def full(descriptor, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(disk, "_write", full)
    with pytest.raises(StoreError, match="No space left"):
        kept.save(b"after")
    assert kept.resume() == b"before"


def test_a_fit_that_goes_on_is_the_fit_that_was_never_cut_off(tmp_path):
    """Killed at any step by SIGKILL in a process of its own, the next attempt ends with the same weights."""
    train = random_features(200)
    whole = Stepping().fit(train, None, params={}, group=Group(), journal=Journal()).weights
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from headrace.testing.stepping import Stepping\n"
        "from headrace.testing.trainer_cases import random_features\n"
        "from headrace.training import Group\n"
        "from headrace.training.checkpoints import Checkpoints\n"
        "class Killed(Checkpoints):\n"
        "    def report(self, step, values):\n"
        "        if step == int(sys.argv[2]): os.kill(os.getpid(), signal.SIGKILL)\n"
        "        return True\n"
        "Stepping().fit(random_features(200), None, params={}, group=Group(), journal=Killed(Path(sys.argv[1])))\n"
    )
    for number, step in enumerate((7, 12)):
        done = subprocess.run([sys.executable, "-c", code, str(tmp_path), str(step)])
        assert done.returncode == -9
        assert int.from_bytes(Checkpoints(tmp_path).resume()[:8], "little") == step + 1, number
    steps = []

    class Last(Checkpoints):
        def report(self, step, values):
            steps.append(step)
            return True

    resumed = Stepping().fit(train, None, params={}, group=Group(), journal=Last(tmp_path)).weights
    assert steps[0] == 13
    assert resumed.tobytes() == whole.tobytes()
