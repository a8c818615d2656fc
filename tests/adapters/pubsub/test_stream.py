"""Pub/Sub: against Google's own emulator."""

import itertools
import socket
import threading
import time

import pyarrow.parquet as pq
import pytest

from headrace.errors import InvalidInput, StoreError, UnknownName
from headrace.ingestion.closed import newest_versions
from headrace.store import Store
from headrace.testing.servers import MissingServer, pubsub_server
from headrace.testing.stream_cases import StreamCases, events, follow_until
from tests.months import PARQUET, as_messages, digest_of, how, months, write_months

pubsub_v1 = pytest.importorskip("google.cloud.pubsub_v1")

import headrace as hr  # noqa: E402

pytestmark = pytest.mark.slow
_numbers = itertools.count()


@pytest.fixture(scope="module")
def emulator(tmp_path_factory):
    """An emulator for this file's tests."""
    try:
        with pubsub_server(tmp_path_factory.mktemp("pubsub")) as address:
            yield address
    except MissingServer as missing:
        pytest.skip(str(missing))


@pytest.fixture
def connected(emulator, monkeypatch):
    """The environment that names the emulator and a project."""
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", emulator)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
    return emulator


def make_subscription():
    """A new topic and its subscription, of the same name; messages of a key keep their order."""
    name = f"flights{next(_numbers)}"
    topic = f"projects/p/topics/{name}"
    pubsub_v1.PublisherClient().create_topic(request={"name": topic})
    with pubsub_v1.SubscriberClient() as client:
        path = f"projects/p/subscriptions/{name}"
        client.create_subscription(
            request={"name": path, "topic": topic, "enable_message_ordering": True, "ack_deadline_seconds": 10}
        )
    return name


def send(name, messages):
    """Publish in order under one key, and wait until the service has all."""
    options = pubsub_v1.types.PublisherOptions(enable_message_ordering=True)
    client = pubsub_v1.PublisherClient(publisher_options=options)
    futures = [client.publish(f"projects/p/topics/{name}", message, ordering_key="k") for message in messages]
    for future in futures:
        future.result(20)


class TestPubSub(StreamCases):
    """The laws of streams."""

    @pytest.fixture
    def place(self, connected):
        """A new subscription."""
        return make_subscription()

    def publish(self, place, messages):
        """In order."""
        send(place, messages)

    def stream(self, place, **parameters):
        """Of this place."""
        return hr.PubSub(place, **parameters)


def test_flights_from_a_subscription_are_the_flights_of_the_files(connected, tmp_path):
    """One ordering key, in the order of the files: the data set has the same digest."""
    tables = months(150)
    write_months(tmp_path, tables)
    name = make_subscription()
    send(name, [message for table in tables.values() for message in as_messages(table)])
    assert digest_of(tmp_path, f"hr.PubSub({name!r}, {how(tables['2013-01'])})") == digest_of(tmp_path, PARQUET)


def test_what_is_held_keeps_its_lease(connected):
    """Messages that are held for longer than a lease come once: the lease is extended until the commit."""
    name = make_subscription()
    send(name, events(0, 20))
    connection = hr.PubSub(name, time="at").connect()
    try:
        connection.seek({})
        until, receipts = time.monotonic() + 30, []
        while sum(map(len, receipts)) < 20 and time.monotonic() < until:
            receipts.append(connection.poll(100, 0.2).receipt)
        until = time.monotonic() + 13
        while time.monotonic() < until:
            assert connection.poll(100, 0.2).batch.num_rows == 0
        for receipt in receipts:
            connection.acknowledge(receipt)
    finally:
        connection.close()


def test_the_same_bytes_twice_are_two_messages(connected, tmp_path):
    """What a publisher sends twice has two ids: both are rows, for a key of the data to tell apart."""
    name = make_subscription()
    send(name, events(0, 3) + events(0, 3))
    stream = hr.PubSub(name, time="at", idle_s=0.3)
    with Store.open(tmp_path / "home") as store:
        follow_until(store, stream, lambda store: bool(newest_versions(store, stream.stream_id)))
        (span,) = newest_versions(store, stream.stream_id)
        table = pq.read_table(store.artifact_folder(span.digest) / "0.parquet")
        assert table["number"].to_pylist() == [0, 1, 2, 0, 1, 2]


def test_a_subscription_that_is_not_there(connected):
    """The nearest is named."""
    name = make_subscription()
    with pytest.raises(UnknownName, match=rf"{name}x'.*did you mean 'projects/p/subscriptions/{name}'"):
        hr.PubSub(f"{name}x", time="at").connect()


def test_a_subscription_without_a_project(connected, monkeypatch):
    """A bare name needs a project; a whole one does not."""
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT")
    name = make_subscription()
    with pytest.raises(InvalidInput, match=r"has no project.*GOOGLE_CLOUD_PROJECT"):
        hr.PubSub(name, time="at").connect()
    hr.PubSub(f"projects/p/subscriptions/{name}", time="at").connect().close()
    hr.PubSub(name, time="at", project="p").connect().close()


def test_no_credentials(monkeypatch, tmp_path):
    """Without an emulator and without credentials: how to get some, and no stack of the client's."""
    monkeypatch.delenv("PUBSUB_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    with pytest.raises(InvalidInput, match=r"no credentials for Google's Pub/Sub.*gcloud auth"):
        hr.PubSub("projects/p/subscriptions/flights", time="at").connect()


def test_a_server_that_says_nothing(monkeypatch):
    """A port that accepts and never answers: one StoreError within the time it is given."""
    monkeypatch.setattr("headrace.adapters.pubsub.stream._ANSWER_S", 1.0)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(StoreError, match="Pub/Sub does not answer"):
            hr.PubSub("projects/p/subscriptions/flights", time="at").connect()


def test_a_service_that_goes_away(tmp_path, monkeypatch):
    """An emulator that dies while it is followed: one StoreError, and everything that was committed stays."""
    monkeypatch.setattr("headrace.adapters.pubsub.stream._AWAY_S", 2.0)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
    (tmp_path / "server").mkdir()
    gone = threading.Event()
    try:
        server = pubsub_server(tmp_path / "server")
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", server.__enter__())
    except MissingServer as missing:
        pytest.skip(str(missing))
    try:
        name = make_subscription()
        send(name, events(0, 5))
        stream = hr.PubSub(name, time="at", idle_s=0.3)

        def leave(store):
            row = store.stream(stream.stream_id)
            if row is not None and row.num_rows == 5 and not gone.is_set():
                gone.set()
                server.__exit__(None, None, None)
            return False

        with Store.open(tmp_path / "home") as store:
            began = time.monotonic()
            with pytest.raises(StoreError, match=r"Pub/Sub does not answer.*nothing was lost"):
                follow_until(store, stream, leave)
            assert gone.is_set() and time.monotonic() - began < 40
            assert store.stream(stream.stream_id).num_rows == 5
    finally:
        if not gone.is_set():
            server.__exit__(None, None, None)
