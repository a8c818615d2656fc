"""Records in SQLite keep what persons answer; their table refuses to change it."""

import sqlite3

import pytest

from headrace.store import Store
from headrace.testing.approval_cases import ApprovalCases


class TestSqlite(ApprovalCases):
    """Every promise about questions, answers and notices, on SQLite and a folder."""

    def open_store(self, place, **options):
        """A store in the folder's .headrace."""
        return Store.open(place / ".headrace", **options)

    def test_answers_are_never_changed(self, store):
        """Not even by SQL: the table refuses."""
        run_id = self.asking(store)
        store.answer(run_id, "approval", is_approved=True, by="Ann")
        connection = sqlite3.connect(store.home.database)
        for statement in ("UPDATE approvals SET who = 'Bob'", "DELETE FROM approvals"):
            with pytest.raises(sqlite3.IntegrityError, match="append only"):
                connection.execute(statement)
        connection.close()
