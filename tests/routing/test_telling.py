"""What a move of an endpoint was, in plain words."""

import pytest

from headrace.routing.telling import reason_of, words_of
from headrace.store import Move, Store
from headrace.testing.store_cases import Note


def keep(store, text, kind="model"):
    """Save a small artifact; its digest."""
    return store.save_artifact(Note(text, kind=kind))


@pytest.fixture
def store(tmp_path):
    """A store in a folder of its own."""
    with Store.open(tmp_path / "home") as opened:
        yield opened


def test_each_move(store):
    """Every action that the store writes has words of its own, which name the version that moved."""
    verdict = keep(store, "yes", kind="verdict")
    store.push("late", keep(store, "one"), verdict, expected_version=None)
    store.push("late", keep(store, "two"), verdict, expected_version=1)
    store.roll_back("late", 1, reason="worse")
    store.set_policy("late", {"policy": "thompson"}, reason="may the better one win")
    store.push("late", keep(store, "three"), verdict, expected_version=1)
    store.promote("late", 3, reason="earns more")
    store.withdraw_version("late", 1, reason="slow")
    store.admit_version("late", 1, reason="mended")
    store.withdraw_version("late", 3, champion=1, reason="failed")
    told = [(words_of(move), move.concerns, reason_of(move)) for move in store.moves("late")]
    assert told == [
        ("version 1 is the first", 1, ""),
        ("version 2 takes over from version 1", 2, ""),
        ("rolled back to version 1 from version 2", 1, "worse"),
        ("its traffic is divided anew, the champion is version 1", 1, "may the better one win"),
        ("version 3 enters beside version 1, the champion", 3, ""),
        ("version 3 becomes the champion in place of version 1", 3, "earns more"),
        ("version 1 is taken out, the champion is version 3", 1, "slow"),
        ("version 1 takes part again beside version 3, the champion", 1, "mended"),
        ("version 3 is taken out, the champion is version 1", 3, "failed"),
    ]


def test_a_move_of_a_later_headrace():
    """An action that is not known here is shown as it was recorded."""
    move = Move("late", 2, None, "freeze", "ann", "holiday", None, 0)
    assert words_of(move) == "freeze, the champion is version 2" and reason_of(move) == "holiday"
