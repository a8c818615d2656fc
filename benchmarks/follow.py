"""Row `follow`: messages of a stream to committed rows, and to closed spans; a second.

Flights as JSON, one message each, from a file that grows, a Kafka topic on a broker process (noida-db) and Google's
Pub/Sub emulator, taken in by one process. Limit: the same bytes parsed by Arrow's JSON reader in one go, nothing
judged, written or closed. What servers and their clients take is in the figures of Kafka and Pub/Sub; that a Pub/Sub
subscription is empty is known after a lease of silence, so that its last span is not timed.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from _lines import line, options

from headrace.ingestion.following import Follower, Limits
from headrace.store import Store
from headrace.testing.servers import MissingServer, kafka_server, pubsub_server

HOW: dict[str, Any] = {"time": "time_hour", "span": "month", "time_zone": "America/New_York"}


def flights(num_rows: int) -> list[bytes]:
    """The first flights of 2013 as JSON."""
    sys.path.insert(0, str(Path(__file__).parent.parent / "examples" / "flights"))
    table = importlib.import_module("prepare").flights().slice(0, num_rows)
    found = []
    for row in table.to_pylist():
        row["time_hour"] = row["time_hour"].strftime("%Y-%m-%dT%H:%M:%SZ")
        found.append(json.dumps(row).encode())
    return found


@contextlib.contextmanager
def lines(folder: Path, messages: list[bytes]) -> Iterator[Any]:
    """A file."""
    from headrace.ingestion.streams.lines import Lines

    (folder / "log.jsonl").write_bytes(b"".join(message + b"\n" for message in messages))
    yield Lines(str(folder / "log.jsonl"), **HOW)


@contextlib.contextmanager
def kafka(folder: Path, messages: list[bytes]) -> Iterator[Any]:
    """A topic of four partitions."""
    from confluent_kafka import Producer
    from confluent_kafka.admin import AdminClient, NewTopic

    from headrace.adapters.kafka.stream import Kafka

    with kafka_server(folder) as broker:
        client = AdminClient({"bootstrap.servers": broker})
        client.create_topics([NewTopic("flights", num_partitions=4)])["flights"].result(20)
        producer = Producer({"bootstrap.servers": broker, "queue.buffering.max.messages": 1_000_000})
        for number, message in enumerate(messages):
            producer.produce("flights", message, partition=number % 4)
        assert producer.flush(60) == 0
        os.environ["KAFKA_BOOTSTRAP_SERVERS"] = broker
        yield Kafka("flights", **HOW)


@contextlib.contextmanager
def pubsub(folder: Path, messages: list[bytes]) -> Iterator[Any]:
    """A subscription without ordering."""
    from headrace.adapters.pubsub.stream import PubSub

    with pubsub_server(folder) as host:
        os.environ["PUBSUB_EMULATOR_HOST"] = host
        from google.cloud import pubsub_v1

        publisher = pubsub_v1.PublisherClient()
        publisher.create_topic(request={"name": "projects/p/topics/flights"})
        with pubsub_v1.SubscriberClient() as client:
            path = "projects/p/subscriptions/flights"
            client.create_subscription(request={"name": path, "topic": "projects/p/topics/flights"})
        for future in [publisher.publish("projects/p/topics/flights", message) for message in messages]:
            future.result(60)
        yield PubSub("projects/p/subscriptions/flights", **HOW)


def rates(stream: Any, folder: Path, num_rows: int) -> tuple[float, float, float]:
    """Rows a second until the last is committed, until the last span is closed, and of our own processor time."""
    with Store.open(folder / "home") as store:
        committed_s = closed_s = began_s = time.perf_counter()
        used_s = began_cpu_s = time.process_time()

        def tell(event: dict[str, Any]) -> None:
            nonlocal committed_s, closed_s, used_s
            if event["event"] == "commit":
                committed_s = time.perf_counter()
            closed_s, used_s = time.perf_counter(), time.process_time()

        follower = Follower(store, stream, tell=tell, limits=Limits(wait_s=1.0))
        follower.run(is_following=False)
        assert (follower.num_rows, follower.num_set_aside) == (num_rows, 0)
        # Closing goes on between commits; what it took is in the second figure alone where it came last.
        used = num_rows / (used_s - began_cpu_s)
        return num_rows / (committed_s - began_s), num_rows / (closed_s - began_s), used


def main() -> None:
    """Measure and print."""
    arguments = options(__doc__)
    messages = flights(2_000 if arguments.tiny else 100_000)
    few = messages[: len(messages) // 5]  # the emulator takes as long to be filled
    from headrace.ingestion.messages import read_objects

    data, schema = b"\n".join(messages), importlib.import_module("pyarrow").schema([])
    began_s = time.perf_counter()
    read_objects(data, schema)
    limit = len(messages) / (time.perf_counter() - began_s)
    for name, opened, some in (("lines", lines, messages), ("Kafka", kafka, messages), ("Pub/Sub", pubsub, few)):
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            try:
                with opened(folder, some) as stream:
                    committed, closed, used = rates(stream, folder, len(some))
            except MissingServer as missing:
                print(f"{name}: {missing}", file=sys.stderr)
                continue
        size = len(data) // len(messages)
        note = f"{len(some):,} flights as JSON, {size} bytes each; {used:,.0f} rows/s of our own processor time"
        line(
            "follow",
            f"{name}, to the last commit",
            "rows/s",
            committed,
            "Arrow's reader",
            limit,
            higher=True,
            note=note,
        )
        if name == "Pub/Sub":
            continue
        line("follow", f"{name}, to the last span", "rows/s", closed, "Arrow's reader", limit, higher=True, note=note)


if __name__ == "__main__":
    main()
