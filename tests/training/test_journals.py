"""Journals together: who is told, who can stop, whose checkpoint counts, and what ends a fit."""

import pytest

from headrace.errors import InvalidInput
from headrace.testing.stepping import Stepping
from headrace.testing.trainer_cases import TrainerCases, random_features
from headrace.training import Group, Journal
from headrace.training.checkpoints import Checkpoints
from headrace.training.history import History
from headrace.training.journals import Journals


class TestSteppingKeepsTheContract(TrainerCases):
    """The trainer that tests kill and resume is a trainer like others."""

    trainer = Stepping()
    tasks = ("binary",)
    diverging = (("learning_rate", 1e6), ("num_steps", 50))


class Stopping(Journal):
    """Says no from the start."""

    def report(self, step, values):
        """Never again."""
        return False


def test_all_are_told_and_one_can_stop():
    """A False keeps the report from nobody."""
    before, after = History(), History()
    assert Journals(before, after).report(0, {"train": 1.0})
    assert not Journals(before, Stopping(), after).report(1, {"train": 0.5})
    assert before.rounds == after.rounds == [(0, {"train": 1.0}), (1, {"train": 0.5})]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 1e39])
def test_a_value_that_is_no_number_ends_the_fit(value):
    """The error names it, the step and what to do; the journals have it."""
    history = History()
    with pytest.raises(InvalidInput, match=r"'loss' is .* after step 3: the fit diverges.*learning rate"):
        Journals(history).report(3, {"train": 1.0, "loss": value})
    assert len(history.rounds) == 1


def test_a_trainer_that_diverges_is_stopped():
    """Steps far too large give one error, not a model."""
    with pytest.raises(InvalidInput, match="diverges"):
        trainer = Stepping(learning_rate=1e6, num_steps=50)
        trainer.fit(random_features(50), None, params={}, group=Group(), journal=Journals(Journal()))


def test_the_first_checkpoint_counts(tmp_path):
    """Saved to all, taken from the first that has one; none where there is none."""
    first, second = Checkpoints(tmp_path / "a"), Checkpoints(tmp_path / "b")
    both = Journals(Journal(), first, second)
    assert both.resume() is None
    second.save(b"old")
    assert both.resume() == b"old"
    both.save(b"new")
    assert first.resume() == second.resume() == both.resume() == b"new"
