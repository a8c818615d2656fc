"""Command line: `headrace VERB ...`. Data on standard output, all else on standard error."""

from headrace.cli._main import main

__all__ = ["main"]
