"""The commands, one a file: `add_arguments(parser)` and `execute(arguments) -> exit code`."""
