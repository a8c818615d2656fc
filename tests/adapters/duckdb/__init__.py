"""The duckdb extra."""
