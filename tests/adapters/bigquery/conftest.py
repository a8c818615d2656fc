"""One emulator of each kind for all tests of the source; each test has a dataset of its own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.servers import bigquery

_NUMBERS = itertools.count()
KINDS = ("bqemulator", "local-bigquery")


@pytest.fixture(scope="session")
def running() -> Iterator[dict[str, bigquery.Emulator]]:
    """Those that were started."""
    with ExitStack() as stack:
        found: dict[str, bigquery.Emulator] = {}

        class Starting(dict[str, bigquery.Emulator]):
            def __missing__(self, kind: str) -> bigquery.Emulator:
                found[kind] = stack.enter_context(bigquery.started(kind))
                self[kind] = found[kind]
                return found[kind]

        yield Starting()


@pytest.fixture(params=KINDS)
def emulator(
    request: pytest.FixtureRequest, running: dict[str, bigquery.Emulator], monkeypatch: pytest.MonkeyPatch
) -> bigquery.Emulator:
    """Each emulator in turn; skipped, with how to have it, where it is not installed."""
    try:
        bigquery.find(request.param)
    except FileNotFoundError as error:
        pytest.skip(f"BigQuery cannot be tested on it here: {error}")
    found = running[request.param]
    for name, value in found.environment.items():
        monkeypatch.setenv(name, value)
    return found


@pytest.fixture
def dataset(emulator: bigquery.Emulator) -> str:
    """The name of an empty dataset."""
    name = f"test_{next(_NUMBERS)}"
    emulator.client().create_dataset(name)
    return name
