"""Records: what holds the store's tables, a SQLite file in the home or a PostgreSQL database that several share."""

from headrace.store._database import Connection, Cursor, Database
from headrace.store._format import VERSION, migrate, read_version

__all__ = ["VERSION", "Connection", "Cursor", "Database", "migrate", "read_version"]
