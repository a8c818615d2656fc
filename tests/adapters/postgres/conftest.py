"""One server for all tests, with a database for the source and one for records.

The source's driver reads the catalogue of a database whenever it connects: the tables of a hundred stores would be in
every answer that its tests count bytes of.
"""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.adapters.postgres.schemas import address, schema_of
from tests.servers import postgres


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The URI of a PostgreSQL server's database for records; tests are skipped, and say why, where there is none."""
    try:
        postgres.find("initdb")
    except FileNotFoundError as error:
        pytest.skip(f"PostgreSQL cannot be tested here: {error}")
    with postgres.started() as uri:
        postgres.run(uri, "CREATE DATABASE records")
        yield uri.removesuffix("/postgres") + "/records"


@pytest.fixture
def database(server: str) -> str:
    """The URI of a database without tables; one for all, because making one is a copy of hundreds of files."""
    uri = server.removesuffix("/records") + "/postgres"
    postgres.run(
        uri,
        "DROP SCHEMA IF EXISTS public, other CASCADE",
        "CREATE SCHEMA public",
        "GRANT USAGE ON SCHEMA public TO PUBLIC",
    )
    return uri


@pytest.fixture
def records(server, tmp_path):
    """An address of records that are not there yet."""
    return address(server, tmp_path)


@pytest.fixture
def look(server, records):
    """Ask the server what is in the tables, past the store."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"SET search_path = {schema_of(records)}")
        yield lambda sql: connection.execute(sql).fetchall()
