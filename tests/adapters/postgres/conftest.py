"""One server for all tests of the source."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers import postgres


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
    """The URI of a database without tables; one for all, because making one is a copy of hundreds of files."""
    postgres.run(
        server,
        "DROP SCHEMA IF EXISTS public, other CASCADE",
        "CREATE SCHEMA public",
        "GRANT USAGE ON SCHEMA public TO PUBLIC",
    )
    return server
