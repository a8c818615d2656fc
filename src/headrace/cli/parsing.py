"""How command lines are read: argparse, whose complaints are our errors, with the nearest name and what to type."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence
from typing import Any, NoReturn

from headrace.errors import InvalidInput, UnknownName

__all__ = ["Parser", "parser_of", "verbs_of"]


class Parser(argparse.ArgumentParser):
    """Reads the words after a command; what is wrong is raised: UnknownName with the nearest, or InvalidInput.

    Options are written whole: what is short today may be two options tomorrow.
    """

    def __init__(self, **options: Any) -> None:
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        options.setdefault("allow_abbrev", False)
        super().__init__(**options)

    def add_examples(self, examples: Sequence[str], note: str = "") -> None:
        """End the help with a note and lines to type."""
        lines = ["examples:", *(f"  {example}" for example in examples)] if examples else []
        self.epilog = "\n".join([*([note, ""] if note and lines else [note] if note else []), *lines]) or None

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Read the words; the first that is not known is refused here, where the options there are can be told."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            options = [word for word in unknown if word.startswith("-") and word != "-"]
            if options:
                name = options[0].partition("=")[0]
                raise UnknownName("option", name, [known for known in self._option_string_actions if known != "-h"])
            raise InvalidInput(f"{unknown[0]!r} is one word too many", where=self.prog, fix=self._more())
        return found, unknown

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            is_verb = isinstance(action, argparse._SubParsersAction)
            name = action.option_strings[-1] if action.option_strings else str(action.metavar or action.dest)
            kind = f"verb of {self.prog}" if is_verb else f"value of {name}"
            raise UnknownName(kind, str(value), map(str, action.choices))

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print."""
        raise InvalidInput(message, where=self.prog, fix=self._more())

    def _more(self) -> str:
        return f"`{self.prog} --help` has examples"


def parser_of(name: str, line: str) -> Parser:
    """The parser of a command, which is the module of that name in `commands`; `line` says what it does."""
    command = importlib.import_module(f"headrace.cli.commands.{name}")
    parser = Parser(prog=f"headrace {name}", description=f"{line[:1].upper()}{line[1:]}.")
    command.add_arguments(parser)
    examples: Sequence[str] = getattr(command, "EXAMPLES", ())
    parser.add_examples(examples, parser.epilog or "")
    for verb, (child, told) in verbs_of(parser).items():
        child.description = f"{told[:1].upper()}{told[1:]}."
        child.add_examples([example for example in examples if example.startswith(f"headrace {name} {verb}")])
    return parser


def verbs_of(parser: Parser) -> dict[str, tuple[Parser, str]]:
    """The verbs of a noun: each one's parser, and its line of help."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            told = {item.dest: item.help or "" for item in action._choices_actions}
            return {verb: (child, told.get(verb, "")) for verb, child in action.choices.items()}
    return {}
