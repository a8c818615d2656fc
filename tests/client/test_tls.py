"""The clients over TLS: an authority and a certificate of one's own, and nothing said to who is not who it says."""

import asyncio
import ssl

import pytest

import headrace as hr
from headrace.errors import RequestFailed
from tests.serving.conftest import running
from tests.serving.papers import make_papers


@pytest.fixture(scope="module")
def papers(tmp_path_factory):
    """Certificates."""
    return make_papers(tmp_path_factory.mktemp("papers"))


def trusting(papers, *, with_client=True):
    """A TLS context that knows the authority."""
    context = ssl.create_default_context(cafile=str(papers / "ca.pem"))
    if with_client:
        context.load_cert_chain(papers / "client.pem", papers / "client.key")
    return context


def test_tls_and_certificates(pushed, papers):
    """Answers are those of plain HTTP; a server nobody vouches for is told no token, and a stranger gets no answer."""
    settings = {
        "HEADRACE_TLS_CERT": str(papers / "server.pem"),
        "HEADRACE_TLS_KEY": str(papers / "server.key"),
        "HEADRACE_TLS_CLIENT_CA": str(papers / "ca.pem"),
    }
    with running(pushed.home, environment=settings) as (client, _):
        url = f"https://127.0.0.1:{client.base_url.port}"
        with hr.Client(url, ssl_context=trusting(papers)) as known:
            for _ in range(2):  # the second on the connection of the first
                found = known.predict("late", pushed.table).predictions["prediction"].to_numpy()
                assert found.tobytes() == pushed.expected.tobytes()

        async def ask():
            async with hr.AsyncClient(url, ssl_context=trusting(papers)) as known:
                return (await known.predict("late", pushed.table)).predictions["prediction"].to_numpy()

        assert asyncio.run(ask()).tobytes() == pushed.expected.tobytes()
        with hr.Client(url) as trusting_nobody, pytest.raises(RequestFailed, match="not who it says"):
            trusting_nobody.endpoints()
        for place, context in ((url, trusting(papers, with_client=False)), (url.replace("https", "http"), None)):
            with hr.Client(place, ssl_context=context, retries=1) as stranger, pytest.raises(RequestFailed):
                stranger.endpoints()
