"""Lines: files that grow."""

import pytest

from headrace.ingestion.streams.lines import Lines
from headrace.testing.stream_cases import StreamCases


class TestLines(StreamCases):
    """The laws of streams."""

    def publish(self, place, messages):
        with (place / "log.jsonl").open("ab") as file:
            file.writelines(message + b"\n" for message in messages)

    def stream(self, place, **parameters):
        return Lines("*.jsonl", base=str(place), **parameters)
