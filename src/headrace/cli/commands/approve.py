"""`headrace approve [RUN] [STEP] [--by PERSON] [--because REASON]`: let a run that waits for a person go on."""

from __future__ import annotations

import argparse

from headrace.cli.answering import add_answer, execute_answer

__all__ = ["EXAMPLES", "add_arguments", "execute"]

EXAMPLES = (
    "headrace approve",
    "headrace approve @last approval --by ada --because fair",
    "headrace approve 3f2a90c41d77 --resume",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `approve` takes."""
    add_answer(parser)
    parser.add_argument("--overrule", action="store_true", help="answer anew what was rejected: the no was wrong")


def execute(arguments: argparse.Namespace) -> int:
    """Record the yes; 0, or with --resume how the run ended."""
    return execute_answer(arguments, is_approved=True, is_overruling=arguments.overrule)
