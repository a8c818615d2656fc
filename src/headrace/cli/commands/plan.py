"""`headrace plan FILE[:PIPELINE]`: what a run would do now."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

from headrace.cli.output import add_output, write_json, write_table
from headrace.cli.project import load, parameters

if TYPE_CHECKING:
    from headrace.orchestration.plan import Plan

__all__ = ["EXAMPLES", "add_arguments", "execute"]

EXAMPLES = (
    "headrace plan flights.py",
    "headrace plan flights.py:flights --set max_depth=6",
    "headrace plan flights.py -o json",
)

_MOST_REASONS = 4
_ACTIONS = ("will run", "runs if its input changes", "blocked", "skipped", "cached", "looked up")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `plan` takes."""
    parser.add_argument(
        "pipeline", metavar="FILE[:PIPELINE]", help="the pipeline's file; its name where there are several"
    )
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter of the pipeline")
    add_output(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Print it; 0, or 1 where it shows already that it cannot work."""
    pipeline = load(arguments.pipeline)
    values = parameters(pipeline, arguments.set)
    with redirect_stdout(sys.stderr):
        plan = pipeline.plan(**values)
    if arguments.output == "json":
        write_json(_plain(plan))
        return 1 if plan.problems else 0
    rows = []
    for step in plan.steps:
        rows.append({"step": step.name, "action": step.action, "why": step.why[0] if step.why else ""})
        rows += [{"why": more} for more in step.why[1:_MOST_REASONS]]
        if len(step.why) > _MOST_REASONS:
            rows.append({"why": f"and {len(step.why) - _MOST_REASONS} more: -o json lists them"})
    write_table(rows, ["step", "action", "why"], wraps=["why"])
    sys.stdout.write("\n" + "".join(f"{line}\n" for line in _summary(plan)))
    return 1 if plan.problems else 0


def _plain(plan: Plan) -> dict[str, Any]:
    return {
        "format": 1,
        "pipeline": plan.graph.pipeline,
        "plan": plan.identity,
        "parameters": plan.graph.parameters,
        "resolved": plan.resolved,
        "steps": [
            {
                "step": step.name,
                "action": step.action,
                "why": list(step.why),
                "changes": [change.to_plain() for change in step.changes],
                "line": step.line,
                "call": step.call,
            }
            for step in plan.steps
        ],
        "gone": list(plan.gone),
        "data": list(plan.data),
        "problems": list(plan.problems),
        "endpoints": [
            {"endpoint": push.endpoint, "serves": push.serves, "version": push.version, "what": push.what}
            for push in plan.pushes
        ],
    }


def _many(action: str, number: int) -> str:
    return "run if their input changes" if number > 1 and action == "runs if its input changes" else action


def _summary(plan: Plan) -> list[str]:
    lines = [*plan.problems, *plan.data]
    if plan.gone:
        lines.append(f"no longer part of it: {', '.join(plan.gone)}")
    counts = Counter(step.action for step in plan.steps)
    lines.append(
        ", ".join(f"{counts[action]} {_many(action, counts[action])}" for action in _ACTIONS if counts[action])
    )
    judges = [step for step in plan.steps if step.call in ("validate", "gate") and step.action in _ACTIONS[:2]]
    if judges:
        lines.append(f"to be judged anew: {', '.join(step.name for step in judges)}")
    for push in plan.pushes:
        serves = "serves nothing yet" if push.serves is None else f"serves version {push.serves}"
        lines.append(f"endpoint {push.endpoint} {serves}; {push.what}")
    return lines
