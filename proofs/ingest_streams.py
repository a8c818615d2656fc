"""Proof: SIGKILL of a follower at any moment loses no message and commits none twice.

Numbered messages are published while `headrace ingest --follow` takes them in; the follower is killed at 30 random
moments, each time after it has committed something new, and started again. Streams: a file that grows; a Kafka topic of
four partitions on a broker process (noida-db); a subscription of Google's Pub/Sub emulator.

At the end everything published is in a closed span, each number once; nothing was set aside; every artifact has its
bytes. After each kill what the broker was told is committed (Kafka's group offsets) is never ahead of the store: the
acknowledgement comes after the commit. With Pub/Sub the service itself keeps account, so that one message acknowledged
too early would be missing at the end; how many came again, and were known, is printed. One JSON line a kill, and one a
stream that sums up. A stream whose server is not on this machine is said to be skipped.

    python proofs/ingest_streams.py [lines kafka pubsub] [--share 10] [--seed 1]
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from headrace.store import Store
from headrace.testing.servers import MissingServer, kafka_server, pubsub_server

NUM_KILLS = 30
ROWS_A_TURN, TURN_S = 20, 0.05
LEAD = 5_000  # how far ahead of the follower is published: what is left at the end has to be taken in too
PATIENCE_S = 120.0
FIRST = datetime(2013, 1, 1)
PARTITIONS = 4

PIPELINE = """
import headrace as hr


@hr.pipeline
def flow():
    hr.ingest({stream})
"""
HOW = 'time="at", span="day", types={"number": "int64"}, idle_s=3.0'


def message(number: int) -> bytes:
    """A numbered message, a minute after the one before."""
    at = FIRST + timedelta(minutes=number)
    return json.dumps({"number": number, "at": f"{at:%Y-%m-%dT%H:%M:%SZ}", "word": f"w{number % 7}"}).encode()


class Publisher(threading.Thread):
    """Sends numbered messages until it is stopped."""

    def __init__(self, send: Callable[[int, list[bytes]], None]) -> None:
        super().__init__(daemon=True)
        self._send, self._is_ended = send, threading.Event()
        self.num_sent, self.num_taken = 0, 0
        self.error: Exception | None = None

    def run(self) -> None:
        """Send a few, wait a little."""
        try:
            while not self._is_ended.wait(TURN_S):
                if self.num_sent > self.num_taken + LEAD:
                    continue
                self._send(self.num_sent, [message(self.num_sent + index) for index in range(ROWS_A_TURN)])
                self.num_sent += ROWS_A_TURN
        except Exception as error:
            self.error = error

    def end(self) -> None:
        """Stop, with everything sent."""
        self._is_ended.set()
        self.join()
        if self.error is not None:
            raise self.error


@contextlib.contextmanager
def lines(folder: Path) -> Iterator[tuple[str, dict[str, str], Any, Any]]:
    """A file that grows."""
    path = folder / "log.jsonl"
    path.touch()

    def send(first: int, messages: list[bytes]) -> None:
        with path.open("ab") as file:
            file.write(b"".join(item + b"\n" for item in messages))

    yield f'hr.Lines("log.jsonl", {HOW})', {}, send, lambda store: None


@contextlib.contextmanager
def kafka(folder: Path) -> Iterator[tuple[str, dict[str, str], Any, Any]]:
    """A topic of several partitions; the check compares the group's offsets with the store's."""
    from confluent_kafka import Consumer, Producer, TopicPartition
    from confluent_kafka.admin import AdminClient, NewTopic

    with kafka_server(folder) as broker:
        client = AdminClient({"bootstrap.servers": broker})
        client.create_topics([NewTopic("flights", num_partitions=PARTITIONS)])["flights"].result(20)
        producer = Producer({"bootstrap.servers": broker, "enable.idempotence": True, "linger.ms": 1})

        def send(first: int, messages: list[bytes]) -> None:
            for index, item in enumerate(messages):
                producer.produce("flights", item, partition=(first + index) % PARTITIONS)
            if producer.flush(30):
                raise RuntimeError("the broker did not take the messages")

        def check(store: Any) -> str | None:
            (stream,) = store.followed_streams()
            group = f"headrace-{stream.stream_id[:12]}"
            consumer = Consumer({"bootstrap.servers": broker, "group.id": group, "enable.auto.commit": False})
            try:
                places = [TopicPartition("flights", partition) for partition in range(PARTITIONS)]
                told = {str(place.partition): place.offset for place in consumer.committed(places, timeout=20)}
            finally:
                consumer.close()
            ours = stream.cursor.get("following", {})
            ahead = {name: offset for name, offset in told.items() if offset > ours.get(name, 0)}
            return f"the broker was told more than was committed: {ahead} beside {ours}" if ahead else None

        yield f'hr.Kafka("flights", {HOW})', {"KAFKA_BOOTSTRAP_SERVERS": broker}, send, check


@contextlib.contextmanager
def pubsub(folder: Path) -> Iterator[tuple[str, dict[str, str], Any, Any]]:
    """A subscription without ordering: what a killed follower held comes again when its lease ends."""
    with pubsub_server(folder) as host:
        os.environ["PUBSUB_EMULATOR_HOST"] = host
        from google.cloud import pubsub_v1

        publisher = pubsub_v1.PublisherClient()
        publisher.create_topic(request={"name": "projects/p/topics/flights"})
        with pubsub_v1.SubscriberClient() as client:
            path = "projects/p/subscriptions/flights"
            asked = {"name": path, "topic": "projects/p/topics/flights", "ack_deadline_seconds": 10}
            client.create_subscription(request=asked)

        def send(first: int, messages: list[bytes]) -> None:
            for future in [publisher.publish("projects/p/topics/flights", item) for item in messages]:
                future.result(30)

        environment = {"PUBSUB_EMULATOR_HOST": host, "GOOGLE_CLOUD_PROJECT": "p"}
        yield f'hr.PubSub("flights", {HOW})', environment, send, lambda store: None


STREAMS = {"lines": lines, "kafka": kafka, "pubsub": pubsub}


class Project:
    """A pipeline over one stream, its store, and its follower."""

    def __init__(self, folder: Path, stream: str, environment: dict[str, str]) -> None:
        self.folder = folder
        (folder / "flow.py").write_text(PIPELINE.format(stream=stream))
        (folder / "headrace.toml").write_text('home = ".headrace"\ncommit_s = 0.05\n')
        clean = {name: value for name, value in os.environ.items() if not name.startswith("HEADRACE_")}
        self.environment = {**clean, **environment}
        self.log = folder / "told.jsonl"
        self.home = folder / ".headrace"
        Store.open(self.home).close()  # read from the first moment on

    def start(self, *options: str) -> subprocess.Popen[bytes]:
        """A follower, in a process of its own."""
        with self.log.open("ab") as told, (self.folder / "errors.log").open("ab") as errors:
            command = [sys.executable, "-m", "headrace.cli", "ingest", "flow.py", "-o", "json", *options]
            return subprocess.Popen(command, cwd=self.folder, env=self.environment, stdout=told, stderr=errors)

    def rows(self) -> int:
        """Rows committed so far."""
        with Store.open(self.home, read_only=True) as store:
            return sum(stream.num_rows for stream in store.followed_streams())

    def again(self) -> int:
        """Messages that came again and were known, over all followers."""
        total = last = 0
        for line in self.log.read_text().splitlines():
            with contextlib.suppress(ValueError):  # the end of a killed one
                event = json.loads(line)
                total, last = (total if event["total_again"] >= last else total + last), event["total_again"]
        return total + last


def prove(name: str, num_kills: int, chance: random.Random) -> list[str]:
    """One stream; what went wrong."""
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as scratch, STREAMS[name](Path(scratch)) as (stream, environment, send, check):
        project = Project(Path(scratch), stream, environment)
        publisher = Publisher(send)
        publisher.start()
        for number in range(num_kills):
            before = publisher.num_taken = project.rows()
            process = project.start("--follow")
            until = time.monotonic() + PATIENCE_S
            while project.rows() == before and process.poll() is None and time.monotonic() < until:
                time.sleep(0.02)
            after_s = chance.uniform(0.0, 0.6)
            time.sleep(after_s)
            was_running = process.poll() is None
            process.kill()
            process.wait()
            with Store.open(project.home, read_only=True) as store:
                found = check(store)
            said = [found] if found else []
            if not was_running:
                said.append("the follower had ended by itself: " + (project.folder / "errors.log").read_text()[-500:])
            wrong += said
            report(
                {
                    "stream": name,
                    "kill": number + 1,
                    "after_s": round(after_s, 3),
                    "rows": project.rows(),
                    "wrong": said,
                }
            )
        publisher.end()
        last = project.start()
        if last.wait(5 * PATIENCE_S):
            wrong.append("the last follower ended with an error: " + (project.folder / "errors.log").read_text()[-500:])
        wrong += verify(project, publisher.num_sent, name, num_kills)
    return wrong


def verify(project: Project, num_sent: int, name: str, num_kills: int) -> list[str]:
    """Every number is in a closed span, once, and the store is whole."""
    import pyarrow.parquet as pq

    from headrace.ingestion.closed import newest_versions

    counts: collections.Counter[int] = collections.Counter()
    with Store.open(project.home, read_only=True) as store:
        (stream,) = store.followed_streams()
        spans = newest_versions(store, stream.stream_id)
        for span in spans:
            counts.update(pq.read_table(store.artifact_folder(span.digest) / "0.parquet")["number"].to_pylist())
        damage = [problem.what for problem in store.verify()]
    missing = [number for number in range(num_sent) if not counts[number]]
    twice = [number for number, count in counts.items() if count > 1]
    wrong = [f"{len(missing)} numbers are missing: {missing[:5]}"] if missing else []
    wrong += [f"{len(twice)} numbers are there twice: {twice[:5]}"] if twice else []
    wrong += [f"{stream.num_set_aside} messages were set aside"] if stream.num_set_aside else []
    wrong += damage
    report(
        {
            "stream": name, "kills": num_kills, "published": num_sent, "rows": sum(counts.values()),
            "missing": len(missing), "twice": len(twice), "came_again": project.again(), "spans": len(spans),
            "versions": sum(span.version for span in spans), "wrong": wrong,
        }
    )  # fmt: skip
    return wrong


def report(line: dict[str, Any]) -> None:
    """One JSON line."""
    print(json.dumps({"proof": "ingest_streams", **line}), flush=True)


def main() -> None:
    """All streams, or those named."""
    parser = argparse.ArgumentParser()
    parser.add_argument("streams", nargs="*", metavar="STREAM", help="lines, kafka, pubsub; all by default")
    parser.add_argument("--share", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    failed = []
    for name in given.streams or STREAMS:
        try:
            if prove(name, max(1, NUM_KILLS // given.share), random.Random(given.seed)):
                failed.append(name)
        except MissingServer as missing:
            report({"stream": name, "skipped": str(missing)})
    if failed:
        raise SystemExit(f"wrong: {', '.join(failed)}")


if __name__ == "__main__":
    main()
