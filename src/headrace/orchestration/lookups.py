"""Steps that are looked up, not run: `previous`, `champion`, and `load_schema` where there is no file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from headrace.orchestration.handles import Reference
from headrace.orchestration.tracing import Node

__all__ = ["Known", "looked_up"]


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
