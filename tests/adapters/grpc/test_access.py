"""gRPC asks the door who may ask what, and speaks TLS with the same files."""

from contextlib import contextmanager

import pytest

grpc = pytest.importorskip("grpc")

from headrace.access import Tokens  # noqa: E402  # behind the check that grpcio is installed
from headrace.adapters.grpc.listener import Grpc  # noqa: E402
from headrace.adapters.grpc.messages import HEALTH, message  # noqa: E402
from headrace.serving.core import Served, Serving  # noqa: E402
from headrace.serving.http import Door  # noqa: E402
from tests.adapters.grpc.test_listener import BODY_BYTES, CODES, Caller, free_port, raw_request  # noqa: E402
from tests.serving.conftest import pushed  # noqa: E402, F401  # a fixture
from tests.serving.papers import make_papers  # noqa: E402


@contextmanager
def listening(pushed, home, tls=None):  # noqa: F811
    """A listener over endpoint `late`; where it is."""
    serving = Serving()
    serving.flip(Served("late", 1, pushed.model.digest, pushed.model))
    door = Door(serving, body_bytes=BODY_BYTES, hosts=None, token="", home=home)
    door.is_ready = True
    place = f"127.0.0.1:{free_port()}"
    listener = Grpc(door, host="127.0.0.1", port=int(place.rpartition(":")[2]), body_bytes=BODY_BYTES, tls=tls)
    listener.start()
    try:
        yield place
    finally:
        listener.stop(1.0)


def test_a_token_is_for_its_endpoints(pushed, tmp_path):  # noqa: F811
    """Who may ask `late` is answered; who may ask another learns nothing of it; a stranger is nobody."""
    tokens = Tokens(tmp_path)
    mine, others = (tokens.add(name, "client", asks=[asks])[1] for name, asks in (("shop", "late"), ("other", "x*")))
    request = raw_request(pushed.table.slice(0, 1))
    with listening(pushed, tmp_path) as place:
        assert Caller(place, (("authorization", f"Bearer {mine}"),)).call("ModelInfer", request)
        other = Caller(place, (("authorization", f"Bearer {others}"),))
        named = message("ModelMetadataRequest")(name="late")
        for method, sent in (("ModelInfer", request), ("ModelMetadata", named), ("ModelReady", named)):
            code, said = other.code(method, sent)
            assert code is CODES.PERMISSION_DENIED and "carrier" not in said
        for method in ("ServerMetadata", "ModelInfer", "ModelReady", "RepositoryIndex"):
            assert Caller(place).code(method, request)[0] is CODES.UNAUTHENTICATED
        assert Caller(place).call(f"/{HEALTH}.Health/Check")


def secure(place, papers, *, is_known=False):
    """A caller over TLS, with a certificate of its own or without."""
    caller = Caller(place)
    own = [(papers / f"client.{end}").read_bytes() for end in ("key", "pem")] if is_known else []
    credentials = grpc.ssl_channel_credentials((papers / "ca.pem").read_bytes(), *own)
    caller.channel = grpc.secure_channel(place, credentials, options=[("grpc.use_local_subchannel_pool", 1)])
    return caller


def reaches(caller):
    """Whether the server hears it at all."""
    try:
        grpc.channel_ready_future(caller.channel).result(timeout=3)
    except grpc.FutureTimeoutError:
        return False
    return True


def test_tls(pushed, tmp_path):  # noqa: F811
    """With a certificate nothing else is spoken; with an authority for clients, to nobody without one."""
    papers = make_papers(tmp_path)
    files = [str(papers / "server.pem"), str(papers / "server.key")]
    request = raw_request(pushed.table.slice(0, 1))
    with listening(pushed, tmp_path / "home", [*files, ""]) as place:
        assert secure(place, papers).call("ModelInfer", request)
        assert not reaches(Caller(place))
    with listening(pushed, tmp_path / "home", [*files, str(papers / "ca.pem")]) as place:
        assert secure(place, papers, is_known=True).call("ModelInfer", request)
        assert not reaches(secure(place, papers))
