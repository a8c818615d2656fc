"""Kafka: against a broker that keeps its data, and the client's own mock cluster."""

import itertools

import pytest

from headrace.testing.servers import MissingServer, kafka_server
from headrace.testing.stream_cases import StreamCases

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
