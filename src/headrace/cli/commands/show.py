"""`headrace show [WHAT]`: a run, or what a step of it made, as a page to look at."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from headrace import disk, progress
from headrace.cli.project import find_run, opened
from headrace.errors import InvalidInput

__all__ = ["EXAMPLES", "add_arguments", "execute"]

EXAMPLES = (
    "headrace show",
    "headrace show evaluate",
    "headrace show validate -o html findings.html",
)

_WHAT = """what to show; the newest run by default. A step of the newest run (train), one of its outputs
(validate.accepted), a run (its id, the beginning of it, @last, @failed), a step of a run (RUN:STEP), an artifact (its
digest or at least six characters of it), or the model that is served: endpoint NAME"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `show` takes."""
    parser.add_argument("what", nargs="*", metavar="WHAT", help=_WHAT)
    parser.add_argument(
        "-o",
        "--output",
        nargs=2,
        metavar=("html", "FILE"),
        help="write one page into a file (-: standard output) instead of opening it",
    )


def execute(arguments: argparse.Namespace) -> int:
    """Open it, or write it; always 0."""
    from headrace.orchestration.showing import find_shown, page, write_pages

    with opened() as (store, _):
        shown = find_shown(store, arguments.what, find_run)
        if arguments.output is None:
            path = write_pages(store, shown, store.home.path / "pages")
        else:
            kind, file = arguments.output
            if kind != "html":
                raise InvalidInput(f"-o {kind}", expected="-o html FILE")
            text = page(store, shown)
            if file == "-":
                sys.stdout.write(text)
                return 0
            path = Path(file)
            disk.write_file(path, text.encode())
            progress.say(f"{shown.kind} {shown.name[:12]}: {path}")
            return 0
    if not _open(path):
        sys.stdout.write(f"{path}\n")
    return 0


def _open(path: Path) -> bool:
    """Whether a browser shows it now: only for a person at a desktop, never for a program that reads what we print."""
    has_desktop = sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if not has_desktop or not sys.stdout.isatty():
        return False
    import webbrowser

    return webbrowser.open(path.absolute().as_uri())
