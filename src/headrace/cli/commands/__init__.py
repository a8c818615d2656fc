"""The commands, one a file: `add_arguments(parser)`, `execute(arguments) -> exit code` and EXAMPLES, lines to type."""
