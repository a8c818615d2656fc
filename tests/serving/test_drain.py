"""Ending: the listener closes while connections go on."""

import socket

import pytest

from headrace.serving._drain import num_connections, num_unaccepted, stop_listening
from tests.serving.conftest import wait_until


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_no_new_connection_and_no_old_one_lost(family, host):
    """What is open goes on, what is new is refused, what waits to be accepted is counted first."""
    with socket.socket(family) as listener, socket.socket(family) as bound, socket.socket(family) as client:
        for one in (listener, bound):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((host, 0))
        port = listener.getsockname()[1]
        bound.bind((host, port))  # the port's holder: neither listens nor is connected
        listener.listen()
        assert (num_connections(port), num_unaccepted(port)) == (0, 0)
        with socket.create_connection((host, port)) as other:
            wait_until(lambda: num_unaccepted(port) == 1)
            accepted, _ = listener.accept()
            with accepted:
                assert num_unaccepted(port) == 0
                assert num_connections(port) == 1
                stop_listening(port)
                stop_listening(port)
                assert client.connect_ex((host, port)) != 0
                other.sendall(b"still here")
                assert accepted.recv(100) == b"still here"
                assert num_connections(port) == 1
            assert num_connections(port) == 0
