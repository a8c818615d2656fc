"""Lines: files that grow."""

from headrace.ingestion.streams.lines import Lines
from headrace.testing.stream_cases import StreamCases


class TestLines(StreamCases):
    """The laws of streams."""

    def publish(self, place, messages):
        """In order."""
        with (place / "log.jsonl").open("ab") as file:
            file.writelines(message + b"\n" for message in messages)

    def stream(self, place, **parameters):
        """Of this place."""
        return Lines("*.jsonl", base=str(place), **parameters)
