"""Answered: one request of the log asked again: every value on the way, what each column adds, what is behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from headrace.errors import InvalidInput, StoreError
from headrace.orchestration.ancestry import Ancestry, ancestry_of

if TYPE_CHECKING:
    from headrace.store import Store

__all__ = ["Answered", "answered"]


@dataclass(frozen=True)
class Answered:
    """A request that was asked again.

    Parameters
    ----------
    rows : tuple of dict
        For each row its `values` by raw column; `steps`, what the transform makes of them on the way, by expression,
        where the transform is in the store; `features`; `prediction`; and `explanation`, as `Explanations.to_plain`
        says it.
    is_same : bool
        Whether all predictions are the ones that were given.
    behind : Ancestry or None
        Where the model came from; None where no run of this store made it.
    """

    rows: tuple[dict[str, Any], ...]
    is_same: bool
    behind: Ancestry | None


def answered(store: Store, rows: Sequence[dict[str, Any]]) -> Answered:
    """Ask the version that answered again.

    Parameters
    ----------
    store : Store
        Where the model lies.
    rows : sequence of dict
        Of one request, as `headrace.serving.asked.find_request` gives them.

    Raises InvalidInput where its values were not written down, StoreError where the model is gone.
    """
    from headrace.model import Model
    from headrace.serving.asked import replay

    first = rows[0]
    name = first["request_id"]
    if not first["request_is_sampled"]:
        raise InvalidInput(
            f"request {name} cannot be asked again: its values were not written down",
            where=f"HTTP status {first['request_status']}",
            expected="an answered request, with log_sample = 1",
        )
    if first["request_masked"]:
        raise InvalidInput(
            f"request {name} cannot be asked again",
            where=f"sensitive values and lists are not kept: {first['request_masked']}",
        )
    model = store.load_artifact(first["request_model_digest"], Model)
    found = replay(model, rows)
    behind = ancestry_of(
        store, first["request_model_digest"], endpoint=first["request_endpoint"], version=first["request_version"]
    )
    graph = _transform(store, behind)
    reasons = model.explain([item["values"] for item in found]).to_plain()
    for item, reason in zip(found, reasons, strict=True):
        if graph is not None:
            known = {*(f"x.{column}" for column in item["values"]), *graph.feature_names}
            item["steps"] = {text: value for text, value in graph.explain(item["values"]).items() if text not in known}
        item["explanation"] = reason
    is_same = all(item["prediction"] == row["prediction"] for item, row in zip(found, rows, strict=True))
    return Answered(tuple(found), is_same, behind)


def _transform(store: Store, behind: Ancestry | None) -> Any:
    """The transform that the model was made with; None where it is not in the store any more."""
    digest = "" if behind is None else behind.digest_of("transform_graph")
    if not digest:
        return None
    from headrace.transformation import TransformGraph

    try:
        return store.load_artifact(digest, TransformGraph)
    except StoreError:
        return None
