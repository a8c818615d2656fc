"""Push: a model that a gate accepted becomes what an endpoint serves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from headrace.errors import InvalidInput, NotAccepted
from headrace.store import Store, check_endpoint_name

if TYPE_CHECKING:  # the rooms are below; they bring onnxruntime, which `headrace --help` can do without
    from headrace.model import Model
    from headrace.rules import Verdict

__all__ = ["push"]


def push(
    store: Store,
    model: Model,
    verdict: Verdict,
    endpoint: str,
    *,
    expected_version: int | Literal["live"] | None = "live",
    run_id: str | None = None,
) -> int:
    """Put a model behind an endpoint, on a verdict that says yes to this very model.

    Parameters
    ----------
    store : Store
        Where the endpoint is; model and verdict are saved there when they are not in it yet.
    model : Model
        What to serve.
    verdict : Verdict
        The gate's word on it.
    endpoint : str
        Letters, digits, `-` and `_`; it is made when there is none.
    expected_version : int or None or "live"
        The version that was live when the model was judged; None: the endpoint did not exist then; "live": whatever
        is live now, for a person who looks at what happens.
    run_id : str, optional
        The run that pushes.

    Returns the version that has this model: one that is or was a version moves nothing, a new one counts up from 1.
    Raises NotAccepted, with the findings, when the verdict is a no; InvalidInput when it is about another model or the
    name is none; HostDiffers when this machine answers the golden rows differently; ChampionMoved, with nothing
    changed, when another version is live.

    Cost: answering the golden rows, saving model and verdict where they are new, and one transaction.
    """
    check_endpoint_name(endpoint)
    if not verdict.ok:
        said = [finding.message for finding in verdict.findings if not finding.ok]
        raise NotAccepted(
            "the gate said no: " + ("; ".join(said) or "no rule was met"),
            items=verdict.findings,
            where=f"endpoint {endpoint!r}",
            fix="train another model, or change the rules",
        )
    if verdict.model_digest != model.digest:
        raise InvalidInput(
            f"the verdict is about model {(verdict.model_digest or 'none')[:12]}, not {model.digest[:12]}",
            where=f"endpoint {endpoint!r}",
            expected="the verdict on this model",
            fix="gate this model, then push it",
        )
    model.replay(where=f"before pushing to {endpoint!r}")
    if expected_version == "live":
        live = store.endpoint(endpoint)
        expected_version = None if live is None else live.version
    model_digest, verdict_digest = store.save_artifact(model), store.save_artifact(verdict)
    return store.push(endpoint, model_digest, verdict_digest, expected_version=expected_version, run_id=run_id)
