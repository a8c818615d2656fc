"""The postgres extra: a source of tables and queries in PostgreSQL databases."""
