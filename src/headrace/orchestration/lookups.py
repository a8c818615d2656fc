"""Steps that are looked up, not run: `previous`, `champion`, and `load_schema` where there is no file."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from headrace.orchestration.conditions import alternatives
from headrace.orchestration.handles import Reference
from headrace.orchestration.tracing import Node

if TYPE_CHECKING:
    from headrace.store import RunRow

__all__ = ["Inputs", "Known", "inputs_of", "is_looked_up", "is_refusal", "looked_up", "looked_up_of"]

_GIVEN_BY_YES = frozenset({"accepted", "approved", "leave"})


@dataclass(frozen=True)
class Known:
    """What was looked up: a digest (None: there is none), or another step's output that stands in its place."""

    digest: str | None = None
    needs: tuple[Reference, ...] = ()


def looked_up(node: Node, resolved: dict[str, Any]) -> Known | None:
    """What the plan found for this step, or None when the step has to run."""
    if node.call in ("previous", "champion"):
        return Known(resolved["digest"])
    if node.call == "load_schema":
        if resolved["from"] == "accepted":
            return Known(resolved["digest"])
        if resolved["from"] == "otherwise":
            return Known(needs=(node.arguments["otherwise"],))
    return None


def is_looked_up(call: str, resolved: Mapping[str, Any]) -> bool:
    """Whether a planned step is looked up: none that a run has to do, and none that it counts."""
    return call in ("previous", "champion") or resolved.get("from") in ("accepted", "otherwise")


def looked_up_of(run: RunRow) -> set[str]:
    """The steps of a recorded run that were looked up."""
    return {
        step["name"]
        for step in run.plan["steps"]
        if step["name"] in run.resolved and is_looked_up(step["call"], run.resolved[step["name"]])
    }


def is_refusal(need: Reference) -> bool:
    """Whether an output that is not there means that its step said no: a validation or a gate gives it with its yes."""
    return need.output in _GIVEN_BY_YES


@dataclass(frozen=True)
class Inputs:
    """What a step takes, once all before it has ended.

    Parameters
    ----------
    digests : dict of Reference to str or None
        What each came out as; None for a looked-up input that does not exist, and for an alternative that was skipped.
    withheld : Reference or None
        The first that was withheld, or never made: the step is blocked; or skipped, where one of them was.
    output : dict of str to str or None, or None
        What the step gives, where it is only looked up.
    """

    digests: dict[Reference, str | None]
    withheld: Reference | None = None
    output: dict[str, str | None] | None = None


def inputs_of(
    node: Node,
    resolved: dict[str, Any],
    ended: Mapping[str, Mapping[str, str | None]],
    left_out: Collection[str] = (),
) -> Inputs | None:
    """What a step takes; None while a step that it needs has not ended.

    `ended` maps steps to their outputs; `left_out` are those of them after which a step is skipped, not blocked: see
    `conditions.is_left_out`.
    """
    if any(need.step not in ended for need in node.needs):
        return None
    known = looked_up(node, resolved)
    digests: dict[Reference, str | None] = {}
    withheld = []
    for need in node.needs if known is None else known.needs:
        if need.output in ended[need.step]:
            digests[need] = ended[need.step][need.output]
        elif need.step in left_out and need in alternatives(node):
            digests[need] = None
        else:
            withheld.append(need)
    if withheld:
        # What nobody wants is not held up by what was withheld from it too.
        skipped = [need for need in withheld if need.step in left_out]
        return Inputs(digests, withheld=(skipped or withheld)[0])
    if known is None:
        return Inputs(digests)
    digest = digests[known.needs[0]] if known.needs else known.digest
    return Inputs(digests, output={next(iter(node.outputs)): digest})
