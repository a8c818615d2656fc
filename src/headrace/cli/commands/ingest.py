"""`headrace ingest FILE[:PIPELINE] [--follow | --set-aside]`: take in the streams of a pipeline."""

from __future__ import annotations

import argparse
import base64
import json
import signal
import sys
from contextlib import redirect_stdout
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from headrace import progress
from headrace.cli.output import add_output, write_json_line, write_table
from headrace.cli.project import load, parameters
from headrace.errors import InvalidInput

if TYPE_CHECKING:
    from headrace.ingestion import Stream
    from headrace.store import Store

__all__ = ["EXAMPLES", "add_arguments", "execute"]

EXAMPLES = (
    "headrace ingest flights.py",
    "headrace ingest flights.py --follow",
    "headrace ingest flights.py --set-aside",
)

_COLUMNS = ["stream", "span", "version", "rows"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `ingest` takes."""
    parser.add_argument(
        "pipeline", metavar="FILE[:PIPELINE]", help="the pipeline's file; its name where there are several"
    )
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter of the pipeline")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--follow", action="store_true", help="go on until stopped, rather than take what is there")
    what.add_argument(
        "--set-aside", action="store_true", help="print the messages that were set aside, and why; take in nothing"
    )
    add_output(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Take in what is there, or go on until stopped (which is 0 too): what is held is committed first.

    With `-o json` each commit and each closed span is a line on standard output; so is each message of `--set-aside`.
    """
    from headrace.orchestration.stores import project_store
    from headrace.orchestration.streams import Following, streams_of
    from headrace.settings import load_settings

    pipeline = load(arguments.pipeline)
    with redirect_stdout(sys.stderr):
        streams = streams_of(pipeline, parameters(pipeline, arguments.set))
    if not streams:
        raise InvalidInput(
            f"pipeline {pipeline.name!r} reads no stream",
            where=str(pipeline.file),
            expected='hr.ingest(hr.Lines("logs/*.jsonl", time="at"), ...), or hr.Kafka or hr.PubSub',
            fix="`headrace run` reads files by itself",
        )
    settings = load_settings(pipeline.folder)
    with project_store(settings, read_only=arguments.set_aside) as store:
        if arguments.set_aside:
            return 0 if store is None else _show_set_aside(store, streams, arguments.output)
        assert store is not None
        following = Following(store, streams, settings, _Teller(arguments.output == "json"))
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: following.stop())
        following.run(is_following=arguments.follow)
        if arguments.output == "table":
            _show_spans(store, streams)
    return 0


class _Teller:
    """A line for each commit and each closed span."""

    def __init__(self, is_json: bool) -> None:
        self._is_json = is_json

    def __call__(self, event: dict[str, Any]) -> None:
        told = f"{event['stream']}: "
        if event["event"] == "closed":
            again = f", version {event['version']}" if event["version"] > 1 else ""
            told += f"span {event['span']} is closed{again}: {event['rows']:,} rows"
        else:
            told += f"{event['total_rows']:,} rows, {event['rate_per_s']:,.0f} a second"
            if event["watermark_us"] is not None:
                moment = datetime.fromtimestamp(event["watermark_us"] / 1e6, UTC)
                told += f", watermark {moment:%Y-%m-%d %H:%M:%S}"
            if event["waiting_rows"] is not None:
                told += f", {event['waiting_rows']:,} waiting"
            if event["total_set_aside"]:
                told += f", {event['total_set_aside']:,} set aside"
        progress.say(told)
        if self._is_json:
            write_json_line(event)


def _show_spans(store: Store, streams: list[Stream]) -> None:
    from headrace.ingestion.closed import newest_versions

    rows = [
        {"stream": stream.label, "span": span.name, "version": span.version, "rows": f"{span.num_rows:,}"}
        for stream in streams
        for span in newest_versions(store, stream.stream_id)
    ]
    if rows:
        write_table(rows, _COLUMNS)
    for stream in streams:
        found = store.stream(stream.stream_id)
        closed = sum(span.num_rows for span in newest_versions(store, stream.stream_id))
        if found is not None and found.num_rows > closed:
            progress.say(f"{stream.label}: {found.num_rows - closed:,} rows wait for their spans to be over")
        if found is not None and found.num_set_aside:
            progress.say(
                f"{stream.label}: {found.num_set_aside:,} messages were set aside: "
                "`headrace ingest FILE --set-aside` shows them, and why"
            )


def _show_set_aside(store: Store, streams: list[Stream], output: str) -> int:
    from headrace.ingestion.parts import read_part

    rows: list[dict[str, Any]] = []
    for stream in streams:
        folder = store.stream_folder(stream.stream_id)
        for part in store.stream_parts(stream.stream_id):
            for row in read_part(folder, part).to_pylist() if part.span is None else ():
                data = row.pop("data")
                found = {"stream": stream.label, **row, **_shown(data)}
                if output == "json":
                    sys.stdout.write(json.dumps(found) + "\n")
                else:
                    rows.append({**found, "message": str(next(iter(_shown(data).values())))[:200]})
    if output == "table" and rows:
        write_table(rows, ["stream", "partition", "position", "reason", "message"])
    elif output == "table":
        progress.say("nothing was set aside")
    return 0


def _shown(data: bytes | None) -> dict[str, Any]:
    """The bytes of a message as text, or, where they are none, in base64."""
    if data is None:
        return {"data": None}
    try:
        return {"data": data.decode("utf-8")}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode("ascii")}
