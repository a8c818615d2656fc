"""Pub/Sub: against Google's own emulator."""

import itertools

import pytest

from headrace.testing.servers import MissingServer, pubsub_server
from headrace.testing.stream_cases import StreamCases

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
