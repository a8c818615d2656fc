"""Fixtures: a project with a run, its pages, and who asks for them."""

import asyncio

import httpx
import pytest

from headrace.contained import Limits
from headrace.settings import load_settings
from headrace.store import Store
from headrace.web.app import make_app
from headrace.web.site import Site
from tests.orchestration.conftest import prepared, project

__all__ = ["prepared", "project"]

BASE = "http://127.0.0.1:8601"


class Client:
    """Asks the application itself, without a socket; keeps cookies as a browser does, and follows nothing."""

    def __init__(self, app, **headers):
        self._app, self._headers = app, {"accept": "text/html", **headers}
        self.cookies = httpx.Cookies()

    def request(self, method, path, **more):
        """One request, and its answer."""

        async def ask():
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(
                transport=transport, base_url=BASE, cookies=self.cookies, headers=self._headers
            ) as client:
                if "content" in more:
                    chunks = more["content"]

                    async def sent():
                        for chunk in chunks:
                            yield chunk

                    more["content"] = sent()
                answer = await client.request(method, path, **more)
                self.cookies = client.cookies
                return answer

        return asyncio.run(ask())

    def get(self, path, **more):
        """GET."""
        return self.request("GET", path, **more)

    def post(self, path, **more):
        """POST."""
        return self.request("POST", path, **more)


class Pages:
    """The pages of a project, asked for without a socket."""

    def __init__(self, months, store):
        self.months, self.store = months, store
        self.project = months.project
        self.site = Site(store, load_settings(self.project.folder), self.project.folder, limits=Limits(seconds=30))
        self.app = make_app(self.site)
        self.client = Client(self.app)

    def secret(self, role, *, name=None, reads=("*",)):
        """A new person's."""
        return self.site.tokens.add(name or f"a {role}", role, reads=reads)[1]

    def as_person(self, secret):
        """A client that sends a secret with each request."""
        return Client(self.app, authorization=f"Bearer {secret}")

    def mark(self):
        """What a form of the client's session carries."""
        if "headrace_session" not in self.client.cookies:
            self.client.get("/login")
        return self.site.sessions.mark(self.client.cookies["headrace_session"])

    def post(self, path, data=None, **more):
        """A form of the client's own session, as a browser sends it."""
        return self.client.post(path, data={"mark": self.mark(), **(data or {})}, headers={"origin": BASE}, **more)

    def data(self, path):
        """The JSON twin of a page."""
        answer = self.client.get(f"{path}.json")
        assert answer.status_code == 200, answer.text
        return answer.json()

    @property
    def run_id(self):
        """The newest run."""
        return self.store.runs(limit=1)[0].run_id


@pytest.fixture
def pages(project, prepared):
    """The pages of a project that has run once, whose only visitor sits at the machine."""
    months = prepared(project)
    with Store.open(project.folder / ".headrace") as store:
        yield Pages(months, store)
