"""Kafka: against a broker that keeps its data, and the client's own mock cluster."""

import itertools
import re
import time

import pyarrow.parquet as pq
import pytest

from headrace.errors import InvalidInput, StoreError, UnknownName
from headrace.ingestion.closed import newest_versions
from headrace.ingestion.following import Follower, Limits
from headrace.store import Store
from headrace.testing.servers import MissingServer, kafka_server
from headrace.testing.stream_cases import StreamCases, events
from tests.months import PARQUET, as_messages, digest_of, how, months, write_months

confluent_kafka = pytest.importorskip("confluent_kafka")
from confluent_kafka.admin import AdminClient, NewTopic  # noqa: E402

import headrace as hr  # noqa: E402

pytestmark = pytest.mark.slow
_numbers = itertools.count()


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    """A broker for this file's tests."""
    try:
        with kafka_server(tmp_path_factory.mktemp("kafka")) as address:
            yield address
    except MissingServer as missing:
        pytest.skip(str(missing))


@pytest.fixture
def connected(broker, monkeypatch):
    """The environment that names the broker."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", broker)
    return broker


def make_topic(broker, partitions=1):
    """A new topic."""
    name = f"flights{next(_numbers)}"
    client = AdminClient({"bootstrap.servers": broker})
    client.create_topics([NewTopic(name, num_partitions=partitions)])[name].result(10)
    return name


def send(broker, topic, messages, partition=0):
    """Publish in order, and wait until the broker has all."""
    producer = confluent_kafka.Producer({"bootstrap.servers": broker, "enable.idempotence": True, "linger.ms": 5})
    for message in messages:
        producer.produce(topic, message, partition=partition)
    assert producer.flush(20) == 0


class TestKafka(StreamCases):
    """The laws of streams, with one partition."""

    @pytest.fixture
    def place(self, connected):
        """A new topic."""
        return connected, make_topic(connected)

    def publish(self, place, messages):
        """In order."""
        send(*place, messages)

    def stream(self, place, **parameters):
        """Of this place."""
        return hr.Kafka(place[1], **parameters)


def numbers(store, stream):
    """Those of all closed spans, in order."""
    found = []
    for span in newest_versions(store, stream.stream_id):
        found += pq.read_table(store.artifact_folder(span.digest) / "0.parquet")["number"].to_pylist()
    return found


def test_flights_from_a_topic_are_the_flights_of_the_files(connected, tmp_path):
    """One partition, in the order of the files: the data set has the same digest."""
    tables = months()
    write_months(tmp_path, tables)
    topic = make_topic(connected)
    send(connected, topic, [message for table in tables.values() for message in as_messages(table)])
    assert digest_of(tmp_path, f"hr.Kafka({topic!r}, {how(tables['2013-01'])})") == digest_of(tmp_path, PARQUET)


def test_partitions_come_one_after_the_other(connected, tmp_path):
    """Rows are in the order of partition and offset, whatever came first; an empty partition holds nothing back."""
    topic = make_topic(connected, partitions=3)
    messages = events(0, 24)
    send(connected, topic, messages[12:], partition=0)
    send(connected, topic, messages[:12], partition=2)
    stream = hr.Kafka(topic, time="at")
    for rows in (5, 1000):
        with Store.open(tmp_path / f"home{rows}") as store:
            Follower(store, stream, limits=Limits(rows=rows)).run(is_following=False)
            assert numbers(store, stream) == [*range(12, 24), *range(12)]


def test_the_group_is_told_what_is_committed(connected, tmp_path):
    """Whoever watches the lag of headrace-<stream> sees what the store has; nothing depends on it."""
    topic = make_topic(connected)
    send(connected, topic, events(0, 10))
    stream = hr.Kafka(topic, time="at")
    with Store.open(tmp_path / "home") as store:
        Follower(store, stream).run(is_following=False)
        assert store.stream(stream.stream_id).cursor["following"] == {"0": 10}
    group = f"headrace-{stream.stream_id[:12]}"
    consumer = confluent_kafka.Consumer({"bootstrap.servers": connected, "group.id": group})
    try:
        (place,) = consumer.committed([confluent_kafka.TopicPartition(topic, 0)], timeout=10)
    finally:
        consumer.close()
    assert place.offset == 10


def test_what_the_broker_removed_is_said(connected, tmp_path):
    """Offsets that were removed before they were read are set aside as missing, and what is left is taken."""
    topic = make_topic(connected)
    send(connected, topic, events(0, 10))
    client = AdminClient({"bootstrap.servers": connected})
    try:
        next(iter(client.delete_records([confluent_kafka.TopicPartition(topic, 0, 4)]).values())).result(10)
    except confluent_kafka.KafkaException as error:
        pytest.skip(f"this broker removes no records: {error}")
    reader = hr.Kafka(topic, time="at").connect()
    try:
        reader.seek({"0": 2})
        until = time.monotonic() + 20
        batches = []
        while sum(batch.num_rows for batch in batches) < 7 and time.monotonic() < until:
            batches.append(reader.poll(100, 0.2).batch)
    finally:
        reader.close()
    rows = [row for batch in batches for row in batch.to_pylist()]
    assert rows[0]["fault"] == "offsets 2 to 3 were removed by the broker before they were read"
    assert [row["position"] for row in rows[1:]] == list(range(4, 10))


def test_a_topic_that_is_not_there(connected):
    """The nearest is named; nothing is made by asking."""
    topic = make_topic(connected)
    for _ in range(2):
        with pytest.raises(UnknownName, match=rf"no topic named '{topic}x'.*did you mean '{topic}'"):
            hr.Kafka(f"{topic}x", time="at").connect()


def test_a_topic_that_was_made_anew(connected):
    """A topic that is shorter than what was read of it is not the one that was followed."""
    topic = make_topic(connected)
    send(connected, topic, events(0, 3))
    reader = hr.Kafka(topic, time="at").connect()
    try:
        with pytest.raises(InvalidInput, match=r"ends at offset 3, and 9 messages of it were read"):
            reader.seek({"0": 9})
    finally:
        reader.close()


def test_no_broker_answers(monkeypatch):
    """A port where nobody listens: one StoreError within the time it is given."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setattr("headrace.adapters.kafka.stream._ANSWER_S", 1.0)
    with pytest.raises(StoreError, match=r"no Kafka broker answers.*127\.0\.0\.1:1.*KAFKA_BOOTSTRAP_SERVERS"):
        hr.Kafka("flights", time="at").connect()


def test_a_broker_that_goes_away(tmp_path, monkeypatch):
    """A broker that dies while it is followed: one StoreError, and everything that was committed stays."""
    monkeypatch.setattr("headrace.adapters.kafka.stream._AWAY_S", 2.0)
    (tmp_path / "broker").mkdir()
    try:
        with Store.open(tmp_path / "home") as store:
            with pytest.raises(StoreError, match="no Kafka broker has answered for 2 s"):
                with kafka_server(tmp_path / "broker") as address:
                    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", address)
                    topic = make_topic(address)
                    send(address, topic, events(0, 5))
                    stream = hr.Kafka(topic, time="at")
                    stop = _Leave()
                    follower = Follower(store, stream, tell=stop)
                    with pytest.raises(_Left):
                        follower.run(is_following=True)
                    reader = stream.connect()
                    reader.seek({"0": 5})
                until = time.monotonic() + 60
                try:
                    while time.monotonic() < until:
                        reader.poll(10, 0.2)
                finally:
                    reader.close()
            assert store.stream(stream.stream_id).num_rows == 5
    except MissingServer as missing:
        pytest.skip(str(missing))


class _Left(Exception):
    """Enough."""


class _Leave:
    """Ends the follower at its first commit."""

    def __call__(self, event):
        raise _Left


def test_where_the_broker_is_comes_from_the_client_s_settings(connected, tmp_path, monkeypatch):
    """KAFKA_CLIENT_CONFIG is a file as the client's own; what is wrong with it is said without a value of it."""
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS")
    with pytest.raises(InvalidInput, match=r"no address of a Kafka broker.*KAFKA_BOOTSTRAP_SERVERS=host:9092"):
        hr.Kafka("flights", time="at").connect()
    file = tmp_path / "client.properties"
    monkeypatch.setenv("KAFKA_CLIENT_CONFIG", str(file))
    with pytest.raises(InvalidInput, match=r"cannot be read: No such file"):
        hr.Kafka("flights", time="at").connect()
    file.write_text(f"# ours\nbootstrap.servers = {connected}\nclient.id=headrace\n")
    topic = make_topic(connected)
    hr.Kafka(topic, time="at").connect().close()
    for text in ("sasl.password hunter2\n", f"bootstrap.servers={connected}\nno.such.setting=hunter2\n"):
        file.write_text(text)
        with pytest.raises(InvalidInput) as caught:
            hr.Kafka(topic, time="at").connect()
        assert not re.search("hunter2", str(caught.value))


def test_no_secret_is_recorded(connected, tmp_path, monkeypatch):
    """Neither the broker's address nor what is in the client's settings is in the store."""
    file = tmp_path / "client.properties"
    file.write_text("client.id=hunter2\n")
    monkeypatch.setenv("KAFKA_CLIENT_CONFIG", str(file))
    topic = make_topic(connected)
    send(connected, topic, events(0, 3))
    with Store.open(tmp_path / "home") as store:
        stream = hr.Kafka(topic, time="at")
        Follower(store, stream).run(is_following=False)
        assert len(numbers(store, stream)) == 3
    held = b"".join(path.read_bytes() for path in (tmp_path / "home").rglob("*") if path.is_file())
    assert b"hunter2" not in held and connected.encode() not in held
