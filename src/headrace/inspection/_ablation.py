"""Ablation: what a model loses that is fitted again without some of its features.

Importance asks the model as it is, with values that it would never see together; where columns stand in for each other
each looks idle. Fitting again asks what such a model would be: the others take over what they can.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from headrace.dataset import Dataset
from headrace.errors import InvalidInput, Misuse, UnknownName
from headrace.model import Model
from headrace.progress import track
from headrace.training import train

__all__ = ["Groups", "groups_of", "refit"]

Groups = bool | Sequence[str | Sequence[str]]


def groups_of(asked: Groups, names: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """The groups of features to be left out, one after the other; with True each feature by itself.

    Raises UnknownName for a feature the graph lacks, InvalidInput for a group that is empty or leaves none.
    """
    written = [(name,) for name in names] if asked is True else list(asked or ())
    if isinstance(asked, str):
        raise InvalidInput(f"ablate = {asked!r}", where="inspect", expected="True, or a list of features and of lists")
    groups = []
    for one in written:
        group = (one,) if isinstance(one, str) else tuple(dict.fromkeys(one))
        for name in group:
            if name not in names:
                raise UnknownName("feature", name, list(names), where="ablate")
        if not group or len(group) == len(names):
            what = "an empty group" if not group else "a group of all features"
            raise InvalidInput(f"ablate holds {what}", where="inspect", expected="some of them, so that some are left")
        groups.append(group)
    return tuple(groups)


def refit(
    trainer: Any, graph: Any, dataset: Dataset, groups: Sequence[tuple[str, ...]], judge: Callable[[Model], Any]
) -> tuple[Any, list[Any]]:
    """What `judge` says of the trainer's model of all features, and of one without each group.

    All are fitted on the same rows, in the same way, so that what differs is the features alone. Raises Misuse for a
    data set without splits: the rows that are judged would be those that were fitted on.
    Cost: one fit more than there are groups.
    """
    if trainer is None or graph is None:
        raise Misuse("ablation fits again", where="inspect", fix="say what: inspect(..., trainer=..., graph=...)")
    if dataset.split is None:
        raise Misuse(
            "the data set has no splits: rows fitted on would be judged", where="inspect", fix="split={'train': 8, ...}"
        )
    whole = judge(train(trainer, graph, dataset))
    return whole, [judge(train(trainer, graph.without(group), dataset)) for group in track(groups, "fitting again")]
