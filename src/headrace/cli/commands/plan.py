"""`headrace plan FILE[:PIPELINE]`: what a run would do now."""

from __future__ import annotations

import argparse
import sys
from contextlib import redirect_stdout

from headrace.cli.output import add_output, write_json, write_table
from headrace.cli.project import load, parameters

__all__ = ["add_arguments", "execute"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `plan` takes."""
    parser.add_argument(
        "pipeline", metavar="FILE[:PIPELINE]", help="the pipeline's file; its name where there are several"
    )
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter of the pipeline")
    add_output(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Print it; always 0."""
    pipeline = load(arguments.pipeline)
    values = parameters(pipeline, arguments.set)
    with redirect_stdout(sys.stderr):
        plan = pipeline.plan(**values)
    rows = [
        {"step": step.name, "action": step.action, "why": step.why, "line": step.line, "call": step.call}
        for step in plan.steps
    ]
    if arguments.output == "json":
        plain = {"format": 1, "pipeline": plan.graph.pipeline, "plan": plan.identity}
        write_json({**plain, "parameters": plan.graph.parameters, "resolved": plan.resolved, "steps": rows})
    else:
        write_table(rows, ["step", "action", "line", "why"])
    return 0
