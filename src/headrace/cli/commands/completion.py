"""`headrace completion bash|zsh|fish`: a script for the shell, which asks `headrace` itself what may come next."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headrace.store import Store

__all__ = ["EXAMPLES", "add_arguments", "execute"]

EXAMPLES = (
    'eval "$(headrace completion bash)"',
    'eval "$(headrace completion zsh)"',
    "headrace completion fish | source",
)

# Asking costs a Python start (0.1 s) a key, and is never out of date: options, runs, endpoints and steps are those of
# this installation and this project. Where nothing is said, the shell completes files.
_SCRIPTS = {
    "bash": """\
_headrace() {
    local IFS=$'\\n'
    COMPREPLY=($(headrace completion words -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _headrace headrace
""",
    "zsh": """\
_headrace() {
    local -a found
    found=(${(f)"$(headrace completion words -- "${(@)words[2,$CURRENT]}" 2>/dev/null)"})
    if (( $#found )); then compadd -a found; else _files; fi
}
if (( ! $+functions[compdef] )); then autoload -Uz compinit && compinit; fi
compdef _headrace headrace
""",
    "fish": """\
function __headrace_words
    headrace completion words -- (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null
end
complete -c headrace -f -n 'count (__headrace_words) >/dev/null' -a '(__headrace_words)'
""",
}
_MOST = 50


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `completion` takes."""
    parser.add_argument("shell", metavar="SHELL", choices=(*_SCRIPTS, "words"), help="bash, zsh or fish")
    parser.add_argument("words", nargs="*", help=argparse.SUPPRESS)  # what the scripts ask with: the words so far


def execute(arguments: argparse.Namespace) -> int:
    """Print the script, or, for `words`, what the last of them may be, a line each; always 0."""
    if arguments.shell == "words":
        for word in _candidates(arguments.words or [""]):
            sys.stdout.write(word + "\n")
    else:
        sys.stdout.write(_SCRIPTS[arguments.shell])
    return 0


def _candidates(words: list[str]) -> list[str]:
    """What the last of the words after `headrace` may be."""
    from headrace.cli._main import COMMANDS
    from headrace.cli.parsing import parser_of

    *before, last = words
    if before[:1] == ["help"]:
        before = before[1:]
    if not before:
        return _beginning(last, [*COMMANDS, "help"])
    if before[0] not in COMMANDS:
        return []
    parser: argparse.ArgumentParser = parser_of(before[0], COMMANDS[before[0]])
    position, taking = 0, None  # how many words without a dash there were; the option whose value comes next
    for word in before[1:]:
        verbs = _verbs(parser)
        if taking is not None:
            taking = None
        elif word.startswith("-"):
            found = parser._option_string_actions.get(word)
            taking = found if found is not None and found.nargs is None else None
        elif verbs and word in verbs:
            parser = verbs[word]
        else:
            position += 1
    if taking is not None:
        return _beginning(last, _values(taking))
    if last.startswith("-"):
        return _beginning(last, [name for name in parser._option_string_actions if name.startswith("--")])
    verbs = _verbs(parser)
    if verbs:
        return _beginning(last, list(verbs))
    places = [action for action in parser._actions if not action.option_strings]
    if not places:
        return []
    place = places[min(position, len(places) - 1)]
    return _beginning(last, _values(place)) if position < len(places) or place.nargs == "*" else []


def _verbs(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def _beginning(last: str, words: list[str]) -> list[str]:
    return [word for word in words if word.startswith(last)]


def _values(action: argparse.Action) -> list[str]:
    """What may stand in a place: its choices, or what the store knows of its kind."""
    from headrace.errors import HeadraceError

    if action.choices is not None:
        return [str(choice) for choice in action.choices]
    metavar = action.metavar if isinstance(action.metavar, str) else ""
    if metavar not in ("RUN", "STEP", "ENDPOINT", "PIPELINE", "DATASET", "MODEL"):
        return []
    from headrace.cli.project import opened

    try:
        with opened() as (store, _):
            return _known(store, metavar)
    except HeadraceError:
        return []  # no store yet, or settings that cannot be read: nothing to propose


def _known(store: Store, metavar: str) -> list[str]:
    if metavar == "ENDPOINT":
        return [one.name for one in store.endpoints()]
    if metavar in ("DATASET", "MODEL"):
        return [item.digest[:12] for item in store.catalog(metavar.lower(), limit=_MOST)]
    runs = store.runs(limit=_MOST)
    if metavar == "PIPELINE":
        return sorted({run.pipeline for run in runs})
    if metavar == "STEP":
        return [planned["name"] for planned in runs[0].plan["steps"]] if runs else []
    return ["@last", "@failed", *(run.run_id for run in runs)]
