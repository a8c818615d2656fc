"""One server for all tests of the source; each has a database of its own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.servers import postgres

_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The URI of a PostgreSQL server; tests are skipped, and say why, where there is none."""
    try:
        postgres.find("initdb")
    except FileNotFoundError as error:
        pytest.skip(f"PostgreSQL cannot be tested here: {error}")
    with postgres.started() as uri:
        yield uri


@pytest.fixture
def database(server: str) -> str:
    """The URI of an empty database."""
    name = f"test_{next(_NUMBERS)}"
    postgres.run(server, f"CREATE DATABASE {name}")
    return server.rpartition("/")[0] + f"/{name}"
