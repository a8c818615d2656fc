"""Several ranks: replicas to the byte, pieces within a tolerance; a fit that was cut off goes on to the same bytes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from headrace.adapters.torch.tensors import from_bytes
from headrace.adapters.torch.trainer import Torch
from headrace.errors import InvalidInput, Misuse
from headrace.testing.trainer_cases import random_features
from headrace.training import Group, Journal
from headrace.training._ranks import fit_on_ranks
from headrace.training.history import History
from headrace.training.journals import Journals

pytestmark = [pytest.mark.torch, pytest.mark.slow]

NETWORKS = "tests.adapters.torch.networks"
SMALL = Torch(f"{NETWORKS}:Small", epochs=3, learning_rate=0.05, batch_rows=100, fill=0.0)
RICH = Torch(f"{NETWORKS}:Rich", epochs=2, learning_rate=0.05, batch_rows=100, fill=0.0)


def fit(trainer, *, workers=1, journal=None, validation=True, num_rows=1003):
    """The predictor of some random rows, which are the same each time."""
    train, judged = random_features(num_rows), random_features(200, seed=9) if validation else None
    journal = journal or Journal()
    if workers == 1:
        return trainer.fit(train, judged, params={}, group=Group(), journal=journal)
    return fit_on_ranks(trainer, train, judged, workers, journal)


class FileJournal(Journal):
    """Checkpoints in a file; as many as `num_saves`, then this process is killed."""

    def __init__(self, file, num_saves=None):
        self.file, self.num_saves, self.saved = Path(file), num_saves, 0

    def save(self, state):
        """Keep it."""
        draft = self.file.with_suffix(".draft")
        draft.write_bytes(state)
        draft.rename(self.file)
        self.saved += 1
        if self.saved == self.num_saves:
            os.kill(os.getpid(), signal.SIGKILL)

    def resume(self):
        """What was kept last."""
        return self.file.read_bytes() if self.file.is_file() else None


@pytest.mark.parametrize("trainer", [SMALL, RICH], ids=["small", "rich"])
def test_replicas_fit_the_bytes_of_one_process(trainer):
    """DDP on 2 and 4 ranks: weights, running means and loss curve of one process, to the byte; dropout and all."""
    alone = History()
    expected = fit(trainer, journal=alone)
    for workers in (2, 4):
        history = History()
        assert fit(trainer, workers=workers, journal=history).native == expected.native
        assert history.rounds == alone.rounds


@pytest.mark.parametrize("plan", ["fsdp", {"inner": "colwise", "outer": "rowwise"}], ids=["fsdp", "tensor"])
def test_pieces_fit_what_one_process_fits(plan):
    """FSDP2 and tensor parallel on 2 ranks: losses within 1e-6 of one process's, weights within 1e-5."""
    alone, history = History(), History()
    expected = from_bytes(fit(SMALL, journal=alone).native)[0]
    found = from_bytes(fit(SMALL.replace({"parallel": plan}), workers=2, journal=history).native)[0]
    for (_, before), (_, now) in zip(alone.rounds, history.rounds, strict=True):
        assert all(abs(before[name] - now[name]) <= 1e-6 for name in ("train", "validation"))
    for name, weight in expected.items():
        assert np.abs(found[name] - weight).max() <= 1e-5


_CUT_OFF = """
import json, sys
from tests.adapters.torch.test_ranks import FileJournal, RICH, SMALL, fit
if __name__ == "__main__":
    task = json.loads(sys.argv[1])
    trainer = {"small": SMALL, "rich": RICH}[task["trainer"]].replace({"checkpoint_s": 0.0, **task["changes"]})
    fit(trainer, workers=task["workers"], journal=FileJournal(task["file"], task["saves"]))
"""


def cut_off(file, *, trainer="rich", saves, workers=1, changes=None):
    """A fit in another process that kills itself after so many checkpoints."""
    task = {"file": str(file), "saves": saves, "trainer": trainer, "workers": workers, "changes": changes or {}}
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[3]), *sys.path])}
    command = [sys.executable, "-c", _CUT_OFF, json.dumps(task)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]


@pytest.mark.parametrize("saves", [3, 15])
def test_kill_and_resume_is_as_if_nothing_had_happened(tmp_path, saves):
    """kill -9 in the middle of the first epoch, and of the second: the model has the same bytes."""
    file = tmp_path / "checkpoint"
    cut_off(file, saves=saves)
    assert from_bytes(file.read_bytes())[1]["position"] > 0
    alone, history = History(), History()
    resumed = fit(RICH, journal=Journals(history, FileJournal(file)))
    assert resumed.native == fit(RICH, journal=alone).native
    assert history.rounds == alone.rounds


def test_a_fit_goes_on_with_another_number_of_ranks(tmp_path):
    """Begun by two ranks and killed with them, ended by one: the same bytes."""
    file = tmp_path / "checkpoint"
    cut_off(file, saves=12, workers=2)
    assert fit(RICH, journal=FileJournal(file)).native == fit(RICH).native


def test_a_spread_module_is_kept_whole(tmp_path):
    """A checkpoint of FSDP2 goes on, and ends within the tolerance of one process."""
    file = tmp_path / "checkpoint"
    cut_off(file, trainer="small", saves=12, workers=2, changes={"parallel": "fsdp"})
    found = fit(SMALL.replace({"parallel": "fsdp"}), workers=2, journal=FileJournal(file))
    expected = from_bytes(fit(SMALL).native)[0]
    for name, weight in from_bytes(found.native)[0].items():
        assert np.abs(expected[name] - weight).max() <= 1e-5


def test_a_checkpoint_of_another_fit_is_refused(tmp_path):
    """Another trainer's, other rows', and what is no checkpoint at all."""
    file = tmp_path / "checkpoint"
    fit(SMALL.replace({"checkpoint_s": 0.0}), journal=FileJournal(file))
    with pytest.raises(InvalidInput, match="another trainer, or of other rows"):
        fit(SMALL.replace({"learning_rate": 0.1}), journal=FileJournal(file))
    with pytest.raises(InvalidInput, match="another trainer, or of other rows"):
        fit(SMALL, journal=FileJournal(file), num_rows=1004)
    file.write_bytes(b"junk")
    with pytest.raises(InvalidInput, match="checkpoint"):
        fit(SMALL, journal=FileJournal(file))


def test_workers_that_cannot_share_a_batch_are_refused():
    """Three workers for four shards, and more workers than rows: told, on one rank's behalf."""
    with pytest.raises(Misuse, match="3 workers cannot share 4 shards"):
        fit(SMALL, workers=3)


def test_a_rank_that_is_killed_in_a_batch_ends_all(tmp_path):
    """kill -9 of a rank while the other waits for it in an exchange: one error, soon, and no process left."""
    code = """
import os, signal, threading, time, subprocess
from tests.adapters.torch.test_ranks import SMALL, fit
from headrace.training import Journal
from headrace.errors import StepFailed
class Killer(Journal):
    def report(self, step, values):
        children = subprocess.run(["ps", "-ww", "-o", "pid=,args=", "--ppid", str(os.getpid())], stdout=subprocess.PIPE)
        ranks = [int(line.split()[0]) for line in children.stdout.decode().splitlines() if "_rank" in line]
        print(*ranks, flush=True)
        os.kill(ranks[1], signal.SIGKILL)
        return True
if __name__ == "__main__":
    try:
        fit(SMALL.replace({"epochs": 100000}), workers=2, journal=Killer())
    except StepFailed as error:
        print(error)
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[3]), *sys.path])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=300)
    assert "rank 1 of 2 was killed by SIGKILL" in done.stdout, done.stderr[-2000:]
    for pid in map(int, done.stdout.splitlines()[0].split()):
        until = time.monotonic() + 10
        while Path(f"/proc/{pid}").exists() and time.monotonic() < until:
            time.sleep(0.05)
        assert not Path(f"/proc/{pid}").exists()


def test_a_module_that_raises_on_a_rank_is_told_once():
    """The error is the module's, not the other rank's broken connection."""
    with pytest.raises(InvalidInput, match=r"the module raised RuntimeError: out of luck"):
        fit(Torch(f"{NETWORKS}:Raising", epochs=1, fill=0.0), workers=2)
