"""The duckdb extra: a source of tables and queries in DuckDB databases."""
