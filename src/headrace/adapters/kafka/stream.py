"""Kafka topics as streams: read by positions that are committed with the rows, so that no group decides what is new."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace import progress
from headrace.errors import InvalidInput, MissingExtra, StoreError, UnknownName
from headrace.ingestion.streams._contract import Connection, Delivery, Stream, delivery_of

if TYPE_CHECKING:
    from confluent_kafka import Message, TopicPartition

__all__ = ["Kafka"]

_BROKERS, _CONFIG = "KAFKA_BOOTSTRAP_SERVERS", "KAFKA_CLIENT_CONFIG"
_ANSWER_S = 10.0  # what a broker is given to answer a question
_AWAY_S = 30.0  # how long all brokers may be away
_PARTITIONS_S = 30.0  # how often new partitions are looked for


@dataclass(frozen=True)
class Kafka(Stream):
    """A topic of a Kafka cluster, all its partitions, from the oldest message that is kept.

    Parameters
    ----------
    topic : str
        Its name.

    Brokers and credentials are the client's: KAFKA_BOOTSTRAP_SERVERS, and KAFKA_CLIENT_CONFIG, the path of a file of
    `key=value` lines as the client has them (security.protocol, sasl.username ...). Neither is recorded. What was read
    stands in our store and nowhere else; the group headrace-<stream> is told too, for those who watch its lag. What the
    broker removed before it was read is set aside, as a message without data. All other parameters are those of every
    stream (`Stream`).

    Examples
    --------
    >>> Kafka("flights", time="time_hour", span="month").label
    "Kafka('flights')"
    """

    topic: str

    def connect(self, base: Path | None = None) -> Connection:
        """Ask a broker for the topic.

        Raises MissingExtra without the client, InvalidInput without a broker's address or with a setting the client
        does not know, UnknownName for a topic there is not, StoreError where no broker answers within 10 s.
        """
        try:
            import confluent_kafka  # noqa: F401  # what is missing is said before anything is asked
        except ModuleNotFoundError as error:
            raise MissingExtra("kafka stream", "Confluent's Kafka client", "kafka") from error
        return _Reader(self.topic, _settings(), f"headrace-{self.stream_id[:12]}")


def _settings() -> dict[str, Any]:
    found: dict[str, Any] = {}
    named = os.environ.get(_CONFIG)
    if named:
        try:
            lines = Path(named).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            raise InvalidInput(f"the client's settings cannot be read: {reason}", where=f"{_CONFIG}={named}") from error
        for number, line in enumerate(lines, 1):
            key, equals, value = line.strip().partition("=")
            if line.strip() and not key.startswith("#"):
                if not equals:
                    raise InvalidInput("not key=value", where=f"{named}, line {number}")  # the line may be a secret
                found[key.strip()] = value.strip()
    if os.environ.get(_BROKERS):
        found["bootstrap.servers"] = os.environ[_BROKERS]
    if not found.get("bootstrap.servers"):
        raise InvalidInput(
            "no address of a Kafka broker", where="environment", fix=f"set {_BROKERS}=host:9092, or {_CONFIG}=FILE"
        )
    return found


class _Reader:
    """All partitions of a topic, assigned rather than subscribed to: there is one follower, and it knows its places."""

    def __init__(self, topic: str, settings: dict[str, Any], group: str) -> None:
        import confluent_kafka

        self._topic, self._brokers = topic, str(settings["bootstrap.servers"])
        self._away_s: float | None = None
        ours = {
            "group.id": group,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
            "allow.auto.create.topics": False,
            "error_cb": self._on_error,
            "logger": _quiet(),
        }
        try:
            self._consumer = confluent_kafka.Consumer({**settings, **ours})
        except (confluent_kafka.KafkaException, ValueError, TypeError) as error:
            raise InvalidInput(f"the client refuses its settings: {_said(error)}", where=_CONFIG) from error
        try:
            self._partitions = self._ask(is_first=True)
        except BaseException:
            self._consumer.close()
            raise
        self._asked_s = time.monotonic()
        self._next: dict[int, int] = {}
        self._high: dict[int, int] = {}
        self._at_end: set[int] = set()
        self._missing: list[tuple[int, int, int]] = []

    def _on_error(self, error: Any) -> None:
        import confluent_kafka

        codes = (confluent_kafka.KafkaError._ALL_BROKERS_DOWN, confluent_kafka.KafkaError._AUTHENTICATION)
        if error.code() in codes and self._away_s is None:
            self._away_s = time.monotonic()
            progress.say(f"Kafka: {error.str()}; trying again for {_AWAY_S:.0f} s")

    def _ask(self, *, is_first: bool = False) -> list[int]:
        import confluent_kafka

        try:
            topics = self._consumer.list_topics(timeout=_ANSWER_S).topics
        except confluent_kafka.KafkaException as error:
            raise StoreError(
                f"no Kafka broker answers: {_said(error)}",
                where=self._brokers,
                fix=f"see that it runs and that {_BROKERS} names it; nothing was lost",
            ) from error
        if self._topic not in topics or not topics[self._topic].partitions:
            known = [name for name in topics if not name.startswith("__")]
            raise UnknownName("topic", self._topic, known, where=self._brokers)
        return sorted(topics[self._topic].partitions)

    def seek(self, following: Mapping[str, int]) -> None:
        for partition in self._partitions:
            self._begin(partition, following.get(str(partition)))
        self._assign()

    def _begin(self, partition: int, after: int | None) -> None:
        """Where to start: after what was committed, or where the oldest message is, if that comes later."""
        import confluent_kafka

        place = confluent_kafka.TopicPartition(self._topic, partition)
        try:
            low, high = self._consumer.get_watermark_offsets(place, timeout=_ANSWER_S)
        except confluent_kafka.KafkaException as error:
            raise StoreError(
                f"the broker of partition {partition} does not answer: {_said(error)}", where=self._brokers
            ) from error
        start = low if after is None else after
        if after is not None and after > high:
            raise InvalidInput(
                f"partition {partition} ends at offset {high:,}, and {after:,} messages of it were read",
                where=f"topic {self._topic}, {self._brokers}",
                expected="the topic that was followed before",
                fix="one that was made anew needs another name",
            )
        if start < low:
            self._missing.append((partition, start, low))
            start = low
        self._next[partition], self._high[partition] = start, high
        if start >= high:
            self._at_end.add(partition)

    def _assign(self) -> None:
        from confluent_kafka import TopicPartition

        self._consumer.assign([TopicPartition(self._topic, *item) for item in sorted(self._next.items())])

    def _find_partitions(self) -> None:
        """Partitions that a topic was given later are read from their beginning."""
        self._asked_s = time.monotonic()
        new = [partition for partition in self._ask() if partition not in self._next]
        for partition in new:
            self._partitions.append(partition)
            self._begin(partition, None)
        if new:
            self._assign()

    def poll(self, limit: int, timeout_s: float) -> Delivery:
        if time.monotonic() - self._asked_s > _PARTITIONS_S:
            self._find_partitions()
        rows: dict[str, list[Any]] = {"partition": [], "position": [], "data": [], "fault": []}
        for behind, first, last in self._missing:
            rows["partition"].append(str(behind))
            rows["position"].append(first)
            rows["data"].append(None)
            rows["fault"].append(f"offsets {first:,} to {last - 1:,} were removed by the broker before they were read")
        self._missing.clear()
        moved: set[int] = set()
        for message in self._consumer.consume(min(limit, 100_000), timeout_s):
            partition, offset = message.partition(), message.offset()
            if message.error() is not None or partition is None or offset is None:
                self._event(message, partition)
                continue
            self._away_s = None
            rows["partition"].append(str(partition))
            rows["position"].append(offset)
            rows["data"].append(message.value())
            rows["fault"].append(None)
            self._next[partition] = offset + 1
            self._at_end.discard(partition)
            moved.add(partition)
        if self._away_s is not None and time.monotonic() - self._away_s > _AWAY_S:
            raise StoreError(
                f"no Kafka broker has answered for {_AWAY_S:.0f} s", where=self._brokers, fix="nothing was lost"
            )
        following = {str(partition): self._next[partition] for partition in moved}
        waiting = {str(partition): self._waits(partition) for partition in self._partitions}
        receipt = {partition: self._next[partition] for partition in moved}
        return delivery_of(rows, receipt, following=following, waiting=waiting)

    def _event(self, message: Message, partition: int | None) -> None:
        """What came instead of a message: the end of a partition, or an error."""
        import confluent_kafka

        error = message.error()
        assert error is not None
        if error.code() == confluent_kafka.KafkaError._PARTITION_EOF and partition is not None:
            self._at_end.add(partition)
            self._away_s = None
            return
        codes = (confluent_kafka.KafkaError.OFFSET_OUT_OF_RANGE, confluent_kafka.KafkaError._AUTO_OFFSET_RESET)
        if error.code() in codes and partition is not None:
            self._begin(partition, self._next[partition])
            self._assign()
            return
        if error.retriable() or error.code() == confluent_kafka.KafkaError._ALL_BROKERS_DOWN:
            return
        raise InvalidInput(f"Kafka refuses: {error.str()}", where=f"topic {self._topic}, {self._brokers}")

    def _waits(self, partition: int) -> int:
        if partition in self._at_end:
            return 0
        from confluent_kafka import TopicPartition

        _, high = self._consumer.get_watermark_offsets(TopicPartition(self._topic, partition), cached=True)
        self._high[partition] = max(self._high[partition], high)
        return max(1, self._high[partition] - self._next[partition])

    def acknowledge(self, receipt: Any) -> None:
        """Tell the group, for those who watch it. It decides nothing here, so that a failure is passed over."""
        import confluent_kafka

        places: list[TopicPartition] = [confluent_kafka.TopicPartition(self._topic, *item) for item in receipt.items()]
        if places:
            try:
                self._consumer.commit(offsets=places, asynchronous=True)
            except confluent_kafka.KafkaException:
                return

    def close(self) -> None:
        self._consumer.close()


def _quiet() -> Any:
    """A logger that says nothing: what matters comes as an error, once, and in our words."""
    import logging

    logger = logging.getLogger("headrace.kafka")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    return logger


def _said(error: Exception) -> str:
    inner = error.args[0] if error.args else error
    return str(inner.str() if hasattr(inner, "str") else inner)
