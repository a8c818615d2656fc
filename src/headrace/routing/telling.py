"""Telling: what a move of an endpoint was, in plain words; for the command line and the pages."""

from __future__ import annotations

from headrace.store import Move

__all__ = ["reason_of", "words_of"]

_WORDS = {
    "push": "version {version} takes over from version {replaced}",
    "rollback": "rolled back to version {version} from version {replaced}",
    "promote": "version {version} becomes the champion in place of version {replaced}",
    "policy": "its traffic is divided anew, the champion is version {version}",
    "enter": "version {concerns} enters beside version {version}, the champion",
    "withdraw": "version {concerns} is taken out, the champion is version {version}",
    "keep": "which versions answer beside version {version}, the champion, is said anew",
    "label": "version {concerns} gets a label",
    "unlabel": "a label is taken away",
    "admit": "version {concerns} takes part again beside version {version}, the champion",
}


def words_of(move: Move) -> str:
    """What happened, naming each version that has to do with it.

    Parameters
    ----------
    move : Move
        One entry of an endpoint's log.

    Returns one clause without the endpoint's name; the action as it was recorded, where a later headrace wrote one
    that is not known here.

    >>> words_of(Move("late", 2, None, "enter", "ann", "version 3", None, 0))
    'version 3 enters beside version 2, the champion'
    >>> words_of(Move("late", 1, None, "push", "ann", "", None, 0))
    'version 1 is the first'
    """
    if move.action == "push" and move.replaced is None:
        return f"version {move.version} is the first"
    if move.action not in _WORDS:
        return f"{move.action}, the champion is version {move.version}"
    return _WORDS[move.action].format(version=move.version, replaced=move.replaced, concerns=move.concerns)


def reason_of(move: Move) -> str:
    """Why, as who did it said; "" where nobody did, and where the words of the move say it."""
    return "" if move.action == "enter" else move.reason
