"""`headrace reject [RUN] [STEP] --because REASON [--by PERSON]`: say no to a run that waits for a person."""

from __future__ import annotations

import argparse

from headrace.cli.answering import add_answer, execute_answer

__all__ = ["EXAMPLES", "add_arguments", "execute"]

EXAMPLES = (
    "headrace reject --because unfair",
    "headrace reject @last approval --by ada --because 'too few rows in May'",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `reject` takes."""
    add_answer(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Record the no; 0, or with --resume how the run ended."""
    return execute_answer(arguments, is_approved=False)
