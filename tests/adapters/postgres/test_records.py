"""Records in PostgreSQL keep every promise that those in SQLite keep, and what several homes need beside."""

from __future__ import annotations

import pytest

from headrace.canonical import digest
from headrace.store import Store
from headrace.testing.sharing_cases import SharingCases
from headrace.testing.store_cases import StoreCases


def address(server, place):
    """Records of their own for a folder: a schema that is named after it."""
    return f"{server}?schema=s_{digest(str(place))[:16]}"


class TestPostgres(StoreCases):
    """Every promise of the contract, on PostgreSQL and a folder."""

    @pytest.fixture(autouse=True)
    def _server(self, server):
        self.server = server

    def open_store(self, place, **options):
        """A store in the folder's .headrace, with records in a schema of its own."""
        return Store.open(place / ".headrace", records=address(self.server, place), **options)


class TestSharing(SharingCases):
    """Several processes share work through PostgreSQL as they do through a file."""

    @pytest.fixture(autouse=True)
    def _server(self, server):
        self.server = server

    def open_store(self, place, **options):
        """A store in the folder's .headrace, with records in a schema of its own."""
        return Store.open(place / ".headrace", records=address(self.server, place), **options)
