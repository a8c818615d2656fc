"""The metrics, one a file; the file's stem is the name users type, found by `headrace.lookup`."""
